// What a worker is told over its control socket, and answers there.
#include <cstddef>
#include <cstdint>

#include "fuzz.h"
#include "worker/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto bytes = fuzz::text_of(data, size);
  (void)worker::is_leave_datagram(bytes);
  if (const auto activity = worker::parse_activity(bytes))
    fuzz::demand(worker::parse_activity(worker::activity_datagram(*activity)).has_value(),
                 "what was read can be said");
  const auto settings = worker::decode_settings(bytes);
  if (!settings) {
    fuzz::demand_readable(settings.error());
    return 0;
  }
  const auto encoded = worker::encode_settings(*settings);
  const auto again = worker::decode_settings(encoded);
  fuzz::demand(again && worker::encode_settings(*again) == encoded, "what is written is read back");
  return 0;
}
