// Messages <-> JSON bytes. The only place that knows the field names of docs/messages.md.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/messages.h"

namespace gorgon::protocol {

[[nodiscard]] std::string encode(const Message& message);

/// kProtocol when `body` is not a message of this version; the text names the field. Unknown fields
/// are ignored. A version other than ours is kRefused and names both.
[[nodiscard]] Result<Message> decode(std::string_view body);

}  // namespace gorgon::protocol
