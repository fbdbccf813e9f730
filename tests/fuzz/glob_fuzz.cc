// Patterns of files: the first line is the pattern, the rest a path.
#include <cstddef>
#include <cstdint>

#include "fuzz.h"
#include "plan/glob.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto text = fuzz::text_of(data, size);
  const auto end = text.find('\n');
  const auto pattern = text.substr(0, end);
  const auto path = end == text.npos ? text.substr(0, 0) : text.substr(end + 1);
  const auto patterns = plan::expand_braces(pattern);
  if (!patterns) {
    fuzz::demand_readable(patterns.error());
    return 0;
  }
  for (const auto& one : *patterns) (void)plan::matches_path(one, path);
  if (!plan::is_glob(path) && !path.empty()) (void)plan::matches_component(pattern, path);
  return 0;
}
