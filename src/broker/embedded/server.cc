#include "broker/embedded/server.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "broker/broker.h"
#include "broker/embedded/frame_stream.h"
#include "broker/embedded/queue_store.h"
#include "broker/embedded/wire.h"
#include "broker/waiting.h"

namespace gorgon::broker::embedded {

namespace {

using Protocol = asio::local::stream_protocol;

/// While more than this is unsent to a peer it gets no deliveries, and its requests wait: so much
/// memory (and one message) is what a stopped or slow peer can cost.
constexpr std::size_t kMaxUnsentBytes = std::size_t{4} * 1024 * 1024;
constexpr std::chrono::seconds kHelloLimit{10};
/// A year: clocks overflow at larger ones.
constexpr std::uint64_t kMaxExpiresSeconds = std::uint64_t{365} * 24 * 3600;
/// All workers of a machine may connect in one moment; a full backlog refuses unix connects.
constexpr int kBacklog = 1024;

Result<void> check_directory(const std::filesystem::path& directory) {
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0)
    return fail_errno("cannot use " + directory.string() + " for the embedded broker", errno);
  if (status.st_uid != ::geteuid() || (status.st_mode & 0077U) != 0) {
    return fail(ErrorKind::kRefused,
                fmt::format("{} must belong to us and be closed to other users (mode 0700)",
                            directory.string()));
  }
  return {};
}

/// Nullopt when the system does not say.
std::optional<uid_t> peer_user(int socket) {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
    return std::nullopt;
  return credentials.uid;
}

std::chrono::seconds to_expires(std::uint64_t seconds) {
  return std::chrono::seconds(std::min(seconds, kMaxExpiresSeconds));
}

Status to_status(ErrorKind kind) {
  return kind == ErrorKind::kNotFound ? Status::kNotFound : Status::kRefused;
}

}  // namespace

/// The event loop's side: owns the acceptor, the peers and the store. Its coroutines hold it by
/// shared_ptr and end soon after stop().
class Core : public std::enable_shared_from_this<Core>, private Outlet {
 public:
  explicit Core(const asio::any_io_executor& executor)
      : acceptor_(executor), store_(*this), expiry_changed_(executor) {}

  [[nodiscard]] Result<void> listen(const std::filesystem::path& socket);
  void stop();

 private:
  struct Peer {
    std::shared_ptr<FrameStream> stream;
    std::string name;
    bool is_full = false;  ///< Gets no deliveries until most of what is unsent has gone out.
  };

  static Task<void> accept_peers(std::shared_ptr<Core> self);
  static Task<void> serve_peer(std::shared_ptr<Core> self, PeerId id,
                               std::shared_ptr<FrameStream> stream);
  static Task<void> resume_when_drained(std::shared_ptr<Core> self, PeerId id,
                                        std::shared_ptr<FrameStream> stream);
  static Task<void> watch_expiry(std::shared_ptr<Core> self);
  void admit(Protocol::socket socket);
  Task<Result<void>> greet(PeerId id, FrameStream& stream);
  Result<void> handle(PeerId id, FrameStream& stream, Frame frame);

  bool can_take(PeerId peer) const override;
  void deliver(PeerId peer, const Delivery& delivery) override;
  void cancel(PeerId peer, const std::string& queue) override;

  // One per request; an error ends the connection.
  struct Handler;

  Protocol::acceptor acceptor_;
  QueueStore store_;
  std::map<PeerId, Peer> peers_;
  PeerId next_peer_ = 1;
  bool is_stopped_ = false;
  Signal expiry_changed_;
};

Result<void> Core::listen(const std::filesystem::path& socket) {
  if (socket.string().size() >= sizeof(sockaddr_un{}.sun_path)) {
    return fail(ErrorKind::kIo, "the path " + socket.string() +
                                    " is too long for a socket; set TMPDIR to a shorter one");
  }
  boost::system::error_code error;
  acceptor_.open(Protocol{}, error);
  // Or the listener and its tests would hold the socket open after our end.
  if (!error) close_on_exec(acceptor_.native_handle());
  if (!error) acceptor_.bind(Protocol::endpoint(socket.string()), error);
  if (!error) acceptor_.listen(kBacklog, error);
  if (error)
    return fail(ErrorKind::kIo, "cannot listen on " + socket.string() + ": " + error.message());
  const auto executor = acceptor_.get_executor();
  spawn(executor, accept_peers(shared_from_this()));
  spawn(executor, watch_expiry(shared_from_this()));
  return {};
}

void Core::stop() {
  is_stopped_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  for (const auto& [id, peer] : peers_) peer.stream->close();
  expiry_changed_.notify();
}

