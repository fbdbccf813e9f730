// gorgon_listener.json.
#include <cstddef>
#include <cstdint>

#include "config/listener_config.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto file = fuzz::file_with(fuzz::text_of(data, size), "gorgon_listener.json");
  const auto config = config::load_listener_config(file);
  if (!config) fuzz::demand_readable(config.error());
  return 0;
}
