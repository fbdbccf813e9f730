// The recorded runtimes, a file that other programs and people may write.
#include <cstddef>
#include <cstdint>

#include "fuzz.h"
#include "plan/runtimes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto runtimes =
      plan::load_runtimes(fuzz::file_with(fuzz::text_of(data, size), "runtimes.json"));
  for (const auto& [path, time] : runtimes)
    fuzz::demand(time.count() >= 0 && time.count() <= 1e9, "a runtime is a time");
  const auto text = plan::format_runtimes(runtimes);
  const auto again = plan::load_runtimes(fuzz::file_with(text, "runtimes.json"));
  fuzz::demand(plan::format_runtimes(again) == text, "what is written is read back");
  return 0;
}
