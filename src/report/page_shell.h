// The report's page without its data: markup, style and script, and the policy that lets nothing
// else in. A page of `gorgon web` is made of the same parts, and some of its own.
#pragma once

#include <string>
#include <string_view>

namespace gorgon::report {

struct PageParts {
  std::string title;
  std::string_view style = {};            ///< Behind the report's.
  std::string_view script = {};           ///< Behind the report's.
  std::string_view start = "showReport";  ///< The function that is called once all is there.
  bool may_connect = false;               ///< To where the page came from.
};
struct PageShell {
  std::string before;  ///< Up to the data: a JSON value as head_json() and record_json() make it.
  std::string after;
  std::string policy;  ///< The Content-Security-Policy that stands in it.
};
[[nodiscard]] PageShell page_shell(const PageParts& parts);

}  // namespace gorgon::report
