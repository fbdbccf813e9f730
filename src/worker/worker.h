// One slot of one job: takes a unit, runs it, publishes the result, waits for the confirm, acks;
// until the job is over.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "broker/broker.h"
#include "protocol/messages.h"
#include "runner/output_tail.h"
#include "runner/runner_process.h"
#include "runner/unit_clock.h"
#include "worker/artifacts.h"
#include "worker/settings.h"
#include "worker/turns.h"
#include "worker/untold.h"

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
  [[nodiscard]] Task<std::optional<ExitCode>> run_units(broker::Delivery delivery);
  [[nodiscard]] Task<std::optional<ExitCode>> run_unit(protocol::UnitMessage unit);
  /// What it says to run, one or more. kProtocol: something else. kRefused: it is not signed by the
  /// owner of the job.
  [[nodiscard]] Result<std::vector<protocol::UnitMessage>> units_in(
      const broker::Delivery& delivery) const;
  [[nodiscard]] Task<std::optional<ExitCode>> return_units(std::vector<protocol::UnitMessage> units,
                                                           std::uint64_t tag, bool is_declined);
  void take_in_hand(const protocol::UnitStarted& started, const std::string& file);
  void tell_in_time();
  [[nodiscard]] Task<std::optional<ExitCode>> tell_untold();
  [[nodiscard]] Task<std::expected<results::UnitResult, ExitCode>> try_unit(
      protocol::UnitMessage work);
  // For who watches: watching.cc.
  void tell_slow(const std::string& unit, const runner::SlowUnit& slow);
  void tell_case(const std::string& unit, const runner::SlowUnit& now);
  void tell_last_output();
  [[nodiscard]] std::optional<protocol::UnitOutput> next_output(bool is_end, bool& is_held);
  static Task<void> stream_output(std::shared_ptr<Worker*> self);
  static Task<void> show_test(std::shared_ptr<Worker*> self);
  [[nodiscard]] Task<Turn> take_turn(TurnNeeds needs);
  [[nodiscard]] Task<std::optional<runner::UnitRun>> run_before(protocol::UnitMessage work);
  [[nodiscard]] runner::RunLimits limits_of(const protocol::UnitMessage& work) const;
  [[nodiscard]] Task<std::optional<ExitCode>> renew_runner(bool needs_fresh_one);
  [[nodiscard]] Task<void> stop_consuming();
  [[nodiscard]] Task<std::optional<ExitCode>> publish_result(protocol::UnitFinished finished,
                                                             Clock::time_point ended);
  [[nodiscard]] protocol::Artifact artifact_of(std::string unit, std::uint32_t attempt) const;
  [[nodiscard]] Task<std::optional<ExitCode>> send_artifacts(protocol::Artifact origin,
                                                             bool has_failed);
  [[nodiscard]] Task<std::expected<std::string, ExitCode>> send_file(FoundFile found,
                                                                     protocol::Artifact part);
  [[nodiscard]] Task<std::expected<std::string, ExitCode>> publish_surely(
      std::vector<broker::Message> messages);
  [[nodiscard]] Task<std::optional<ExitCode>> end_runner();
  [[nodiscard]] Task<void> leave_job();
  [[nodiscard]] Task<void> say_ended();
  [[nodiscard]] Task<void> run_last_hooks();
  [[nodiscard]] Task<void> stay_connected();
  [[nodiscard]] Task<void> say_goodbye(std::string farewell);
  [[nodiscard]] Task<Result<void>> call_after_complete();
  /// A shell command of the project's, with the environment that tests have.
  [[nodiscard]] Task<Result<void>> run_command(config::Callback callback);
  void give_back_unstarted();
  bool take_control_datagrams();
  [[nodiscard]] Activity activity() const;
  [[nodiscard]] std::filesystem::path output_file() const;
  void tell_slot_failure(const Error& error);
  [[nodiscard]] protocol::WorkerDone farewell();

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
  Signal left_;  ///< Notified with `was_told_to_leave_`.
  Turns turns_;
  std::shared_ptr<Worker*>
      alive_;  ///< Null inside once run() has ended: what the coroutines check.
  std::shared_ptr<broker::Connection> broker_;
  std::uint64_t connection_number_ = 0;
  std::optional<Outage> outage_;  ///< Set while no units can come.
  std::unique_ptr<runner::RunnerProcess> runner_;
  std::string runner_name_;                 ///< Of `runner_`: UnitResult::runner, Artifact::runner.
  bool has_runner_run_ = false;             ///< A unit.
  std::optional<ArtifactWatch> artifacts_;  ///< Nullopt: nothing comes back.
  std::vector<results::Failure> runner_errors_;  ///< Of suite hooks and after_complete.
  std::optional<Error> slot_failure_;            ///< Why there is no runner, and will be none.
  std::string unit_in_hand_;  ///< That it was started is told, and its result is not yet.
  std::string unit_at_work_;  ///< It was started, told or not, and has no result yet.
  std::string file_in_hand_;  ///< Of `unit_at_work_`, and since when.
  Clock::time_point in_hand_since_;
  bool are_units_short_ = false;  ///< Of the message in hand.
  Untold untold_;                 ///< Of short units.
  asio::steady_timer tell_timer_;
  bool is_to_tell_ = false;         ///< The timer runs.
  runner::OutputTail output_tail_;  ///< Of `unit_in_hand_`.
  std::uint64_t lost_output_ = 0;   ///< Bytes that the broker has not taken.
  bool is_showing_ = false;         ///< An answer is under way.
  std::uint32_t forks_ = 0;
  std::uint32_t units_run_ = 0;
  bool was_before_start_called_ = false;
  bool was_told_to_leave_ = false;
  bool has_said_goodbye_ = false;
  bool is_stopping_ = false;
};

}  // namespace gorgon::worker
