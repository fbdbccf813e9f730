// The JSON reader under everything that other processes send.
#include <cstddef>
#include <cstdint>

#include "base/json.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto value = parse_json(fuzz::text_of(data, size));
  if (!value) {
    fuzz::demand_readable(value.error());
    return 0;
  }
  const auto again = parse_json(dump_json(*value));
  fuzz::demand(again.has_value(), "what was written can be read");
  fuzz::demand(dump_json(*again) == dump_json(*value), "and is the same");
  return 0;
}
