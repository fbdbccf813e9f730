#include "broker/embedded/frame_stream.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/asio.h"
#include "base/result.h"
#include "broker/embedded/wire.h"

namespace gorgon::broker::embedded {

namespace {
constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
constexpr std::size_t kMaxIdleBytes = std::size_t{1} * 1024 * 1024;
}  // namespace

FrameStream::FrameStream(asio::local::stream_protocol::socket socket)
    : socket_(std::move(socket)), written_(socket_.get_executor()) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
}

void FrameStream::send(const Frame& frame) {
  if (is_closed_ || is_write_broken_) return;
  std::string bytes = encode(frame);
  std::size_t written = 0;
  if (!is_flushing_) {
    // At once, without a turn of the event loop: this is what the time from ack to the next
    // delivery consists of.
    boost::system::error_code ignored;
    written = socket_.write_some(asio::buffer(bytes), ignored);
    if (written == bytes.size()) return;
    front_offset_ = written;
    is_flushing_ = true;
  }
  unsent_bytes_ += bytes.size() - written;
  const bool starts = unsent_.empty();
  unsent_.push_back(std::move(bytes));
  if (starts) spawn(socket_.get_executor(), flush(shared_from_this()));
}

Task<void> FrameStream::flush([[maybe_unused]] std::shared_ptr<FrameStream> self) {
  while (!is_closed_ && !unsent_.empty()) {
    const auto rest = asio::buffer(unsent_.front()) + front_offset_;
    const auto [error, count] = co_await socket_.async_write_some(rest, as_value);
    if (error) {
      // The peer does not read any more. What it sent before may still wait to be read, acks among
      // it, so read() goes on to the end.
      is_write_broken_ = true;
      unsent_.clear();
      unsent_bytes_ = 0;
      written_.notify();
      co_return;
    }
    count_written(count);
  }
  is_flushing_ = false;
}

void FrameStream::count_written(std::size_t count) {
  unsent_bytes_ -= count;
  front_offset_ += count;
  if (front_offset_ == unsent_.front().size()) {
    unsent_.pop_front();
    front_offset_ = 0;
  }
  written_.notify();
}

Task<void> FrameStream::wait_for_room(std::size_t limit) {
  while (!is_closed_ && unsent_bytes_ > limit) co_await written_.wait();
}

Task<bool> FrameStream::wait_for_room_until(std::size_t limit,
                                            std::chrono::steady_clock::time_point deadline) {
  while (!is_closed_ && unsent_bytes_ > limit) {
    // Named first: GCC 12 lays out the frame wrongly when the co_await is in the condition.
    const bool is_in_time = co_await written_.wait_until(deadline);
    if (!is_in_time) co_return false;
  }
  co_return true;
}

/// Of the first received frame with its length; 0 when it is not complete.
Result<std::size_t> FrameStream::complete_frame_bytes() const {
  const std::string_view bytes = std::string_view(received_).substr(received_offset_);
  if (bytes.size() < kLengthBytes) return 0;
  std::size_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) {
    length = length << 8U | static_cast<unsigned char>(bytes[i]);
  }
  if (length > kMaxFrameBytes) {
    return fail(ErrorKind::kProtocol, "frame of " + std::to_string(length) + " bytes is too long");
  }
  return bytes.size() < kLengthBytes + length ? 0 : kLengthBytes + length;
}

Task<Result<Frame>> FrameStream::read() {
  for (;;) {
    GORGON_CO_TRY_ASSIGN(const std::size_t size, complete_frame_bytes());
    if (size > 0) {
      const std::string_view frame =
          std::string_view(received_).substr(received_offset_ + kLengthBytes, size - kLengthBytes);
      received_offset_ += size;
      co_return decode(frame);
    }
    received_.erase(0, std::exchange(received_offset_, 0));
    const std::size_t held = received_.size();
    // A large message must not leave its memory with each peer for good.
    if (held == 0 && received_.capacity() > kMaxIdleBytes) std::string().swap(received_);
    received_.resize(held + kReadBytes);
    const auto space = asio::buffer(received_.data() + held, kReadBytes);
    const auto [error, count] = co_await socket_.async_read_some(space, as_value);
    received_.resize(held + count);
    if (error || is_closed_) {
      close();
      co_return fail(ErrorKind::kConnectionLost, "the peer closed the connection");
    }
  }
}

void FrameStream::close() {
  if (is_closed_) return;
  is_closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  // unsent_ stays: a write of its first buffer may be under way until the socket's handlers have
  // run.
  written_.notify();
}

}  // namespace gorgon::broker::embedded
