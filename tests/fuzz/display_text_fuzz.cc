// Text of others on its way to a terminal.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/text.h"
#include "fuzz.h"
#include "report/display_text.h"

namespace {

void demand_harmless(const std::string& line) {
  using namespace gorgon;
  fuzz::demand(valid_utf8(line) == line, "a line is UTF-8");
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  fuzz::demand(std::ranges::none_of(line, is_control), "a line speaks to no terminal");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto text = fuzz::text_of(data, size);
  for (const std::string& line : report::safe_lines(text)) demand_harmless(line);
  const std::string line = report::safe_line(text);
  demand_harmless(line);
  const std::size_t columns = size % 100 + 1;
  fuzz::demand(report::columns_of(report::cut_end(line, columns, "...")) <= columns, "a cut fits");
  fuzz::demand(report::columns_of(report::cut_start(line, columns, "...")) <= columns,
               "a cut fits");
  for (const std::string& part : report::wrapped(line, columns + 2))
    fuzz::demand(report::columns_of(part) <= columns + 2, "a wrapped line fits");
  demand_harmless(report::shell_quoted(text));
  return 0;
}
