// Messages <-> JSON bytes. The only place that knows the field names of docs/messages.md.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/messages.h"

namespace gorgon::protocol {

[[nodiscard]] std::string encode(const Message& message);

/// kProtocol when `body` is not a message of this version; the text names the field. Unknown fields
/// are ignored. A version other than ours is kRefused and names both.
[[nodiscard]] Result<Message> decode(std::string_view body);

/// More than anybody of ours puts into one body.
inline constexpr std::size_t kMostLines = 1024;
/// The messages in `body`, a line each: none has a line break in it. They live as long as `body`.
/// Of a body with more lines than kMostLines the last one is all the rest, which decode() refuses.
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view body);
/// `message` behind those that are in `body`, in a line of its own.
void add_line(std::string& body, const Message& message);
/// The units of a body in the file queue. kProtocol: one of its lines is none, so that nobody can
/// say what the others are.
[[nodiscard]] Result<std::vector<UnitMessage>> units_in(std::string_view body);

/// Where to refuse a job that decode() could not read, of whatever version.
struct Sender {
  std::string job;
  std::string reply_queue;
};
/// Also of a job in an envelope. Nullopt when `body` is no job, or does not say.
[[nodiscard]] std::optional<Sender> sender_of_job(std::string_view body);

}  // namespace gorgon::protocol
