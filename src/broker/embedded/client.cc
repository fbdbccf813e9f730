#include "broker/embedded/client.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "broker/broker.h"
#include "broker/embedded/frame_stream.h"
#include "broker/embedded/wire.h"
#include "broker/waiting.h"

namespace gorgon::broker::embedded {

namespace {

using Clock = std::chrono::steady_clock;
/// publish() waits while more than this has not gone out.
constexpr std::size_t kPublishRoomBytes = std::size_t{1} * 1024 * 1024;
/// post() drops its message while more than this has not gone out.
constexpr std::size_t kMaxPostBytes = std::size_t{16} * 1024 * 1024;

// Nothing here has a limit of its own: the broker is the originator, on this machine. Its end shows
// itself at once, and while it is suspended (Ctrl-Z) its workers wait with it.

/// What the Connection and the coroutines that wait in it share.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(const asio::any_io_executor& executor, std::shared_ptr<FrameStream> stream)
      : executor_(executor), stream_(std::move(stream)), events_(executor) {}

  /// Says hello and starts reading.
  Task<Result<void>> open(std::string name);
  void lose(Error error);

  Task<Result<void>> declare_topic(std::string name) {
    return command(DeclareTopic{.name = std::move(name)});
  }
  Task<Result<void>> declare_work_queue(WorkQueue queue);
  Task<Result<void>> declare_reply_queue(ReplyQueue queue);
  Task<Result<std::string>> declare_own_queue(std::vector<std::string> topics);
  Task<Result<bool>> queue_exists(std::string name);
  Task<Result<void>> delete_queue(std::string name) {
    return command(DeleteQueue{.name = std::move(name)});
  }
  Task<Result<void>> purge_queue(std::string name) {
    return command(PurgeQueue{.name = std::move(name)});
  }
  Task<Result<void>> consume(std::string queue, std::uint16_t prefetch) {
    return command(Consume{.queue = std::move(queue), .prefetch = prefetch});
  }
  Task<Result<void>> stop_consuming(std::string queue) {
    return command(StopConsuming{.queue = std::move(queue)});
  }
  Task<Result<Event>> next_event() { return events_.next(); }
  Task<Result<void>> publish(std::vector<Message> messages);
  Result<void> post(Message message);
  Result<void> send(const Frame& frame);
  Task<void> close();

 private:
  /// Who waits for the reply to a request.
  struct Request {
    explicit Request(const asio::any_io_executor& executor) : answered(executor) {}
    std::optional<Result<Reply>> outcome;
    Signal answered;
  };
  struct Unconfirmed {
    std::shared_ptr<PublishBatch> batch;
    std::string queue;
  };

  static Task<void> read_frames(std::shared_ptr<Session> self);
  bool handle(Frame frame);
  void handle_reply(Reply reply);
  template <class F>
  Task<Result<Reply>> ask(F frame);
  template <class F>
  Task<Result<void>> command(F frame);
  Task<Result<void>> wait_for_window(std::shared_ptr<PublishBatch> batch, std::size_t limit);
  Task<Result<void>> wait_for_room();

  asio::any_io_executor executor_;
  std::shared_ptr<FrameStream> stream_;
  EventQueue events_;
  std::optional<Error> lost_;
  std::uint64_t next_request_ = 1;
  std::map<std::uint64_t, std::shared_ptr<Request>> requests_;
  std::map<std::uint64_t, Unconfirmed> unconfirmed_;  ///< By request.
};

Task<Result<void>> Session::open(std::string name) {
  stream_->send(Hello{.name = std::move(name)});
  const Result<Frame> answer = co_await stream_->read();
  const Reply* reply = answer ? std::get_if<Reply>(&*answer) : nullptr;
  if (reply == nullptr) {
    co_return fail(ErrorKind::kUnavailable,
                   "the embedded broker did not answer; is its gorgon start of the same user "
                   "still running?");
  }
  if (reply->status != Status::kOk) co_return fail(ErrorKind::kRefused, reply->text);
  spawn(executor_, read_frames(shared_from_this()));
  co_return Result<void>();
}

Task<void> Session::read_frames(std::shared_ptr<Session> self) {
  while (!self->lost_) {
    auto frame = co_await self->stream_->read();
    if (!frame) {
      self->lose({ErrorKind::kConnectionLost,
                  "lost the connection to the embedded broker: " + frame.error().message});
    } else if (!self->handle(*std::move(frame))) {
      self->lose({ErrorKind::kConnectionLost,
                  "lost the connection to the embedded broker: it sent an unexpected frame"});
    }
  }
}

void Session::lose(Error error) {
  if (lost_) return;
  lost_ = error;
  stream_->close();
  for (const auto& [id, request] : std::exchange(requests_, {})) {
    request->outcome = std::unexpected(error);
    request->answered.notify();
  }
  for (const auto& [id, message] : std::exchange(unconfirmed_, {})) message.batch->settle(error);
  events_.end(std::move(error));
}

bool Session::handle(Frame frame) {
  if (auto* delivery = std::get_if<Deliver>(&frame)) {
    events_.push(Delivery{.queue = std::move(delivery->queue),
                          .tag = delivery->tag,
                          .attempt = delivery->attempt,
                          .is_dead_letter = delivery->is_dead_letter,
                          .body = std::move(delivery->body)});
  } else if (auto* cancelled = std::get_if<Cancelled>(&frame)) {
    events_.push(QueueCancelled{std::move(cancelled->queue)});
  } else if (auto* reply = std::get_if<Reply>(&frame)) {
    handle_reply(std::move(*reply));
  } else {
    return false;
  }
  return true;
}

void Session::handle_reply(Reply reply) {
  if (auto message = unconfirmed_.extract(reply.request); !message.empty()) {
    std::optional<Error> error;
    if (reply.status != Status::kOk) error = no_such_queue_to_publish(message.mapped().queue);
    message.mapped().batch->settle(std::move(error));
  } else if (auto request = requests_.extract(reply.request); !request.empty()) {
    request.mapped()->outcome = std::move(reply);
    request.mapped()->answered.notify();
  }
  // Else its waiter has given up.
}

template <class F>
Task<Result<Reply>> Session::ask(F frame) {
  if (lost_) co_return std::unexpected(*lost_);
  const std::uint64_t id = next_request_++;
  const auto request = std::make_shared<Request>(executor_);
  requests_.emplace(id, request);
  frame.request = id;
  stream_->send(Frame(std::move(frame)));
  while (!request->outcome) co_await request->answered.wait();
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): the loop ends with it.
  co_return *std::move(request->outcome);
}

