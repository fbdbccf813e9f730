// What a test command writes as TAP.
#include <cstddef>
#include <cstdint>
#include <set>
#include <sstream>
#include <string>

#include "command_host/tap.h"
#include "fuzz.h"
#include "results/verdict.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  std::set<std::string> ids;
  command_host::TapReader reader(
      {.file = "t/a.t", .workspace = "/w"}, [&](const results::TestCase& found) {
        fuzz::demand(!found.name.empty(), "a case has a name");
        fuzz::demand(ids.insert(found.id).second, "no two cases have one id");
        fuzz::demand(results::is_bad(found.status) == found.failure.has_value(),
                     "a case that failed says why");
        fuzz::demand(found.seconds >= 0 && found.seconds <= 1e9, "a time can be added up");
      });
  std::istringstream lines{std::string(fuzz::text_of(data, size))};
  for (std::string line; std::getline(lines, line);) {
    [[maybe_unused]] const bool is_tap = reader.read(line);
  }
  for (const results::Failure& error : reader.finish())
    fuzz::demand(!error.message.empty(), "an error has words");
  return 0;
}