Task<void> Core::accept_peers(std::shared_ptr<Core> self) {
  while (!self->is_stopped_) {
    auto [error, socket] = co_await self->acceptor_.async_accept(as_value);
    if (self->is_stopped_) co_return;
    if (error) {
      // Descriptors have run out, most likely; some will come back.
      log::error("the embedded broker cannot accept a connection: {}", error.message());
      co_await sleep_for(std::chrono::milliseconds(100));
      continue;
    }
    self->admit(std::move(socket));
  }
}

void Core::admit(Protocol::socket socket) {
  close_on_exec(socket.native_handle());
  const std::optional<uid_t> user = peer_user(socket.native_handle());
  if (user != ::geteuid()) {
    log::warning("the embedded broker refused a connection of user {}",
                 user ? std::to_string(*user) : "unknown");
    return;
  }
  const PeerId id = next_peer_++;
  auto stream = std::make_shared<FrameStream>(std::move(socket));
  peers_.emplace(id, Peer{.stream = stream, .name = fmt::format("connection {}", id)});
  spawn(acceptor_.get_executor(), serve_peer(shared_from_this(), id, std::move(stream)));
}

Task<void> Core::serve_peer(std::shared_ptr<Core> self, PeerId id,
                            std::shared_ptr<FrameStream> stream) {
  Result<void> status = co_await self->greet(id, *stream);
  while (status && !self->is_stopped_) {
    auto frame = co_await stream->read();
    status = frame ? self->handle(id, *stream, *std::move(frame))
                   : std::unexpected(std::move(frame).error());
    co_await stream->wait_for_room(kMaxUnsentBytes);
  }
  stream->close();
  if (self->is_stopped_) co_return;
  const std::string name = std::exchange(self->peers_.at(id).name, {});
  self->peers_.erase(id);
  if (!status && status.error().kind != ErrorKind::kConnectionLost)
    log::warning("the embedded broker drops {}: {}", name, status.error().message);
  self->store_.drop_peer(id, std::chrono::steady_clock::now());
  self->expiry_changed_.notify();
}

Task<Result<void>> Core::greet(PeerId id, FrameStream& stream) {
  asio::steady_timer limit(acceptor_.get_executor(), kHelloLimit);
  limit.async_wait([weak = stream.weak_from_this()](const boost::system::error_code& error) {
    if (const auto silent = weak.lock(); silent && !error) silent->close();
  });
  GORGON_CO_TRY_ASSIGN(const Frame frame, co_await stream.read());
  const auto* hello = std::get_if<Hello>(&frame);
  if (hello == nullptr) co_return fail(ErrorKind::kProtocol, "it did not say hello");
  if (hello->version != kWireVersion) {
    const std::string reason = fmt::format(
        "the embedded broker speaks version {} of its protocol, not {}; update the older gorgon",
        kWireVersion, hello->version);
    stream.send(Reply{.status = Status::kRefused, .text = reason});
    co_return fail(ErrorKind::kProtocol, reason);
  }
  peers_.at(id).name = hello->name;
  stream.send(Reply{});
  co_return Result<void>();
}

/// Handles one request; what it returns is what the connection has to end for.
struct Core::Handler {
  Core& core;
  PeerId peer;
  FrameStream& stream;
  TimePoint now = std::chrono::steady_clock::now();

  [[nodiscard]] Result<void> reply(std::uint64_t request, const Result<void>& outcome) const {
    if (outcome) return reply_text(request, "");
    stream.send(Reply{request, to_status(outcome.error().kind), outcome.error().message});
    return {};
  }
  [[nodiscard]] Result<void> reply_text(std::uint64_t request, std::string text) const {
    stream.send(Reply{request, Status::kOk, std::move(text)});
    return {};
  }

