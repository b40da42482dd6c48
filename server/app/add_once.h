#pragma once

#include <algorithm>
#include <utility>
#include <vector>

namespace relay {

template <class T>
void AddOnce(std::vector<T>& list, T one) {
  if (std::ranges::find(list, one) == list.end()) list.push_back(std::move(one));
}

}  // namespace relay
