#include "broker/amqp/connection.h"

#include <boost/asio/this_coro.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "broker/amqp/handshake.h"
#include "broker/amqp/library.h"
#include "broker/amqp/session.h"
#include "broker/broker.h"
#include "broker/waiting.h"
#include "config/connection.h"

namespace gorgon::broker::amqp {

namespace {

class AmqpConnection : public Connection {
 public:
  explicit AmqpConnection(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  ~AmqpConnection() override { session_->lose("it was dropped"); }

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
  Result<void> ack(std::uint64_t tag) override { return session_->ack(tag); }
  Result<void> give_back(std::uint64_t tag, GiveBack how) override {
    return session_->give_back(tag, how);
  }
  [[nodiscard]] std::string product() const override { return session_->product(); }
  [[nodiscard]] std::optional<std::string> blocked_reason() const override {
    return session_->blocked_reason();
  }
  Task<void> close() override { return kept(session_->close()); }

 private:
  template <class T>
  Task<T> kept(Task<T> task) {
    return keep_alive(session_, std::move(task));
  }
  std::shared_ptr<Session> session_;
};

}  // namespace

Task<Result<std::unique_ptr<Connection>>> connect(config::Connection address, std::string name) {
  const auto executor = co_await asio::this_coro::executor;
  std::string where = describe(Address(address));
  GORGON_CO_TRY_ASSIGN(UniqueState state, co_await log_in(std::move(address), std::move(name)));
  GORGON_CO_TRY_ASSIGN(std::shared_ptr<Session> session,
                       Session::start(executor, std::move(state), std::move(where)));
  co_return std::make_unique<AmqpConnection>(std::move(session));
}

}  // namespace gorgon::broker::amqp
