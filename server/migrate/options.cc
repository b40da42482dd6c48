#include "server/migrate/options.h"

#include <algorithm>

#include "server/config/nearest.h"

namespace relay {

std::vector<const CoturnOption*> CoturnOptions() {
  std::vector<const CoturnOption*> all;
  for (const auto options : {NetworkOptions(), AuthOptions(), ServiceOptions()}) {
    for (const CoturnOption& option : options) all.push_back(&option);
  }
  return all;
}

const CoturnOption* FindCoturnOption(std::string_view name) {
  const auto all = CoturnOptions();
  const auto found =
      std::ranges::find_if(all, [&](const CoturnOption* option) { return option->name == name; });
  return found == all.end() ? nullptr : *found;
}

const CoturnOption& NearestCoturnOption(std::string_view name) {
  const auto all = CoturnOptions();
  std::vector<std::string_view> names;
  names.reserve(all.size());
  for (const CoturnOption* option : all) names.push_back(option->name);
  const CoturnOption* const nearest = all[FindNearest(name, names).place];
  return *nearest;
}

}  // namespace relay
