// Session: methods that the broker answers: declarations and consumers.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "broker/amqp/frames.h"
#include "broker/amqp/library.h"
#include "broker/amqp/outbox.h"
#include "broker/amqp/session.h"
#include "broker/amqp/table.h"
#include "broker/broker.h"
#include "broker/waiting.h"

namespace gorgon::broker::amqp {

namespace {

/// How long RabbitMQ lets a consumer hold an unacked message (since 3.12; earlier brokers have only
/// a global limit, 30 minutes by default). Our own time limits end a test file long before.
constexpr std::chrono::milliseconds kConsumerTimeout = std::chrono::hours(24);

std::int64_t to_milliseconds(std::chrono::seconds duration) {
  return std::chrono::milliseconds(duration).count();
}

int declare_queue(State* state, const std::string& name, amqp_queue_declare_t method) {
  method.queue = to_bytes(name);
  return amqp_send_method(state, kScratchChannel, AMQP_QUEUE_DECLARE_METHOD, &method);
}

int declare_work_queue_method(State* state, const WorkQueue& queue) {
  Table arguments;
  arguments.set("x-queue-type", "quorum");
  // The limit counts the deliveries that failed before the last one.
  arguments.set("x-delivery-limit", std::int64_t{std::max(queue.max_deliveries, 1U)} - 1);
  arguments.set("x-dead-letter-exchange", "");
  arguments.set("x-dead-letter-routing-key", queue.dead_letter_to);
  arguments.set("x-expires", to_milliseconds(queue.expires));
  arguments.set("x-consumer-timeout", kConsumerTimeout.count());
  amqp_queue_declare_t method{};
  method.durable = 1;
  method.arguments = arguments.get();
  return declare_queue(state, queue.name, method);
}

int declare_reply_queue_method(State* state, const ReplyQueue& queue) {
  Table arguments;
  arguments.set("x-expires", to_milliseconds(queue.expires));
  amqp_queue_declare_t method{};
  method.durable = 1;
  method.arguments = arguments.get();
  return declare_queue(state, queue.name, method);
}

int consume_method(State* state, const std::string& queue, const std::string& tag) {
  Table arguments;
  arguments.set("x-consumer-timeout", kConsumerTimeout.count());
  amqp_basic_consume_t method{};
  method.queue = to_bytes(queue);
  method.consumer_tag = to_bytes(tag);
  method.arguments = arguments.get();
  return amqp_send_method(state, kMainChannel, AMQP_BASIC_CONSUME_METHOD, &method);
}

}  // namespace

class Session::Turn {
 public:
  explicit Turn(Call& call) : call_(&call) { call.is_busy = true; }
  Turn(Turn&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (call_ == nullptr) return;
    call_->is_busy = false;
    call_->changed.notify();
  }

