#include "broker/waiting.h"

#include <fmt/core.h>

#include <string>

#include "base/result.h"
#include "broker/broker.h"

namespace gorgon::broker {

Result<void> check_name(const std::string& name) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    return fail(ErrorKind::kRefused,
                fmt::format("\"{}\" cannot be the name of a queue: it must have 1 to {} bytes",
                            name.substr(0, kMaxNameBytes), kMaxNameBytes));
  }
  return {};
}

Result<void> check_message(const Message& message) {
  GORGON_TRY(check_name(message.to.name));
  if (message.body.size() > kMaxMessageBytes) {
    return fail(ErrorKind::kRefused,
                fmt::format("a message of {} bytes for {} is longer than the allowed {} bytes",
                            message.body.size(), message.to.name, kMaxMessageBytes));
  }
  return {};
}

Error no_such_queue_to_publish(const std::string& queue) {
  return {ErrorKind::kUnroutable,
          fmt::format("cannot publish to queue {}: it does not exist", queue)};
}

}  // namespace gorgon::broker