template <class F>
Task<Result<void>> Session::command(F frame) {
  const Result<Reply> reply = co_await ask(std::move(frame));
  if (!reply) co_return std::unexpected(reply.error());
  switch (reply->status) {
    case Status::kOk:
      co_return Result<void>();
    case Status::kNotFound:
      co_return fail(ErrorKind::kNotFound, reply->text);
    case Status::kUnroutable:
    case Status::kRefused:
      break;
  }
  co_return fail(ErrorKind::kRefused, reply->text);
}

Task<Result<void>> Session::declare_work_queue(WorkQueue queue) {
  return command(
      DeclareWorkQueue{.name = std::move(queue.name),
                       .max_deliveries = queue.max_deliveries,
                       .dead_letter_to = std::move(queue.dead_letter_to),
                       .expires_seconds = static_cast<std::uint64_t>(queue.expires.count())});
}

Task<Result<void>> Session::declare_reply_queue(ReplyQueue queue) {
  return command(
      DeclareReplyQueue{.name = std::move(queue.name),
                        .expires_seconds = static_cast<std::uint64_t>(queue.expires.count())});
}

Task<Result<std::string>> Session::declare_own_queue(std::vector<std::string> topics) {
  DeclareOwnQueue frame{.topics = std::move(topics)};
  const Result<Reply> reply = co_await ask(std::move(frame));
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->status == Status::kOk) co_return reply->text;
  co_return fail(reply->status == Status::kNotFound ? ErrorKind::kNotFound : ErrorKind::kRefused,
                 reply->text);
}

Task<Result<bool>> Session::queue_exists(std::string name) {
  QueueExists frame{.name = std::move(name)};
  const Result<Reply> reply = co_await ask(std::move(frame));
  if (!reply) co_return std::unexpected(reply.error());
  co_return reply->status == Status::kOk;
}

/// Waits until at most `limit` messages of the batch are unconfirmed, or one has failed.
Task<Result<void>> Session::wait_for_window(std::shared_ptr<PublishBatch> batch,
                                            std::size_t limit) {
  while (batch->in_flight > limit && !batch->error) co_await batch->changed.wait();
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): checked by the if.
  if (batch->error) co_return std::unexpected(*batch->error);
  co_return Result<void>();
}

Task<Result<void>> Session::wait_for_room() {
  while (!lost_ && stream_->unsent_bytes() > kPublishRoomBytes)
    co_await stream_->wait_for_room(kPublishRoomBytes);
  if (lost_) co_return std::unexpected(*lost_);
  co_return Result<void>();
}

Task<Result<void>> Session::publish(std::vector<Message> messages) {
  const auto batch = std::make_shared<PublishBatch>(executor_);
  for (const Message& message : messages) GORGON_CO_TRY(check_message(message));
  for (Message& message : messages) {
    GORGON_CO_TRY(co_await wait_for_window(batch, kPublishWindow - 1));
    GORGON_CO_TRY(co_await wait_for_room());
    const std::uint64_t id = next_request_++;
    ++batch->in_flight;
    unconfirmed_.emplace(id, Unconfirmed{.batch = batch, .queue = message.to.name});
    stream_->send(Publish{.request = id,
                          .to_topic = message.to.kind == Destination::Kind::kTopic,
                          .name = std::move(message.to.name),
                          .body = std::move(message.body)});
  }
  GORGON_CO_TRY(co_await wait_for_window(batch, 0));
  co_return Result<void>();
}

