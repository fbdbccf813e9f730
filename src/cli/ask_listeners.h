// One question to all listeners of a cluster (or to originators, too), and their answers.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/asio.h"
#include "base/result.h"
#include "base/signature.h"
#include "broker/broker.h"
#include "config/project_config.h"
#include "protocol/messages.h"
#include "protocol/names.h"

namespace gorgon::cli {

/// For the first answers: who is there at all.
inline constexpr std::chrono::duration<double> kPingWait{1.5};

struct Question {
  config::ProjectConfig config;
  std::optional<PrivateKey> signing_key = {};
  /// Of the broker; nullopt: as the configuration says.
  std::optional<broker::Address> address = {};
  /// Who hears it, as a topic of a cluster.
  std::string (*topic)(std::string_view cluster) = &protocol::jobs_topic;
  /// Makes the message, given the queue for the answers.
  std::function<protocol::Message(const std::string& reply_queue)> message;
  /// Called for each answer; true when no more are expected.
  std::function<bool(const protocol::Message& answer)> answered;
  std::chrono::duration<double> wait;  ///< How long answers are collected after the last one.
};
/// kUsage: the project has no broker. Otherwise as broker::connect.
[[nodiscard]] Task<Result<void>> ask_listeners(Question question);

/// How many slots the machines of a cluster have, those in use included. Blocks, for three seconds
/// at most. Nullopt: nobody has answered, or there is no broker to ask.
[[nodiscard]] std::optional<std::size_t> slots_of_machines(const config::ProjectConfig& config);

}  // namespace gorgon::cli
