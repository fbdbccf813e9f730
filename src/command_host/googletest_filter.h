// A text for --gtest_filter.
#pragma once

#include <string>
#include <vector>

namespace gorgon::command_host {

/// Takes the cases of these full names, one at least. What a filter cannot say, as a "-" or ":" in
/// a name, is "?" in it, so that a case that differs in such characters alone is taken as well.
[[nodiscard]] std::string googletest_filter(const std::vector<std::string>& names);

}  // namespace gorgon::command_host
