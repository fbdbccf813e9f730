// One end of a connection between the embedded broker and a client: whole frames in and out of a
// unix stream socket, never blocking. It does not know what the frames mean.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "base/asio.h"
#include "base/result.h"
#include "broker/embedded/wire.h"

namespace gorgon::broker::embedded {

class FrameStream : public std::enable_shared_from_this<FrameStream> {
 public:
  explicit FrameStream(asio::local::stream_protocol::socket socket);

  /// Sends the frame now as far as the socket takes it, the rest as the peer reads. Frames arrive
  /// in order. Never fails: a broken connection shows in read().
  void send(const Frame& frame);
  /// What the socket has not taken yet.
  [[nodiscard]] std::size_t unsent_bytes() const { return unsent_bytes_; }
  /// Waits until at most `limit` bytes are unsent, or the stream is closed.
  [[nodiscard]] Task<void> wait_for_room(std::size_t limit);
  /// The same with an end: false when `deadline` came first.
  [[nodiscard]] Task<bool> wait_for_room_until(std::size_t limit,
                                               std::chrono::steady_clock::time_point deadline);
  /// The next frame; one reader. kConnectionLost: the peer is gone, or close() was called.
  /// kProtocol: it sent something else than frames.
  [[nodiscard]] Task<Result<Frame>> read();
  /// Drops the connection and what is unsent.
  void close();

 private:
  [[nodiscard]] Task<void> flush(std::shared_ptr<FrameStream> self);
  [[nodiscard]] Result<std::size_t> complete_frame_bytes() const;
  void count_written(std::size_t count);

  asio::local::stream_protocol::socket socket_;
  std::deque<std::string> unsent_;
  std::size_t front_offset_ = 0;  ///< Bytes of unsent_.front() that are written.
  std::size_t unsent_bytes_ = 0;
  bool is_flushing_ = false;
  bool is_closed_ = false;
  bool is_write_broken_ = false;
  Signal written_;
  std::string received_;
  std::size_t received_offset_ = 0;  ///< Start of the frames in received_ not handed out yet.
};

}  // namespace gorgon::broker::embedded
