#pragma once

#include <set>
#include <string>

#include "protocol/base/result.h"

// Which files a process may open from now on: Landlock. What is open stays open. Looking for files
// (stat, access, readlink) is not restricted, nor is connecting to a unix socket.
namespace relay {

// Files and folders, the latter with all that is or comes below them. What is not there is left
// out.
struct FileRules {
  std::set<std::string> readable;
  std::set<std::string> writable;    // also read; files may be made, renamed within, and removed
  std::set<std::string> executable;  // also read
};

// The version of Landlock that the kernel has, from 1. Error: half a sentence that says why there
// is none.
base::Result<int> LandlockVersion();

// For the calling thread and those that it starts later; it must not be able to gain privileges
// (PR_SET_NO_NEW_PRIVS). Where the kernel can, it also keeps the process from signalling others and
// from the devices' ioctl. Error: half a sentence; nothing is restricted then.
base::Result<void> RestrictFiles(const FileRules& rules);

// To follow "cannot be read": what errno says of the failed open of `path`, and, where it is these
// rules that forbid it, that and what to do.
std::string WhyNotOpened(const std::string& path, int error);

}  // namespace relay
