// What a test command writes as JUnit XML.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "command_host/junit.h"
#include "fuzz.h"
#include "results/verdict.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto junit =
      command_host::read_junit(fuzz::text_of(data, size), {.file = "t/a.js", .workspace = "/w"});
  if (!junit) {
    fuzz::demand_readable(junit.error());
    return 0;
  }
  std::set<std::string> ids;
  for (const results::TestCase& found : junit->cases) {
    fuzz::demand(ids.insert(found.id).second, "no two cases have one id");
    fuzz::demand(results::is_bad(found.status) == found.failure.has_value(),
                 "a case that failed says why");
    fuzz::demand(found.seconds >= 0 && found.seconds <= 1e9, "a time can be added up");
  }
  return 0;
}
