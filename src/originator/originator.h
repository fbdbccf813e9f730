// One run, from files to exit code: plan, ship, publish, collect, report. originator.cc reads as
// the list of its steps; job_queues.cc, collect.cc and goodbye.cc hold those that speak with the
// broker.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "broker/broker.h"
#include "originator/artifact_store.h"
#include "originator/batches.h"
#include "originator/dispatch.h"
#include "originator/host_board.h"
#include "originator/journal.h"
#include "originator/local_cluster.h"
#include "originator/make_plan.h"
#include "originator/shipment.h"
#include "protocol/messages.h"
#include "report/reporter.h"
#include "results/exit_code.h"
#include "results/job_state.h"
#include "results/run_event.h"
#include "results/watched.h"

namespace gorgon::originator {

class Originator {
 public:
  /// `reporter` outlives the run.
  Originator(const asio::any_io_executor& executor, StartOptions options, Plan plan,
             report::Reporter& reporter);
  /// Takes up the job of an originator that has died: `options` as it had them. run() then tells
  /// the reporter all that has happened to the job, from its start.
  Originator(const asio::any_io_executor& executor, StartOptions options, Journal journal,
             report::Reporter& reporter);

  /// The whole run. Gives the exit code; everything worth saying has been said to the reporter.
  [[nodiscard]] Task<int> run();
  /// Tells the reporter that the run was interrupted, what is open being cancelled, and kills and
  /// removes what this run has on this machine. For a program that is about to leave at once, with
  /// `exit_code`, at least 128: nobody is waited for, and run() must not be resumed.
  void give_up(int exit_code);
  /// The first Ctrl-C lets what runs finish, if tests run, and begins nothing further. Otherwise
  /// cancels the job everywhere. run() ends with 128 + `signal` if that leaves files without a
  /// verdict. False: the job is being cancelled already.
  [[nodiscard]] bool interrupt(int signal);
  /// Asks all machines what their tests do now, and shows the reporter what they say: within three
  /// seconds, with the names of those that did not.
  void show_tests();

 private:
  using Clock = std::chrono::steady_clock;
  /// Why collecting ended.
  struct Outcome {
    int exit_code = results::kAllPassed;
    std::string reason;
  };
  struct FromBroker {
    std::uint64_t connection = 0;
    Result<broker::Event> event;
  };

  // The steps.
  using Step = Task<Result<void>> (Originator::*)();
  [[nodiscard]] Task<Result<void>> or_end(Step step);
  [[nodiscard]] Task<Result<void>> call_before_originate();
  [[nodiscard]] Task<Result<void>> reach_broker_and_ship();
  [[nodiscard]] Task<Result<void>> prepare_broker();
  [[nodiscard]] Task<Result<void>> reach_broker();
  [[nodiscard]] Task<Result<void>> ship_tree();
  [[nodiscard]] Task<Result<void>> begin_journal();
  [[nodiscard]] Task<Result<void>> publish_job();
  [[nodiscard]] Task<Result<void>> replay_journal();
  [[nodiscard]] Task<int> leave_as_found();
  [[nodiscard]] Task<Result<void>> take_up_tree();
  [[nodiscard]] Task<Result<void>> take_up_job();
  [[nodiscard]] Task<void> collect();
  [[nodiscard]] Task<void> close_job();
  void close_units();
  void tell_end(int exit_code);
  void remove_traces();
  [[nodiscard]] Task<void> take_back_tree();
  [[nodiscard]] Task<void> until_cancel_limit();
  [[nodiscard]] Task<void> say_goodbye();
  [[nodiscard]] Task<void> wait_for_goodbyes(Clock::duration limit);
  void miss_goodbyes(Clock::time_point silent_since);
  void miss_goodbye(const std::string& who);
  [[nodiscard]] Task<void> end_job();
  [[nodiscard]] Task<void> delete_reply_queue();
  [[nodiscard]] Task<void> call_after_job_finishes();
  [[nodiscard]] Task<Result<std::optional<std::string>>> call_here(config::Callback callback);
  template <class T>
  [[nodiscard]] Task<Result<T>> unless_ended(Task<Result<T>> step, std::string reason,
                                             Clock::duration limit);
  [[nodiscard]] Task<void> show_waiting(std::string reason, Clock::duration limit);
  [[nodiscard]] std::string with_alarm(const std::string& reason) const;
  [[nodiscard]] Task<void> within(Clock::duration limit, Task<void> step);
  [[nodiscard]] Task<int> finish();
  [[nodiscard]] ShipmentOptions shipment_options() const;
  /// `write` adds to the journal. A journal that cannot be written any more is given up.
  void keep(const std::function<Result<void>(Journal&)>& write);
  void link_broker();
  void open_artifacts();
  void tell_of_cut_off_jobs();
  void record();
  static Task<void> watch_run_limit(std::shared_ptr<Originator*> self, Clock::duration limit);
  void reach_run_limit();
  static Task<void> find_tree(std::shared_ptr<Originator*> self, std::filesystem::path project);
  void tell_tree(const std::string& digest);
  void tell_step(std::string step, Clock::duration took);
  void tell_steps(const protocol::HostState& message);

