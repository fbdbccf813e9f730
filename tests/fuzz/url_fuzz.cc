// A connection as a URL.
#include <cstddef>
#include <cstdint>

#include "config/connection.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto connection = config::parse_url(fuzz::text_of(data, size));
  if (!connection) {
    fuzz::demand_readable(connection.error());
    return 0;
  }
  fuzz::demand(!connection->host.empty() && connection->port != 0, "there is somebody to call");
  return 0;
}
