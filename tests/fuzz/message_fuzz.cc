// Messages between machines, and what is done with a job that cannot be read.
#include <cstddef>
#include <cstdint>
#include <variant>

#include "base/paths.h"
#include "base/text.h"
#include "fuzz.h"
#include "protocol/codec.h"
#include "protocol/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto body = fuzz::text_of(data, size);
  (void)protocol::sender_of_job(body);
  const auto message = protocol::decode(body);
  if (!message) {
    fuzz::demand_readable(message.error());
    return 0;
  }
  if (const auto* unit = std::get_if<protocol::UnitMessage>(&*message))
    fuzz::demand(is_path_below(unit->unit.file), "a unit is a file of the project");
  if (const auto* job = std::get_if<protocol::JobDefinition>(&*message))
    fuzz::demand(is_id(job->id), "a job's id makes no path of its own");
  const auto encoded = protocol::encode(*message);
  const auto again = protocol::decode(encoded);
  fuzz::demand(again.has_value(), "what was encoded can be decoded");
  fuzz::demand(protocol::encode(*again) == encoded, "and is the same");
  return 0;
}
