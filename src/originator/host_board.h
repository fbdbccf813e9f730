// What the machines said about this job, and whether anyone is left who can run it. Pure: the
// caller brings the clock.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "protocol/messages.h"
#include "results/exit_code.h"

namespace gorgon::originator {

class HostBoard {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Gives true when the state of the host is another than before. Not for failures of single slots
  /// and of hooks after the job, which leave the host where it is.
  bool update(const protocol::HostState& message, TimePoint now);
  /// Anything else that shows the host alive.
  void seen(const std::string& host, TimePoint now);
  /// Nobody's silence until now counts.
  void all_seen(TimePoint now);
  /// Hosts at work that have said nothing since `limit`; they are then counted as out of the job.
  std::vector<std::string> drop_silent(TimePoint limit);

  /// Of all machines that were heard of.
  [[nodiscard]] std::vector<std::string> names() const;
  /// Machines that prepare or run the job.
  [[nodiscard]] std::size_t at_work() const;
  /// A machine among them has prepared, and runs the job.
  [[nodiscard]] bool any_ready() const;
  [[nodiscard]] std::size_t answered() const { return hosts_.size(); }
  /// Some have answered, and each of them has failed or refused: none comes back by itself.
  [[nodiscard]] bool all_failed() const;
  /// Why each machine is out of the job, a line each; empty when none is.
  [[nodiscard]] std::string reasons() const;
  /// The exit code when nobody is left: refused by all, a callback failed on all, otherwise
  /// incomplete.
  [[nodiscard]] results::ExitCode exit_code() const;

 private:
  struct Host {
    protocol::HostState::State state = protocol::HostState::State::kPreparing;
    std::string stage;
    std::string message;
    TimePoint last_seen;
  };
  std::map<std::string, Host> hosts_;
};

}  // namespace gorgon::originator