 private:
  Call* call_;
};

/// Waits for `signal`; false when the broker has had its time, counted from `since`. During an
/// alarm the clock stands still, for the broker may read nothing from us then.
Task<bool> Session::wait_for_broker(Signal& signal, Clock::time_point since) {
  const auto deadline = [&] {
    return blocked_ ? Clock::time_point::max() : std::max(since, unblocked_at_) + kAnswerLimit;
  };
  const bool is_in_time = co_await signal.wait_until(deadline());
  co_return is_in_time || deadline() > Clock::now();
}

/// Loses the connection: whoever goes on with another must not share its deliveries with this one.
std::unexpected<Error> Session::give_up(const char* waiting_for) {
  lose(fmt::format("it gave no {} within {} s", waiting_for, kAnswerLimit.count()));
  return fail(ErrorKind::kTimeout, fmt::format("broker {} gave no {} within {} s", where_,
                                               waiting_for, kAnswerLimit.count()));
}

Task<Result<Session::Turn>> Session::take_turn(amqp_channel_t channel) {
  Call& mine = call_on(channel);
  const auto start = Clock::now();
  while ((mine.is_busy || mine.owed_answers > 0) && !lost_) {
    const bool is_in_time = co_await wait_for_broker(mine.changed, start);
    if (!is_in_time) co_return give_up("answer to an earlier question");
  }
  if (lost_) co_return std::unexpected(*lost_);
  co_return Turn(mine);
}

/// Sends a method and waits for its answer. The caller has the channel's turn.
Task<Result<Answer>> Session::call(amqp_channel_t channel, Outbox::Send method) {
  Call& mine = call_on(channel);
  mine.outcome.reset();
  GORGON_CO_TRY(send(std::move(method)));
  // A caller that is cancelled meanwhile leaves without the answer, which then is nobody's.
  struct Debt {
    Call* call;
    ~Debt() {
      if (call != nullptr && !call->outcome) ++call->owed_answers;
    }
  } debt{&mine};
  const auto start = Clock::now();
  while (!mine.outcome) {
    const bool is_in_time = co_await wait_for_broker(mine.changed, start);
    if (is_in_time || mine.outcome) continue;
    debt.call = nullptr;
    // A late answer would be taken for that of the next method.
    co_return give_up("answer");
  }
  debt.call = nullptr;
  co_return *std::exchange(mine.outcome, std::nullopt);
}

/// A call on the scratch channel, which is opened when it is not.
Task<Result<Answer>> Session::ask(Outbox::Send method) {
  GORGON_CO_TRY_ASSIGN(const Turn turn, co_await take_turn(kScratchChannel));
  if (!is_scratch_open_) {
    Outbox::Send open = [](State* state) {
      amqp_channel_open_t open_method{};
      return amqp_send_method(state, kScratchChannel, AMQP_CHANNEL_OPEN_METHOD, &open_method);
    };
    GORGON_CO_TRY(co_await call(kScratchChannel, std::move(open)));
  }
  co_return co_await call(kScratchChannel, std::move(method));
}

Task<Result<void>> Session::command(Outbox::Send method) {
  GORGON_CO_TRY(co_await ask(std::move(method)));
  co_return Result<void>();
}

Task<Result<void>> Session::declare_topic(std::string name) {
  GORGON_CO_TRY(check_name(name));
  Outbox::Send method = [name](State* state) {
    amqp_exchange_declare_t declare{};
    declare.exchange = to_bytes(name);
    declare.type = to_bytes("fanout");
    declare.durable = 1;
    return amqp_send_method(state, kScratchChannel, AMQP_EXCHANGE_DECLARE_METHOD, &declare);
  };
  const Result<void> declared = co_await command(std::move(method));
  if (!declared) co_return with_context("declare topic " + name, declared.error());
  co_return Result<void>();
}

Task<Result<void>> Session::declare_work_queue(WorkQueue queue) {
  GORGON_CO_TRY(check_name(queue.name));
  Outbox::Send method = [queue](State* state) { return declare_work_queue_method(state, queue); };
  const Result<void> declared = co_await command(std::move(method));
  if (!declared) co_return with_context("declare queue " + queue.name, declared.error());
  co_return Result<void>();
}

Task<Result<void>> Session::declare_reply_queue(ReplyQueue queue) {
  GORGON_CO_TRY(check_name(queue.name));
  Outbox::Send method = [queue](State* state) { return declare_reply_queue_method(state, queue); };
  const Result<void> declared = co_await command(std::move(method));
  if (!declared) co_return with_context("declare queue " + queue.name, declared.error());
  co_return Result<void>();
}

Task<Result<void>> Session::bind(std::string queue, std::string topic) {
  Outbox::Send method = [queue, topic](State* state) {
    amqp_queue_bind_t bind_method{};
    bind_method.queue = to_bytes(queue);
    bind_method.exchange = to_bytes(topic);
    return amqp_send_method(state, kScratchChannel, AMQP_QUEUE_BIND_METHOD, &bind_method);
  };
  const Result<void> bound = co_await command(std::move(method));
  if (!bound) co_return with_context("bind a queue to topic " + topic, bound.error());
  co_return Result<void>();
}

Task<Result<std::string>> Session::declare_own_queue(std::vector<std::string> topics) {
  for (const std::string& topic : topics) GORGON_CO_TRY(check_name(topic));
  Outbox::Send method = [](State* state) {
    amqp_queue_declare_t declare{};
    // Neither durable nor shared: legal also where RabbitMQ 4.3 refuses other transient queues.
    declare.exclusive = 1;
    return declare_queue(state, "", declare);
  };
  GORGON_CO_TRY_ASSIGN(const Answer answer, co_await ask(std::move(method)));
  for (const std::string& topic : topics) {
    const Result<void> bound = co_await bind(answer.name, topic);
    if (bound) continue;
    co_await delete_queue(answer.name);
    co_return std::unexpected(bound.error());
  }
  co_return answer.name;
}

/// A passive declare. kNotFound; kRefused when it is another connection's own.
Task<Result<Answer>> Session::ask_for_queue(std::string name) {
  GORGON_CO_TRY(check_name(name));
  Outbox::Send method = [name](State* state) {
    amqp_queue_declare_t declare{};
    declare.passive = 1;
    return declare_queue(state, name, declare);
  };
  co_return co_await ask(std::move(method));
}

Task<Result<bool>> Session::queue_exists(std::string name) {
  const Result<Answer> answer = co_await ask_for_queue(std::move(name));
  if (answer) co_return true;
  switch (answer.error().kind) {
    case ErrorKind::kNotFound:
      co_return false;
    case ErrorKind::kRefused:  // It is there, but not for us.
      co_return true;
    default:
      co_return std::unexpected(answer.error());
  }
}

Task<Result<void>> Session::delete_queue(std::string name) {
  GORGON_CO_TRY(check_name(name));
  Outbox::Send method = [name](State* state) {
    amqp_queue_delete_t delete_method{};
    delete_method.queue = to_bytes(name);
    return amqp_send_method(state, kScratchChannel, AMQP_QUEUE_DELETE_METHOD, &delete_method);
  };
  const Result<void> deleted = co_await command(std::move(method));
  // RabbitMQ takes a missing queue for deleted, AMQP itself does not.
  if (deleted || deleted.error().kind == ErrorKind::kNotFound) co_return Result<void>();
  co_return with_context("delete queue " + name, deleted.error());
}

Task<Result<void>> Session::purge_queue(std::string name) {
  GORGON_CO_TRY(check_name(name));
  Outbox::Send method = [name](State* state) {
    amqp_queue_purge_t purge{};
    purge.queue = to_bytes(name);
    return amqp_send_method(state, kScratchChannel, AMQP_QUEUE_PURGE_METHOD, &purge);
  };
  const Result<void> purged = co_await command(std::move(method));
  if (purged || purged.error().kind == ErrorKind::kNotFound) co_return Result<void>();
  co_return with_context("purge queue " + name, purged.error());
}

Task<Result<void>> Session::consume(std::string queue, std::uint16_t prefetch) {
  // Asked on the scratch channel: a refused consume would close the main one, with all consumers.
  // A queue that is deleted in between still does; the caller then connects again and finds out.
  const Result<Answer> found = co_await ask_for_queue(queue);
  if (!found) co_return with_context("consume queue " + queue, found.error());
  GORGON_CO_TRY_ASSIGN(const Turn turn, co_await take_turn(kMainChannel));
  if (consumed_.contains(queue))
    co_return fail(ErrorKind::kRefused, fmt::format("queue {} is being consumed already", queue));
  Outbox::Send limit = [prefetch](State* state) {
    // Not global: for the consumers that come after it.
    amqp_basic_qos_t method{.prefetch_size = 0, .prefetch_count = prefetch, .global = 0};
    return amqp_send_method(state, kMainChannel, AMQP_BASIC_QOS_METHOD, &method);
  };
  GORGON_CO_TRY(co_await call(kMainChannel, std::move(limit)));
  const std::string tag = fmt::format("gorgon-{}", next_consumer_++);
  consumers_[tag] = queue;
  consumed_[queue] = tag;
  Outbox::Send start = [queue, tag](State* state) { return consume_method(state, queue, tag); };
  GORGON_CO_TRY(co_await call(kMainChannel, std::move(start)));
  co_return Result<void>();
}

Task<Result<void>> Session::stop_consuming(std::string queue) {
  GORGON_CO_TRY_ASSIGN(const Turn turn, co_await take_turn(kMainChannel));
  const auto consumed = consumed_.extract(queue);
  if (consumed.empty()) co_return Result<void>();
  Outbox::Send method = [tag = consumed.mapped()](State* state) {
    amqp_basic_cancel_t cancel{.consumer_tag = to_bytes(tag), .nowait = 0};
    return amqp_send_method(state, kMainChannel, AMQP_BASIC_CANCEL_METHOD, &cancel);
  };
  GORGON_CO_TRY(co_await call(kMainChannel, std::move(method)));
  co_return Result<void>();
}

Task<void> Session::close() {
  const auto deadline = Clock::now() + std::chrono::seconds(1);
  const Result<void> sent = send([](State* state) {
    amqp_connection_close_t method{};
    method.reply_code = AMQP_REPLY_SUCCESS;
    method.reply_text = to_bytes("goodbye");
    return amqp_send_method(state, 0, AMQP_CONNECTION_CLOSE_METHOD, &method);
  });
  while (sent && !lost_ && Clock::now() < deadline) co_await lost_signal_.wait_until(deadline);
  lose("it was closed");
}

}  // namespace gorgon::broker::amqp
