#pragma once

#include <set>
#include <string>

namespace relay {

// Folders in which a file must be readable so that it can be replaced in every usual way and read
// again by the same name: written in place, renamed over, or reached by links that then lead
// elsewhere, as those of Kubernetes (..data) and of ACME clients (live, archive) do. The folder of
// the file is one of them, and for each link on the way the folder of what it leads to. Never "/":
// what lies there, or is reached by a link to there, stands for itself. Empty if there is no such
// path, or too many links.
std::set<std::string> PlacesOf(const std::string& path);

}  // namespace relay
