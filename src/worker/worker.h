// One slot of one job: takes a unit, runs it, publishes the result, waits for the confirm, acks;
// until the job is over.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "broker/broker.h"
#include "runner/runner_process.h"
#include "runner/unit_clock.h"
#include "worker/settings.h"

namespace gorgon::worker {

class Worker {
 public:
  /// `control` is the SEQPACKET socket to the listener: fork requests go out, "leave" comes in, its
  /// end means the end.
  Worker(const asio::any_io_executor& executor, Settings settings, UniqueFd control);

  /// Works until the job is over. Gives the process's exit code. Leaves no runner behind.
  [[nodiscard]] Task<ExitCode> run();
  /// SIGTERM: ends run() soon, the test in progress killed and its unit given back.
  void stop();

 private:
  struct Leave {};
  struct Stop {};
  struct OriginatorGone {};
  /// One thing to act on. Deliveries carry the connection they came on: tags are void on any other.
  struct FromBroker {
    std::uint64_t connection = 0;
    Result<broker::Event> event;
  };
  using Input = std::variant<Leave, Stop, OriginatorGone, FromBroker>;
  using Clock = std::chrono::steady_clock;
  struct Outage {
    Clock::time_point since = Clock::now();
    std::chrono::milliseconds pause{250};  ///< Before the next try.
  };

  [[nodiscard]] Task<Result<void>> connect();
  [[nodiscard]] Task<void> pause_in_outage();
  [[nodiscard]] bool has_waited_enough() const;
  [[nodiscard]] Task<std::optional<ExitCode>> take_slot();
  [[nodiscard]] Task<std::optional<ExitCode>> call_before_start();
  [[nodiscard]] Task<std::optional<ExitCode>> start_runner();
  [[nodiscard]] Task<std::optional<ExitCode>> consume_units();
  [[nodiscard]] Task<std::optional<ExitCode>> rejoin();
  [[nodiscard]] Task<std::expected<Result<broker::Event>, ExitCode>> next_from_broker();
  [[nodiscard]] Task<std::optional<ExitCode>> act_on(Result<broker::Event> event);
  [[nodiscard]] Task<std::optional<ExitCode>> run_unit(broker::Delivery delivery);
  /// What it says to run. kProtocol: nothing. kRefused: it is not signed by the owner of the job.
  [[nodiscard]] Result<protocol::UnitMessage> unit_in(const broker::Delivery& delivery) const;
  [[nodiscard]] Task<std::optional<ExitCode>> return_unit(std::string unit, std::uint64_t tag,
                                                          bool is_declined);
  [[nodiscard]] Task<std::expected<results::UnitResult, ExitCode>> try_unit(
      protocol::UnitMessage work);
  void tell_slow(const std::string& unit, const runner::SlowUnit& slow);
  /// A place on the machine: beside other units of the job, or alone.
  struct Turn {
    UniqueFd gate;
    UniqueFd machine;
  };
  [[nodiscard]] Task<Turn> take_turn(bool is_alone);
  [[nodiscard]] Task<UniqueFd> lock(std::string name, bool is_exclusive);
  [[nodiscard]] Task<std::optional<ExitCode>> renew_runner();
  [[nodiscard]] Task<void> give_back_untried(std::uint64_t tag);
  [[nodiscard]] Task<std::optional<ExitCode>> publish_result(results::UnitResult result);
  [[nodiscard]] Task<void> leave_job();
  [[nodiscard]] Task<void> say_stopped();
  [[nodiscard]] Task<void> run_last_hooks(std::vector<results::Failure>& errors);
  [[nodiscard]] Task<void> stay_connected();
  [[nodiscard]] Task<void> say_goodbye(std::string farewell);
  [[nodiscard]] Task<Result<void>> call_after_complete();
  /// A shell command of the project's, with the environment that tests have.
  [[nodiscard]] Task<Result<void>> run_command(config::Callback callback);
  void give_back_unstarted();
  bool take_control_datagrams();
  [[nodiscard]] Activity activity() const;
  void report_slot_failure(const Error& error);

  // Coroutines of their own, until run() ends.
  static Task<void> read_control(std::shared_ptr<Worker*> self);
  static Task<void> read_broker(std::shared_ptr<Worker*> self,
                                std::shared_ptr<broker::Connection> connection,
                                std::uint64_t number);
  static Task<void> show_alive(std::shared_ptr<Worker*> self);

  asio::any_io_executor executor_;
  Settings settings_;
  asio::posix::stream_descriptor control_;
  Channel<Input> inputs_;
  Signal stopped_;
  std::shared_ptr<Worker*>
      alive_;  ///< Null inside once run() has ended: what the coroutines check.
  std::shared_ptr<broker::Connection> broker_;
  std::uint64_t connection_number_ = 0;
  std::optional<Outage> outage_;  ///< Set while no units can come.
  std::unique_ptr<runner::RunnerProcess> runner_;
  std::vector<results::Failure> runner_errors_;  ///< Of suite hooks of runners that were replaced.
  std::string unit_in_hand_;                     ///< Started, and its result not confirmed yet.
  std::string file_in_hand_;                     ///< Its file, and since when.
  Clock::time_point in_hand_since_;
  std::uint32_t forks_ = 0;
  std::uint32_t units_run_ = 0;
  bool was_before_start_called_ = false;
  bool was_told_to_leave_ = false;
  bool has_said_goodbye_ = false;
  bool is_stopping_ = false;
};

}  // namespace gorgon::worker