Result<void> Session::send(const Frame& frame) {
  if (lost_) return std::unexpected(*lost_);
  stream_->send(frame);
  return {};
}

Result<void> Session::post(Message message) {
  if (const auto valid = check_message(message);
      !valid || stream_->unsent_bytes() > kMaxPostBytes) {
    log::warning("dropped a message for {}: {}", message.to.name,
                 valid ? "the embedded broker does not keep up" : valid.error().message);
    return lost_ ? Result<void>(std::unexpected(*lost_)) : Result<void>();
  }
  return send(Publish{.request = 0,
                      .to_topic = message.to.kind == Destination::Kind::kTopic,
                      .name = std::move(message.to.name),
                      .body = std::move(message.body)});
}

Task<void> Session::close() {
  co_await stream_->wait_for_room_until(0, Clock::now() + std::chrono::seconds(1));
  lose({ErrorKind::kConnectionLost, "the connection to the embedded broker was closed"});
}

class EmbeddedConnection : public Connection {
 public:
  explicit EmbeddedConnection(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  ~EmbeddedConnection() override {
    session_->lose(
        {ErrorKind::kConnectionLost, "the connection to the embedded broker was dropped"});
  }

  Task<Result<void>> declare_topic(std::string name) override {
    return kept(session_->declare_topic(std::move(name)));
  }
  Task<Result<void>> declare_work_queue(WorkQueue queue) override {
    return kept(session_->declare_work_queue(std::move(queue)));
  }
  Task<Result<void>> declare_reply_queue(ReplyQueue queue) override {
    return kept(session_->declare_reply_queue(std::move(queue)));
  }
  Task<Result<std::string>> declare_own_queue(std::vector<std::string> topics) override {
    return kept(session_->declare_own_queue(std::move(topics)));
  }
  Task<Result<bool>> queue_exists(std::string name) override {
    return kept(session_->queue_exists(std::move(name)));
  }
  Task<Result<void>> delete_queue(std::string name) override {
    return kept(session_->delete_queue(std::move(name)));
  }
  Task<Result<void>> purge_queue(std::string name) override {
    return kept(session_->purge_queue(std::move(name)));
  }
  Task<Result<void>> consume(std::string queue, std::uint16_t prefetch) override {
    return kept(session_->consume(std::move(queue), prefetch));
  }
  Task<Result<void>> stop_consuming(std::string queue) override {
    return kept(session_->stop_consuming(std::move(queue)));
  }
  Task<Result<Event>> next_event() override { return kept(session_->next_event()); }
  Task<Result<void>> publish(std::vector<Message> messages) override {
    return kept(session_->publish(std::move(messages)));
  }
  Result<void> post(Message message) override { return session_->post(std::move(message)); }
  Result<void> ack(std::uint64_t tag) override { return session_->send(Ack{tag}); }
  Result<void> give_back(std::uint64_t tag, GiveBack how) override {
    return session_->send(Return{.tag = tag, .failed = how == GiveBack::kFailed});
  }
  [[nodiscard]] std::string product() const override { return "the embedded broker"; }
  [[nodiscard]] std::optional<std::string> blocked_reason() const override { return std::nullopt; }
  Task<void> close() override { return keep_alive(session_, session_->close()); }

 private:
  template <class T>
  Task<T> kept(Task<T> task) {
    return keep_alive(session_, std::move(task));
  }
  std::shared_ptr<Session> session_;
};

/// Unix sockets connect at once, or say that the broker's backlog is full.
Task<Result<UniqueFd>> open_socket(std::filesystem::path path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.string().size() >= sizeof(address.sun_path))
    co_return fail(ErrorKind::kUnavailable, "the path " + path.string() + " is too long");
  std::memcpy(address.sun_path, path.c_str(), path.string().size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) co_return fail_errno("cannot make a socket", errno);
  while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
         0) {
    const int reason = errno;
    if (reason != EAGAIN) {  // EAGAIN: its backlog is full for now.
      co_return fail(ErrorKind::kUnavailable,
                     fmt::format("cannot connect to the embedded broker at {}: {}; is its gorgon "
                                 "start still running?",
                                 path.string(), std::strerror(reason)));
    }
    co_await sleep_for(std::chrono::milliseconds(5));
  }
  co_return socket;
}

}  // namespace

Task<Result<std::unique_ptr<Connection>>> connect(EmbeddedAddress address, std::string name) {
  const auto executor = co_await asio::this_coro::executor;
  GORGON_CO_TRY_ASSIGN(UniqueFd fd, co_await open_socket(std::move(address.socket)));
  asio::local::stream_protocol::socket socket(executor, asio::local::stream_protocol(),
                                              fd.release());
  const auto session =
      std::make_shared<Session>(executor, std::make_shared<FrameStream>(std::move(socket)));
  GORGON_CO_TRY(co_await session->open(name.substr(0, kMaxNameBytes)));
  co_return std::make_unique<EmbeddedConnection>(session);
}

}  // namespace gorgon::broker::embedded
