// What ctest tells: the list of its tests, or results as XML, which stand for what it prints, too.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "command_host/ctest_results.h"
#include "fuzz.h"
#include "plan/ctest_tests.h"
#include "results/verdict.h"

namespace {

using namespace gorgon;

void check_list(std::string_view text) {
  const auto tests = plan::parse_ctest_list(text);
  if (!tests) return fuzz::demand_readable(tests.error());
  for (const plan::CTestTest& test : *tests) {
    fuzz::demand(!test.name.empty(), "a test has a name");
    const auto selected = plan::select_of_ctest(*tests, {.globs = {test.name}});
    fuzz::demand(selected.has_value() || test.name.starts_with('!'), "its name selects it");
    if (tests->size() > 100) break;
  }
}

void check_results(std::string_view text) {
  const auto read = command_host::read_ctest(text, text, {.file = "a.b", .workspace = "/w"});
  if (!read) return fuzz::demand_readable(read.error());
  std::set<std::string> ids;
  for (const results::TestCase& one : read->cases) {
    fuzz::demand(ids.insert(one.id).second, "no two cases have one id");
    fuzz::demand(one.name == "a.b", "a case is of the test");
    fuzz::demand(results::is_bad(one.status) == one.failure.has_value(),
                 "a case that failed says why");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_list(text);
  check_results(text);
  return 0;
}
