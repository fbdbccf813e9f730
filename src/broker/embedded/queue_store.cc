#include "broker/embedded/queue_store.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <expected>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "broker/broker.h"
#include "broker/waiting.h"

namespace gorgon::broker::embedded {

namespace {

bool is_same(const WorkQueue& a, const WorkQueue& b) {
  return a.max_deliveries == b.max_deliveries && a.dead_letter_to == b.dead_letter_to &&
         a.expires == b.expires;
}

std::unexpected<Error> declared_differently(const std::string& name) {
  return fail(ErrorKind::kRefused,
              fmt::format("queue {} exists already with other arguments", name));
}

}  // namespace

Result<QueueStore::Queue*> QueueStore::find_or_add(const std::string& name, TimePoint now) {
  GORGON_TRY(check_name(name));
  const auto [found, is_new] = queues_.try_emplace(name);
  if (found->second.consumers.empty()) found->second.unused_since = now;
  return &found->second;
}

Result<void> QueueStore::declare(const WorkQueue& queue, TimePoint now) {
  const bool existed = exists(queue.name);
  GORGON_TRY_ASSIGN(Queue * added, find_or_add(queue.name, now));
  if (existed) {
    if (!added->work || !is_same(*added->work, queue)) return declared_differently(queue.name);
    return {};
  }
  added->work = queue;
  added->expires = queue.expires;
  return {};
}

Result<void> QueueStore::declare(const ReplyQueue& queue, TimePoint now) {
  const bool existed = exists(queue.name);
  GORGON_TRY_ASSIGN(Queue * added, find_or_add(queue.name, now));
  if (existed) {
    if (!added->reply || added->reply->expires != queue.expires)
      return declared_differently(queue.name);
    return {};
  }
  added->reply = queue;
  added->expires = queue.expires;
  return {};
}

Result<std::string> QueueStore::declare_own_queue(PeerId owner,
                                                  const std::vector<std::string>& topics) {
  for (const std::string& topic : topics) {
    if (!topics_.contains(topic))
      return fail(ErrorKind::kNotFound, fmt::format("topic {} does not exist", topic));
  }
  std::string name = fmt::format("own-{}", next_own_queue_++);
  queues_[name].owner = owner;
  for (const std::string& topic : topics) topics_[topic].insert(name);
  return name;
}

void QueueStore::delete_queue(const std::string& name) {
  const auto found = queues_.find(name);
  if (found == queues_.end()) return;
  const Queue queue = std::move(found->second);
  queues_.erase(found);
  for (auto& [topic, bound] : topics_) bound.erase(name);
  for (const Consumer& consumer : queue.consumers) outlet_->cancel(consumer.peer, name);
}

void QueueStore::purge_queue(const std::string& name) {
  if (const auto found = queues_.find(name); found != queues_.end()) found->second.waiting.clear();
}

Result<void> QueueStore::consume(PeerId peer, const std::string& name, std::uint16_t prefetch) {
  const auto found = queues_.find(name);
  if (found == queues_.end())
    return fail(ErrorKind::kNotFound, fmt::format("queue {} does not exist", name));
  Queue& queue = found->second;
  if (queue.owner && *queue.owner != peer)
    return fail(ErrorKind::kRefused, fmt::format("queue {} belongs to another connection", name));
  if (is_consumed_by(queue, peer))
    return fail(ErrorKind::kRefused, fmt::format("queue {} is being consumed already", name));
  queue.unused_since.reset();
  // As in AMQP, 0 means no limit.
  const std::uint32_t limit = prefetch > 0 ? prefetch : std::numeric_limits<std::uint32_t>::max();
  queue.consumers.push_back({.id = next_consumer_++, .peer = peer, .prefetch = limit});
  serve(name, queue);
  return {};
}

bool QueueStore::is_consumed_by(const Queue& queue, PeerId peer) {
  return std::ranges::any_of(queue.consumers,
                             [&](const Consumer& consumer) { return consumer.peer == peer; });
}

void QueueStore::remove_consumers(Queue& queue, PeerId peer, TimePoint now) {
  const auto removed = std::erase_if(
      queue.consumers, [&](const Consumer& consumer) { return consumer.peer == peer; });
  if (removed > 0 && queue.consumers.empty()) queue.unused_since = now;
}

void QueueStore::stop_consuming(PeerId peer, const std::string& name, TimePoint now) {
  const auto found = queues_.find(name);
  if (found != queues_.end()) remove_consumers(found->second, peer, now);
}

bool QueueStore::publish(const Destination& to, std::string body) {
  if (to.kind == Destination::Kind::kQueue) {
    if (!exists(to.name)) return false;
    add_message(to.name, {.body = std::move(body)});
    return true;
  }
  const auto topic = topics_.find(to.name);
  if (topic == topics_.end()) return true;
  for (const std::string& queue : topic->second) add_message(queue, {.body = body});
  return true;
}

void QueueStore::add_message(const std::string& name, StoredMessage message) {
  Queue& queue = queues_.at(name);
  queue.waiting.emplace(next_position_++, std::move(message));
  serve(name, queue);
}

/// The consumer that has waited longest among those with credit, sent to the back of the line.
std::optional<QueueStore::Consumer> QueueStore::next_free_consumer(Queue& queue) {
  const auto found = std::ranges::find_if(queue.consumers, [&](const Consumer& consumer) {
    return consumer.unacked < consumer.prefetch && outlet_->can_take(consumer.peer);
  });
  if (found == queue.consumers.end()) return std::nullopt;
  ++found->unacked;
  const Consumer chosen = *found;
  queue.consumers.erase(found);
  queue.consumers.push_back(chosen);
  return chosen;
}

void QueueStore::serve(const std::string& name, Queue& queue) {
  while (!queue.waiting.empty()) {
    const std::optional<Consumer> consumer = next_free_consumer(queue);
    if (!consumer) return;
    auto first = queue.waiting.extract(queue.waiting.begin());
    const std::uint64_t tag = next_tag_++;
    Unacked& unacked = unacked_
                           .emplace(tag, Unacked{.peer = consumer->peer,
                                                 .consumer = consumer->id,
                                                 .queue = name,
                                                 .position = first.key(),
                                                 .message = std::move(first.mapped())})
                           .first->second;
    outlet_->deliver(consumer->peer, {.queue = name,
                                      .tag = tag,
                                      .attempt = unacked.message.failures + 1,
                                      .is_dead_letter = unacked.message.is_dead_letter,
                                      .body = unacked.message.body});
  }
}

std::optional<QueueStore::Unacked> QueueStore::settle(PeerId peer, std::uint64_t tag) {
  const auto found = unacked_.find(tag);
  if (found == unacked_.end() || found->second.peer != peer) return std::nullopt;
  Unacked unacked = std::move(found->second);
  unacked_.erase(found);
  if (const auto queue = queues_.find(unacked.queue); queue != queues_.end()) {
    for (Consumer& consumer : queue->second.consumers) {
      if (consumer.id == unacked.consumer) --consumer.unacked;
    }
  }
  return unacked;
}

bool QueueStore::ack(PeerId peer, std::uint64_t tag) {
  const auto unacked = settle(peer, tag);
  if (!unacked) return false;
  if (const auto queue = queues_.find(unacked->queue); queue != queues_.end())
    serve(unacked->queue, queue->second);
  return true;
}

bool QueueStore::give_back(PeerId peer, std::uint64_t tag, GiveBack how) {
  auto unacked = settle(peer, tag);
  if (!unacked) return false;
  put_back(*std::move(unacked), how);
  return true;
}

void QueueStore::put_back(Unacked unacked, GiveBack how) {
  const auto found = queues_.find(unacked.queue);
  if (found == queues_.end()) return;  // Deleted meanwhile.
  Queue& queue = found->second;
  StoredMessage& message = unacked.message;
  if (how == GiveBack::kFailed) ++message.failures;
  if (queue.work && message.failures >= queue.work->max_deliveries) {
    const std::string target = queue.work->dead_letter_to;
    if (exists(target)) {
      add_message(target, {.body = std::move(message.body), .is_dead_letter = true});
    } else {
      log::warning(
          "a message of queue {} failed {} times and is dropped: its dead letter queue "
          "\"{}\" does not exist",
          unacked.queue, message.failures, target);
    }
  } else {
    queue.waiting.emplace(unacked.position, std::move(message));
  }
  serve(unacked.queue, queue);
}

void QueueStore::resume(PeerId peer) {
  for (auto& [name, queue] : queues_) {
    if (!queue.waiting.empty() && is_consumed_by(queue, peer)) serve(name, queue);
  }
}

void QueueStore::drop_peer(PeerId peer, TimePoint now) {
  std::vector<std::string> own_queues;
  for (auto& [name, queue] : queues_) {
    remove_consumers(queue, peer, now);
    if (queue.owner == peer) own_queues.push_back(name);
  }
  for (const std::string& name : own_queues) delete_queue(name);
  std::vector<std::uint64_t> tags;
  for (const auto& [tag, unacked] : unacked_) {
    if (unacked.peer == peer) tags.push_back(tag);
  }
  for (const std::uint64_t tag : tags) {
    if (auto unacked = settle(peer, tag)) put_back(*std::move(unacked), GiveBack::kFailed);
  }
}

std::optional<TimePoint> QueueStore::next_expiry() const {
  std::optional<TimePoint> next;
  for (const auto& [name, queue] : queues_) {
    if (queue.owner || !queue.unused_since) continue;
    const TimePoint expiry = *queue.unused_since + queue.expires;
    next = next ? std::min(*next, expiry) : expiry;
  }
  return next;
}

void QueueStore::expire(TimePoint now) {
  std::vector<std::string> expired;
  for (const auto& [name, queue] : queues_) {
    if (!queue.owner && queue.unused_since && *queue.unused_since + queue.expires <= now)
      expired.push_back(name);
  }
  for (const std::string& name : expired) {
    log::info("queue {} had no consumer for its time and is deleted", name);
    delete_queue(name);
  }
}

}  // namespace gorgon::broker::embedded
