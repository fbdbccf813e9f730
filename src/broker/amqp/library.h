// The one door to rabbitmq-c, and the owner of its connection state.
#pragma once

// IWYU pragma: begin_exports
#if __has_include(<rabbitmq-c/amqp.h>)
// From 0.12 on; the old names still exist there but are deprecated.
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif
// IWYU pragma: end_exports

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace gorgon::broker::amqp {

using State = std::remove_pointer_t<amqp_connection_state_t>;
struct DestroyState {
  void operator()(State* state) const { amqp_destroy_connection(state); }
};
/// Owns a connection and its socket. Destroying it says no goodbye and does not block.
using UniqueState = std::unique_ptr<State, DestroyState>;

/// Borrows `text`, which must outlive the use.
[[nodiscard]] inline amqp_bytes_t to_bytes(std::string_view text) {
  return {.len = text.size(), .bytes = const_cast<char*>(text.data())};
}
[[nodiscard]] inline std::string to_string(amqp_bytes_t bytes) {
  return bytes.len == 0 ? std::string()
                        : std::string(static_cast<const char*>(bytes.bytes), bytes.len);
}

/// The channel of consumers, publishes and acks.
inline constexpr amqp_channel_t kMainChannel = 1;
/// The channel of declarations: what the broker refuses closes its channel, and the main one must
/// not be closed by a question.
inline constexpr amqp_channel_t kScratchChannel = 2;

}  // namespace gorgon::broker::amqp
