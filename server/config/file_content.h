#pragma once

#include <cstddef>
#include <string>

#include "protocol/base/result.h"

namespace relay {

// The content of a file, or of a pipe if it comes soon. Fails if it cannot be read or is larger;
// the error is a half sentence such as "cannot be read: No such file or directory".
base::Result<std::string> ReadFileContent(const std::string& path, std::size_t max_bytes);

// The content of a file that holds one secret, without the newlines at its end. Relative paths
// begin at `directory`, or at the working directory if that is empty. Fails if the file cannot be
// read, is empty or is larger than 64 KiB. The content never becomes part of the error.
base::Result<std::string> ReadSecretFile(const std::string& path, const std::string& directory);

}  // namespace relay
