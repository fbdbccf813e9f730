#include "command_host/googletest_filter.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace gorgon::command_host {

std::string googletest_filter(const std::vector<std::string>& names) {
  std::string filter;
  for (std::string name : names) {
    std::ranges::replace_if(name, [](char c) { return std::string_view(":-*").contains(c); }, '?');
    if (!filter.empty()) filter += ':';
    filter += name;
  }
  return filter;
}

}  // namespace gorgon::command_host
