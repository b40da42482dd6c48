#pragma once

#include <span>
#include <string_view>

namespace relay {

// A file of the connectivity page, as it lies in check_page/, built into the program.
struct CheckAsset {
  std::string_view path;  // "/check", "/check/page.js"
  std::string_view content_type;
  std::string_view content;
};

std::span<const CheckAsset> CheckAssets();

}  // namespace relay
