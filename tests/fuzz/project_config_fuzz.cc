// gorgon.json: a project's file, which may come from anywhere.
#include <cstddef>
#include <cstdint>

#include "config/project_config.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto file = fuzz::file_with(fuzz::text_of(data, size), "gorgon.json");
  const auto config = config::load_project_config(file, true);
  if (!config) fuzz::demand_readable(config.error());
  return 0;
}
