// Messages <-> JSON bytes. The only place that knows the field names of docs/messages.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/messages.h"

namespace gorgon::protocol {

[[nodiscard]] std::string encode(const Message& message);

/// kProtocol when `body` is not a message of this version; the text names the field. Unknown fields
/// are ignored. A version other than ours is kRefused and names both.
[[nodiscard]] Result<Message> decode(std::string_view body);

/// Where to refuse a job that decode() could not read, of whatever version.
struct Sender {
  std::string job;
  std::string reply_queue;
};
/// Also of a job in an envelope. Nullopt when `body` is no job, or does not say.
[[nodiscard]] std::optional<Sender> sender_of_job(std::string_view body);

}  // namespace gorgon::protocol
