// The embedded broker's queues, topics and consumers: which message goes to whom. A state machine
// over calls; sockets and the clock are its caller's.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "broker/broker.h"

namespace gorgon::broker::embedded {

/// A connected client.
using PeerId = std::uint64_t;
using TimePoint = std::chrono::steady_clock::time_point;

/// Where the store hands out what concerns a peer.
class Outlet {
 public:
  Outlet() = default;
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;
  virtual ~Outlet() = default;
  /// False while so much is unsent to the peer that it should get no more. When that ends the
  /// caller tells the store by resume().
  [[nodiscard]] virtual bool can_take(PeerId peer) const = 0;
  virtual void deliver(PeerId peer, const Delivery& delivery) = 0;
  virtual void cancel(PeerId peer, const std::string& queue) = 0;
};

class QueueStore {
 public:
  /// `outlet` must outlive the store.
  explicit QueueStore(Outlet& outlet) : outlet_(&outlet) {}

  void declare_topic(const std::string& name) { topics_[name]; }
  /// kRefused when a queue of that name but another kind or other arguments exists.
  [[nodiscard]] Result<void> declare(const WorkQueue& queue, TimePoint now);
  [[nodiscard]] Result<void> declare(const ReplyQueue& queue, TimePoint now);
  /// kNotFound when one of `topics` was never declared.
  [[nodiscard]] Result<std::string> declare_own_queue(PeerId owner,
                                                      const std::vector<std::string>& topics);
  [[nodiscard]] bool exists(const std::string& queue) const { return queues_.contains(queue); }
  void delete_queue(const std::string& name);
  /// Removes what waits in it.
  void purge_queue(const std::string& name);

  /// kNotFound: no such queue. kRefused: it is another peer's own, or `peer` consumes it already.
  [[nodiscard]] Result<void> consume(PeerId peer, const std::string& queue, std::uint16_t prefetch);
  void stop_consuming(PeerId peer, const std::string& queue, TimePoint now);

  /// False when the queue does not exist. A topic takes everything.
  [[nodiscard]] bool publish(const Destination& to, std::string body);
  /// False when `tag` is not an unacked delivery of `peer`.
  [[nodiscard]] bool ack(PeerId peer, std::uint64_t tag);
  [[nodiscard]] bool give_back(PeerId peer, std::uint64_t tag, GiveBack how);
  /// The peer can take deliveries again.
  void resume(PeerId peer);
  /// The peer is gone: its own queues are deleted, its unacked deliveries count as failed and go
  /// back to where they were in their queues.
  void drop_peer(PeerId peer, TimePoint now);

  /// When expire() has something to do next.
  [[nodiscard]] std::optional<TimePoint> next_expiry() const;
  /// Deletes the queues that had no consumer for their time.
  void expire(TimePoint now);

 private:
  struct StoredMessage {
    std::string body;
    std::uint32_t failures = 0;
    bool is_dead_letter = false;
  };
  struct Consumer {
    std::uint64_t id;
    PeerId peer;
    std::uint32_t prefetch;
    std::uint32_t unacked = 0;
  };
  struct Queue {
    std::optional<WorkQueue> work;    ///< The declaration, for work queues,
    std::optional<ReplyQueue> reply;  ///< for reply queues,
    std::optional<PeerId> owner;      ///< and for own queues.
    std::chrono::seconds expires{0};
    std::optional<TimePoint> unused_since;
    /// By arrival: what comes back finds its old place.
    std::map<std::uint64_t, StoredMessage> waiting;
    std::deque<Consumer> consumers;  ///< The next to be served in front.
  };
  struct Unacked {
    PeerId peer;
    std::uint64_t consumer;
    std::string queue;
    std::uint64_t position;
    StoredMessage message;
  };
  using Queues = std::map<std::string, Queue>;

  [[nodiscard]] Result<Queue*> find_or_add(const std::string& name, TimePoint now);
  void add_message(const std::string& queue, StoredMessage message);
  void serve(const std::string& name, Queue& queue);
  [[nodiscard]] std::optional<Consumer> next_free_consumer(Queue& queue);
  /// Takes `tag` from the unacked ones and gives its consumer the credit back.
  [[nodiscard]] std::optional<Unacked> settle(PeerId peer, std::uint64_t tag);
  /// Puts it back in its place, or where dead letters of its queue go.
  void put_back(Unacked unacked, GiveBack how);
  [[nodiscard]] static bool is_consumed_by(const Queue& queue, PeerId peer);
  void remove_consumers(Queue& queue, PeerId peer, TimePoint now);

  Outlet* outlet_;
  Queues queues_;
  std::map<std::string, std::set<std::string>> topics_;  ///< Names of bound queues.
  std::map<std::uint64_t, Unacked> unacked_;             ///< By tag.
  std::uint64_t next_tag_ = 1;
  std::uint64_t next_position_ = 1;
  std::uint64_t next_consumer_ = 1;
  std::uint64_t next_own_queue_ = 1;
};

}  // namespace gorgon::broker::embedded
