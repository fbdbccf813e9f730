#include "broker/amqp/outbox.h"

#include <poll.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "base/result.h"
#include "broker/amqp/library.h"

namespace gorgon::broker::amqp {

namespace {
/// A socket is writable when a third of its send buffer is free (sk_stream_is_writeable in Linux'
/// net/sock.h); buffers start at 87 KB on Ethernet and 2.5 MB on loopback. So much always fits.
constexpr std::size_t kBodyFrameBytes = std::size_t{16} * 1024;
/// Type, channel, size and end of a frame; they count towards the limit the two sides agreed on.
constexpr std::size_t kFrameOverheadBytes = 8;

std::size_t body_frame_bytes(State* state) {
  const int limit = amqp_get_frame_max(state);
  if (limit <= 0) return kBodyFrameBytes;
  return std::min(kBodyFrameBytes, static_cast<std::size_t>(limit) - kFrameOverheadBytes);
}
}  // namespace

bool is_writable(int socket) {
  pollfd writable{.fd = socket, .events = POLLOUT, .revents = 0};
  return ::poll(&writable, 1, 0) == 1;
}

void Outbox::push(Send send, std::string body) {
  unwritten_bytes_ += body.size();
  items_.push_back({.send = std::move(send), .body = std::move(body)});
}

Result<bool> Outbox::write(State* state) {
  bool has_written = false;
  while (!items_.empty() && is_writable(amqp_get_sockfd(state))) {
    Item& item = items_.front();
    const int status = write_step(state, item);
    if (status != AMQP_STATUS_OK)
      return fail(ErrorKind::kConnectionLost, amqp_error_string2(status));
    has_written = true;
    if (!item.send && item.written == item.body.size()) items_.pop_front();
  }
  return has_written;
}

int Outbox::write_step(State* state, Item& item) {
  if (item.send) return std::exchange(item.send, nullptr)(state);
  const std::size_t count = std::min(body_frame_bytes(state), item.body.size() - item.written);
  amqp_frame_t frame{};
  frame.frame_type = AMQP_FRAME_BODY;
  frame.channel = kMainChannel;
  frame.payload.body_fragment = {.len = count, .bytes = item.body.data() + item.written};
  item.written += count;
  unwritten_bytes_ -= count;
  return amqp_send_frame(state, &frame);
}

}  // namespace gorgon::broker::amqp