  Result<void> operator()(const DeclareTopic& frame) const {
    const Result<void> valid = check_name(frame.name);
    if (valid) core.store_.declare_topic(frame.name);
    return reply(frame.request, valid);
  }
  Result<void> operator()(const DeclareWorkQueue& frame) const {
    const WorkQueue queue{.name = frame.name,
                          .max_deliveries = frame.max_deliveries,
                          .dead_letter_to = frame.dead_letter_to,
                          .expires = to_expires(frame.expires_seconds)};
    core.expiry_changed_.notify();
    return reply(frame.request, core.store_.declare(queue, now));
  }
  Result<void> operator()(const DeclareReplyQueue& frame) const {
    const ReplyQueue queue{.name = frame.name, .expires = to_expires(frame.expires_seconds)};
    core.expiry_changed_.notify();
    return reply(frame.request, core.store_.declare(queue, now));
  }
  Result<void> operator()(const DeclareOwnQueue& frame) const {
    auto name = core.store_.declare_own_queue(peer, frame.topics);
    if (name) return reply_text(frame.request, *std::move(name));
    return reply(frame.request, std::unexpected(std::move(name).error()));
  }
  Result<void> operator()(const QueueExists& frame) const {
    stream.send(
        Reply{frame.request, core.store_.exists(frame.name) ? Status::kOk : Status::kNotFound, ""});
    return {};
  }
  Result<void> operator()(const DeleteQueue& frame) const {
    core.store_.delete_queue(frame.name);
    return reply_text(frame.request, "");
  }
  Result<void> operator()(const PurgeQueue& frame) const {
    core.store_.purge_queue(frame.name);
    return reply_text(frame.request, "");
  }
  Result<void> operator()(const Consume& frame) const {
    return reply(frame.request, core.store_.consume(peer, frame.queue, frame.prefetch));
  }
  Result<void> operator()(const StopConsuming& frame) const {
    core.store_.stop_consuming(peer, frame.queue, now);
    core.expiry_changed_.notify();
    return reply_text(frame.request, "");
  }
  Result<void> operator()(Publish& frame) const {
    const Destination to{frame.to_topic ? Destination::Kind::kTopic : Destination::Kind::kQueue,
                         frame.name};
    const bool routed = core.store_.publish(to, std::move(frame.body));
    if (frame.request != 0)
      stream.send(Reply{frame.request, routed ? Status::kOk : Status::kUnroutable, ""});
    return {};
  }
  Result<void> operator()(const Ack& frame) const {
    if (core.store_.ack(peer, frame.tag)) return {};
    return fail(ErrorKind::kProtocol, fmt::format("it acked the unknown tag {}", frame.tag));
  }
  Result<void> operator()(const Return& frame) const {
    const GiveBack how = frame.failed ? GiveBack::kFailed : GiveBack::kUntried;
    if (core.store_.give_back(peer, frame.tag, how)) return {};
    return fail(ErrorKind::kProtocol, fmt::format("it gave back the unknown tag {}", frame.tag));
  }
  template <class Other>
  Result<void> operator()(const Other&) const {
    return fail(ErrorKind::kProtocol, "it sent a frame that no client sends here");
  }
};

Result<void> Core::handle(PeerId id, FrameStream& stream, Frame frame) {
  return std::visit(Handler{*this, id, stream}, frame);
}

Task<void> Core::watch_expiry(std::shared_ptr<Core> self) {
  while (!self->is_stopped_) {
    const auto next = self->store_.next_expiry();
    co_await self->expiry_changed_.wait_until(next.value_or(TimePoint::max()));
    if (!self->is_stopped_) self->store_.expire(std::chrono::steady_clock::now());
  }
}

bool Core::can_take(PeerId peer) const {
  const auto found = peers_.find(peer);
  return found != peers_.end() && !found->second.is_full;
}

void Core::deliver(PeerId id, const Delivery& delivery) {
  Peer& peer = peers_.at(id);
  peer.stream->send(Deliver{.tag = delivery.tag,
                            .attempt = delivery.attempt,
                            .is_dead_letter = delivery.is_dead_letter,
                            .queue = delivery.queue,
                            .body = delivery.body});
  if (peer.stream->unsent_bytes() <= kMaxUnsentBytes) return;
  peer.is_full = true;
  spawn(acceptor_.get_executor(), resume_when_drained(shared_from_this(), id, peer.stream));
}

Task<void> Core::resume_when_drained(std::shared_ptr<Core> self, PeerId id,
                                     std::shared_ptr<FrameStream> stream) {
  co_await stream->wait_for_room(kMaxUnsentBytes / 2);
  const auto found = self->peers_.find(id);
  if (self->is_stopped_ || found == self->peers_.end()) co_return;
  found->second.is_full = false;
  self->store_.resume(id);
}

void Core::cancel(PeerId peer, const std::string& queue) {
  if (const auto found = peers_.find(peer); found != peers_.end())
    found->second.stream->send(Cancelled{queue});
}

Result<std::unique_ptr<EmbeddedBroker>> EmbeddedBroker::start(
    const asio::any_io_executor& executor, const std::filesystem::path& directory) {
  GORGON_TRY(check_directory(directory));
  EmbeddedAddress address{directory / "broker"};
  auto core = std::make_shared<Core>(executor);
  GORGON_TRY(core->listen(address.socket));
  return std::unique_ptr<EmbeddedBroker>(new EmbeddedBroker(std::move(core), std::move(address)));
}

EmbeddedBroker::~EmbeddedBroker() {
  core_->stop();
  ::unlink(address_.socket.c_str());
}

}  // namespace gorgon::broker::embedded
