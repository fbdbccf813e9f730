#include "report/page_shell.h"

#include <fmt/core.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/digest.h"
#include "base/embedded_file.h"
#include "report/junit.h"
#include "report/page_files.h"

namespace gorgon::report {

namespace {

/// All files of the page whose names end so, one behind the other.
std::string page_part(std::string_view ending) {
  std::string text;
  for (const EmbeddedFile& file : page_files()) {
    if (file.name.ends_with(ending)) text += file.bytes;
  }
  return text;
}

void put(std::string& page, std::string_view place, std::string_view text) {
  const std::size_t at = page.find(place);
  GORGON_CHECK(at != std::string::npos);
  page.replace(at, place.size(), text);
}

/// Nothing but the page's own style and script: not even a mistake of ours in the data could load
/// or run anything.
std::string policy_of(std::string_view style, std::string_view script, bool may_connect) {
  return fmt::format(
      "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; {}base-uri 'none'; "
      "form-action 'none'",
      sha256_base64(style), sha256_base64(script), may_connect ? "connect-src 'self'; " : "");
}

}  // namespace

PageShell page_shell(const PageParts& parts) {
  PageShell shell;
  const std::string style = page_part(".css") + std::string(parts.style);
  const std::string script =
      fmt::format("\"use strict\";\n{}{}addEventListener(\"DOMContentLoaded\", {});\n",
                  page_part(".js"), parts.script, parts.start);
  shell.policy = policy_of(style, script, parts.may_connect);
  std::string page = page_part(".html");
  put(page, "{policy}", shell.policy);
  put(page, "{style}", style);
  put(page, "{script}", script);
  constexpr std::string_view kData = "{data}";
  const std::size_t at = page.find(kData);
  GORGON_CHECK(at != std::string::npos);
  shell.before = page.substr(0, at);
  shell.after = page.substr(at + kData.size());
  put(shell.before, "{title}", xml_text(parts.title));
  return shell;
}

}  // namespace gorgon::report
