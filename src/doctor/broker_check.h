// The broker of a project: whether it lets us in and do what a run does, and how quickly.
#pragma once

#include <chrono>
#include <string>

#include "base/asio.h"
#include "base/result.h"
#include "config/connection.h"
#include "doctor/finding.h"

namespace gorgon::doctor {

struct BrokerCheck {
  Findings findings;
  bool is_reached = false;  ///< It can be asked for listeners.
};
/// Logs in, declares the topics of `cluster` and queues of its own with the names and kinds that
/// runs have, publishes to them, and deletes them. Waits at most ten seconds for each answer.
/// `unit_timeout` is the configured one; 0: none.
[[nodiscard]] Task<BrokerCheck> check_broker(config::Connection address, std::string cluster,
                                             std::chrono::duration<double> unit_timeout);

/// Why broker::connect() has failed, and what helps.
[[nodiscard]] Finding judge_connect(const config::Connection& address, const Error& error);
/// Why the broker has refused a step of ours.
[[nodiscard]] Finding judge_refusal(const config::Connection& address, const std::string& step,
                                    const Error& error);
/// `product` as Connection::product() gives it.
[[nodiscard]] Findings judge_product(const std::string& product,
                                     std::chrono::duration<double> unit_timeout);

}  // namespace gorgon::doctor