  [[nodiscard]] Task<Result<void>> connect();
  [[nodiscard]] Task<Result<void>> reconnect();
  [[nodiscard]] Task<Result<void>> restore_connection();
  [[nodiscard]] Task<Result<void>> publish_everything();
  [[nodiscard]] Task<Result<void>> declare_queues();
  [[nodiscard]] Task<Result<void>> declare_queues_unless_there();
  [[nodiscard]] Clock::duration answer_limit() const;
  [[nodiscard]] Task<Result<void>> declare_job_queues();
  [[nodiscard]] Task<void> delete_work_queues();
  [[nodiscard]] Task<void> keep_queues();
  void note_republished();
  [[nodiscard]] std::vector<Batches::Batch> batches_for_new_queues();
  [[nodiscard]] static bool may_share(const protocol::UnitMessage& message);
  void hand_out_more();
  [[nodiscard]] protocol::UnitMessage message_for(const results::Unit& unit) const;
  [[nodiscard]] bool has_slot_queue() const;
  [[nodiscard]] Task<Result<void>> publish_units(std::vector<Batches::Batch> batches);
  [[nodiscard]] Task<Result<void>> restore_job();
  [[nodiscard]] Task<Result<void>> patiently(Task<Result<void>> (Originator::*step)());
  [[nodiscard]] Task<Result<void>> connect_and_take_up();
  [[nodiscard]] Task<Result<void>> restore_abandoned_job();
  [[nodiscard]] Task<Result<void>> broadcast_job();
  [[nodiscard]] Task<Result<void>> restore_goodbyes();
  [[nodiscard]] protocol::JobDefinition definition() const;
  /// As it goes to all listeners, or to the listener or the workers that read `queue`.
  [[nodiscard]] std::string for_listeners(const protocol::Message& message,
                                          std::string queue = {}) const;
  [[nodiscard]] std::string for_listeners(std::span<const protocol::Message> messages,
                                          std::string queue = {}) const;
  [[nodiscard]] std::string cluster() const;
  [[nodiscard]] std::chrono::seconds sign_interval() const;
  [[nodiscard]] std::chrono::seconds silence_limit() const;
  static Task<void> read_broker(std::shared_ptr<Originator*> self,
                                std::shared_ptr<broker::Connection> connection,
                                std::uint64_t number);

  /// Handles what has arrived until `deadline`; shows time passing meanwhile.
  [[nodiscard]] Task<void> handle_inputs_until(Clock::time_point deadline);
  void handle(const broker::Delivery& delivery);
  /// `body`: of `message` alone.
  void handle_reply(protocol::Message message, const std::string& body, bool may_repeat);
  void handle_unknown(const std::string& body, const Error& error);
  [[nodiscard]] static bool counts_each_time(const protocol::Message& message);
  [[nodiscard]] bool was_handled(std::string_view body) const;
  void remember(std::string_view body);
  void leave_aside(const protocol::Message& repeat);
  void handle(protocol::Message message);
  void note_try(const results::UnitResult& result);
  void count_failures(const results::UnitResult& result);
  void wind_down(int exit_code, std::string reason);
  [[nodiscard]] Task<void> hold_back_units();
  void give_up(results::UnitResult result);
  void forget_everybody();
  void take_dead_letter(std::string_view body);
  void settle_returned();
  void handle(const protocol::UnitStarted& message);
  void handle(protocol::UnitSlow message);
  void handle(protocol::UnitFinished message);
  [[nodiscard]] bool is_news(const protocol::Message& message, const std::string& body);
  void handle(const protocol::Artifact& part);
  void handle(const protocol::ArtifactsLeftOut& message);
  void handle(protocol::HostState message);
  void handle(protocol::CaseRunning message);
  void handle(protocol::UnitOutput message);
  void handle(protocol::UnitShown message);
  void answer_question();
  void handle(const protocol::WorkerDone& message);
  void handle(const protocol::WorkerDied& message);
  void forget_host(const std::string& host, results::JobState::AttemptEnd how);
  void welcome(const protocol::ListenerUp& listener);
  void answer(const protocol::StatusRequest& request);
  void accept(results::UnitResult result, const std::string& run, std::size_t earlier_cases,
              double ago = 0);
  void check_workers();
  [[nodiscard]] bool was_deaf(Clock::time_point due, Clock::time_point now);
  [[nodiscard]] Task<void> probe_broker();
  void check_idle_workers();
  void check_file_queue(Clock::time_point now);
  [[nodiscard]] Task<void> leave_connection();
  void show_reason(std::string reason);
  void end(int exit_code, std::string reason);
  void notice(results::Notice::Level level, std::string text);
  [[nodiscard]] results::RunClock run_clock(double seconds_ago = 0) const {
    const std::chrono::duration<double> now = Clock::now() - started_;
    return std::max(now.count() - seconds_ago, 0.0);
  }

