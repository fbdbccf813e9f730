// What a runner and a runner host say: the tests' own processes.
#include <cstddef>
#include <cstdint>
#include <variant>

#include "base/result.h"
#include "fuzz.h"
#include "runner/runner_protocol.h"

namespace {

template <class T>
void demand_words(const gorgon::Result<T>& parsed) {
  if (!parsed) gorgon::fuzz::demand_readable(parsed.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto bytes = fuzz::text_of(data, size);
  const auto line = runner::parse_runner_line(bytes);
  demand_words(line);
  demand_words(runner::parse_status_line(bytes));
  demand_words(runner::parse_host_datagram(bytes));
  if (!line) return 0;
  if (const auto* done = std::get_if<runner::CaseDone>(&*line); done != nullptr && done->output) {
    fuzz::demand(done->output->from >= 0 && done->output->from <= done->output->to,
                 "output is a range of bytes");
  }
  if (const auto* done = std::get_if<runner::UnitDone>(&*line))
    fuzz::demand(done->seconds >= 0 && done->seconds <= 1e9, "a time can be added up");
  return 0;
}
