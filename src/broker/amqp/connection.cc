#include "broker/amqp/connection.h"
namespace gorgon::broker::amqp {
Task<Result<std::unique_ptr<Connection>>> connect(config::Connection, std::string) {
  co_return fail(ErrorKind::kUnavailable, "not yet");
}
}  // namespace gorgon::broker::amqp