  asio::any_io_executor executor_;
  StartOptions options_;
  report::Reporter& reporter_;
  std::optional<double> expected_seconds_;
  Batches batches_;
  results::JobState state_;
  HostBoard hosts_;
  Dispatch dispatch_;

  std::string job_;
  std::uint32_t epoch_ = 0;
  Clock::time_point started_;
  Clock::time_point published_at_;
  Clock::time_point last_progress_;  ///< When a unit was last running.
  int republications_ = 0;
  std::unique_ptr<LocalCluster> local_;  ///< Null with RabbitMQ.
  std::optional<Shipment> shipment_;     ///< None also for a job taken up whose tree is gone.
  std::optional<Journal> journal_;
  std::optional<ArtifactStore> artifacts_;      ///< Nullopt: nothing comes back.
  std::set<std::string> artifact_problems_;     ///< That were told.
  bool is_taken_up_ = false;                    ///< From an originator that has died.
  std::string tree_;                            ///< Its digest, as it was told; empty: not yet.
  std::shared_ptr<broker::Connection> broker_;  ///< Null while disconnected.
  std::uint64_t connection_number_ = 0;
  bool is_connection_lost_ = false;
  bool has_queues_ = false;  ///< There may be something to delete.
  std::optional<Clock::time_point>
      queues_declared_at_;      ///< On this connection, and not yet published to.
  bool is_published_ = false;   ///< All of it, in this epoch.
  bool was_published_ = false;  ///< Once, in whichever epoch.
  Channel<FromBroker> inputs_;
  std::deque<std::size_t> last_replies_;                ///< Hashes of those that count each time.
  std::unordered_multiset<std::size_t> known_replies_;  ///< The same ones.
  Signal ended_;                                        ///< Notified when `outcome_` is set.
  std::shared_ptr<Originator*> alive_;                  ///< Null inside once run() has ended.

  std::optional<Outcome> outcome_;  ///< Set when collecting is to end before the job is complete.
  std::optional<Outcome> winding_down_;                ///< Set when nothing further is to be begun.
  std::optional<Clock::time_point> held_back_since_;   ///< No unit waits in the queue since then.
  std::size_t failures_ = 0;                           ///< Failed cases, and units without one.
  std::optional<Clock::time_point> last_worker_lost_;  ///< For silence; none has come since then.
  bool has_deaf_queue_ = false;                        ///< The file queue answers no worker.
  std::optional<Clock::time_point> nobody_since_;      ///< No machine works on the job since then.
  /// What do the tests do now? Not answered by all yet.
  struct Question {
    Clock::time_point asked_at;
    std::vector<results::RunningTest> answers;
  };
  std::optional<Question> question_;
  std::string waiting_for_;  ///< What the display says we wait for.
  Clock::time_point next_check_;
  Clock::time_point next_renewal_;
  Clock::time_point next_probe_;
  bool is_probing_ = false;                                   ///< A probe is not confirmed yet.
  bool was_blocked_ = false;                                  ///< At the last check.
  std::map<std::string, protocol::HostState> slot_failures_;  ///< By host: of its last slot.
  std::map<std::string, std::string> last_host_states_;       ///< By host, as they came.
  std::vector<const results::Unit*>
      to_republish_;  ///< Those that are to be tried once more, or were kept back until now.
  std::map<std::string, results::UnitResult>
      cut_off_;  ///< By unit: those that ran when the run's limit was reached.
  std::size_t errors_after_units_ = 0;  ///< after_complete and suite hooks that failed.
};

}  // namespace gorgon::originator
