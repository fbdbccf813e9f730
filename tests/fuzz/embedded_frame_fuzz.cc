// Frames on the socket of the embedded broker.
#include <cstddef>
#include <cstdint>

#include "broker/embedded/wire.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto bytes = fuzz::text_of(data, size);
  const auto frame = broker::embedded::decode(bytes);
  if (!frame) {
    fuzz::demand_readable(frame.error());
    return 0;
  }
  // Its length stands in front, in four bytes.
  fuzz::demand(broker::embedded::encode(*frame).substr(4) == bytes, "a frame has one form");
  return 0;
}
