// What a Connection to RabbitMQ and the coroutines that wait in it share: one event loop around
// one rabbitmq-c state, in which no call waits.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "broker/amqp/frames.h"
#include "broker/amqp/library.h"
#include "broker/amqp/outbox.h"
#include "broker/broker.h"
#include "broker/waiting.h"

namespace gorgon::broker::amqp {

class Session : public std::enable_shared_from_this<Session> {
 public:
  using Clock = std::chrono::steady_clock;

  /// `state` comes from log_in(). `where` is the broker's address for messages.
  [[nodiscard]] static Result<std::shared_ptr<Session>> start(const asio::any_io_executor& executor,
                                                              UniqueState state, std::string where);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Ends the connection: every wait of now and later gives kConnectionLost with `reason`.
  void lose(const std::string& reason);

  // As in broker.h.
  Task<Result<void>> declare_topic(std::string name);
  Task<Result<void>> declare_work_queue(WorkQueue queue);
  Task<Result<void>> declare_reply_queue(ReplyQueue queue);
  Task<Result<std::string>> declare_own_queue(std::vector<std::string> topics);
  Task<Result<bool>> queue_exists(std::string name);
  Task<Result<void>> delete_queue(std::string name);
  Task<Result<void>> purge_queue(std::string name);
  Task<Result<void>> consume(std::string queue, std::uint16_t prefetch);
  Task<Result<void>> stop_consuming(std::string queue);
  Task<Result<Event>> next_event() { return events_.next(); }
  Task<Result<void>> publish(std::vector<Message> messages);
  Result<void> post(Message message);
  Result<void> ack(std::uint64_t tag);
  Result<void> give_back(std::uint64_t tag, GiveBack how);
  [[nodiscard]] std::string product() const;
  [[nodiscard]] std::optional<std::string> blocked_reason() const { return blocked_; }
  Task<void> close();

 private:
  /// The one method of a channel that waits for its answer.
  struct Call {
    explicit Call(const asio::any_io_executor& executor) : changed(executor) {}
    bool is_busy = false;
    std::optional<Result<Answer>> outcome;
    int owed_answers = 0;  ///< Those still to come to calls that were cancelled meanwhile.
    Signal changed;
  };
  /// The right to call on a channel, given back by the destructor.
  class Turn;
  struct Unconfirmed {
    std::shared_ptr<PublishBatch> batch;  ///< Null: a post.
    std::string queue;
    bool is_returned = false;
  };

  Session(const asio::any_io_executor& executor, UniqueState state, std::string where,
          asio::posix::stream_descriptor socket);

  // The loops (session.cc).
  static Task<void> read_loop(std::shared_ptr<Session> self);
  static Task<void> write_loop(std::shared_ptr<Session> self);
  static Task<void> heartbeat_loop(std::shared_ptr<Session> self);
  void pump();
  void flush();
  [[nodiscard]] bool is_stalled() const;
  void check_stall();

  // What arrives (incoming.cc).
  void handle(Delivered delivered);
  void handle(const Confirmed& confirmed);
  void handle(const Returned& returned);
  void handle(const ConsumerCancelled& cancelled);
  void handle(Answer answer);
  void handle(const ChannelClosed& closed);
  void handle(const ConnectionClosed& closed);
  void handle(BlockedChanged changed);
  void settle(std::uint64_t sequence, bool is_accepted);
  static Task<void> find_out_why_cancelled(std::shared_ptr<Session> self, std::string queue);

  // Methods with answers (calls.cc).
  Task<Result<Turn>> take_turn(amqp_channel_t channel);
  Task<Result<Answer>> call(amqp_channel_t channel, Outbox::Send send);
  Task<Result<Answer>> ask(Outbox::Send send);
  Task<Result<void>> command(Outbox::Send send);
  Task<Result<Answer>> ask_for_queue(std::string name);
  Task<Result<void>> bind(std::string queue, std::string topic);
  Task<bool> wait_for_broker(Signal& signal, Clock::time_point since);
  [[nodiscard]] std::unexpected<Error> give_up(const char* waiting_for);
  [[nodiscard]] Call& call_on(amqp_channel_t channel) {
    return channel == kMainChannel ? main_call_ : scratch_call_;
  }

  // Publishing (publish.cc).
  void send_message(Message message, std::shared_ptr<PublishBatch> batch);
  Task<Result<void>> wait_until_confirmed(std::shared_ptr<PublishBatch> batch, std::size_t limit);
  Task<Result<void>> wait_until_sendable();
  Result<void> send(Outbox::Send method);

  asio::any_io_executor executor_;
  std::string where_;
  UniqueState state_;
  std::chrono::seconds heartbeat_;
  asio::posix::stream_descriptor socket_;  ///< A duplicate: the library closes its own.
  FrameReader reader_;
  Outbox outbox_;
  bool is_writing_ = false;  ///< write_loop runs.
  EventQueue events_;
  std::optional<Error> lost_;
  Signal lost_signal_;

  Call main_call_;
  Call scratch_call_;
  bool is_scratch_open_ = false;
  std::map<std::string, std::string> consumers_;  ///< Queue by consumer tag; also ended ones.
  std::map<std::string, std::string> consumed_;   ///< Consumer tag by queue.
  std::uint64_t next_consumer_ = 1;

  std::uint64_t next_sequence_ = 1;  ///< The broker counts messages of the main channel from 1.
  std::map<std::uint64_t, Unconfirmed> unconfirmed_;
  Signal writable_again_;  ///< The outbox got smaller, or an alarm ended.

  std::optional<std::string> blocked_;
  Clock::time_point unblocked_at_;
  Clock::time_point last_progress_;  ///< Bytes went out, or a confirm came.
  Clock::time_point last_sent_;
  std::optional<Clock::time_point> stalled_since_;
  int unread_bytes_ = 0;  ///< In the socket, at the last check of a stall.
};

}  // namespace gorgon::broker::amqp
