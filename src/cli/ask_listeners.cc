#include "cli/ask_listeners.h"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <cstddef>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/text.h"
#include "broker/broker.h"
#include "config/project_config.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"
#include "protocol/names.h"

namespace gorgon::cli {

namespace {

using Clock = std::chrono::steady_clock;

/// Of a question whose answer is only good to know.
constexpr std::chrono::milliseconds kShortWait(500);
constexpr std::chrono::seconds kLongestWait(3);

Task<void> read_answers(std::shared_ptr<broker::Connection> connection,
                        std::shared_ptr<Channel<broker::Delivery>> answers) {
  for (;;) {
    auto event = co_await connection->next_event();
    if (!event) break;
    if (auto* delivery = std::get_if<broker::Delivery>(&*event))
      answers->push(std::move(*delivery));
  }
  answers->close();
}

}  // namespace

Task<Result<void>> ask_listeners(Question question) {
  if (!question.address && question.config.connection)
    question.address = *question.config.connection;
  if (!question.address) {
    co_return fail(
        ErrorKind::kUsage,
        "this project has no broker, and so no listeners: add \"connection\" to gorgon.json");
  }
  broker::Address address = *question.address;
  std::string name = "gorgon question";
  auto connected = co_await broker::connect(std::move(address), std::move(name));
  if (!connected) co_return std::unexpected(connected.error());
  std::shared_ptr<broker::Connection> connection = std::move(*connected);

  const std::string topic = question.topic(question.config.cluster);
  GORGON_CO_TRY(co_await connection->declare_topic(topic));
  broker::ReplyQueue replies{.name = protocol::reply_queue("ask-" + random_id(12))};
  const std::string reply_queue = replies.name;
  GORGON_CO_TRY(co_await connection->declare_reply_queue(std::move(replies)));
  GORGON_CO_TRY(co_await connection->consume(reply_queue, 100));
  const auto answers =
      std::make_shared<Channel<broker::Delivery>>(co_await asio::this_coro::executor);
  spawn(co_await asio::this_coro::executor, read_answers(connection, answers));
  std::vector<broker::Message> messages;
  messages.push_back(
      {broker::to_topic(topic),
       protocol::seal(question.message(reply_queue), question.signing_key,
                      {.cluster = question.config.cluster}, std::chrono::system_clock::now())});
  GORGON_CO_TRY(co_await connection->publish(std::move(messages)));

  const auto wait = std::chrono::duration_cast<Clock::duration>(question.wait);
  // Whoever keeps talking does not keep us from ending.
  constexpr int kMostWaits = 10;
  const auto end = Clock::now() + kMostWaits * wait;
  while (auto delivery = co_await answers->pop_until(std::min(Clock::now() + wait, end))) {
    (void)connection->ack(delivery->tag);
    const auto answer = protocol::decode(delivery->body);
    if (answer && question.answered(*answer)) break;
  }
  (void)co_await connection->delete_queue(reply_queue);
  co_await connection->close();
  co_return Result<void>();
}

std::optional<std::size_t> slots_of_machines(const config::ProjectConfig& config) {
  using asio::experimental::awaitable_operators::operator||;
  std::map<std::string, std::size_t> slots;
  const auto ask = [&]() -> Task<bool> {
    Question question{
        .config = config,
        .message = [](const std::string& queue) { return protocol::Ping{.reply_queue = queue}; },
        .answered =
            [&](const protocol::Message& answer) {
              if (const auto* pong = std::get_if<protocol::Pong>(&answer))
                slots[pong->host] = pong->slots;
              return false;
            },
        .wait = kShortWait};
    (void)co_await (ask_listeners(std::move(question)) || sleep_for(kLongestWait));
    co_return true;
  };
  asio::io_context io(1);
  (void)run_to_completion(io, ask());
  if (slots.empty()) return std::nullopt;
  std::size_t all = 0;
  for (const auto& [host, count] : slots) all += count;
  return all;
}

}  // namespace gorgon::cli
