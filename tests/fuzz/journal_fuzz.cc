// Lines of the journal that `gorgon resume` reads.
#include <cstddef>
#include <cstdint>
#include <variant>

#include "base/text.h"
#include "fuzz.h"
#include "originator/journal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gorgon;
  const auto line = fuzz::text_of(data, size);
  const auto head = originator::parse_head(line);
  if (head) {
    fuzz::demand(is_id(head->first.job), "a job's id makes no path of its own");
  } else {
    fuzz::demand_readable(head.error());
  }
  const auto record = originator::parse_record(line);
  if (!record) {
    fuzz::demand_readable(record.error());
    return 0;
  }
  if (const auto* reply = std::get_if<originator::ReplyRecord>(&*record))
    fuzz::demand(originator::is_journalled(reply->message), "only what is written is read");
  return 0;
}
