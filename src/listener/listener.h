// The daemon of one machine: announces itself, takes jobs, shares its slots between them, answers
// pings.
#pragma once

#include <cstddef>
#include <deque>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/signature.h"
#include "broker/broker.h"
#include "listener/gate.h"
#include "listener/job_run.h"
#include "listener/machine.h"
#include "listener/workspace.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"

namespace gorgon::listener {

struct ListenerOptions {
  broker::Address address;
  std::string host;  ///< This machine's name in messages and reports.
  std::string cluster;
  std::size_t slots = 1;
  ResourceLimits limits = {};  ///< Of each worker.
  std::filesystem::path workspace_dir;
  std::size_t keep_trees = 0;      ///< Of so many projects, for their next jobs.
  std::filesystem::path log_file;  ///< For the workers, too; empty: standard error.
  bool once = false;               ///< End after one job.
  bool allow_gem_command = false;
  std::filesystem::path gem_program = "gem";
};

class Listener {
 public:
  Listener(const asio::any_io_executor& executor, ListenerOptions options, Workspaces workspaces,
           Gate gate);

  /// The first connection, so that a wrong address or password is said at once. kUnavailable,
  /// kRefused.
  [[nodiscard]] Task<Result<void>> connect();
  /// Serves until stop(), or the end of the one job with `once`. With AMQP it reconnects for ever;
  /// with the embedded broker a lost connection is the end.
  [[nodiscard]] Task<Result<void>> run();
  /// Cancels all jobs and lets run() end.
  void stop();

 private:
  [[nodiscard]] Task<bool> reconnect();
  [[nodiscard]] Task<Result<void>> serve();
  [[nodiscard]] Task<void> end_orphaned_jobs();
  [[nodiscard]] Task<void> wait_for_jobs();
  void act_on(const broker::Delivery& delivery);
  void leave_aside(const broker::Delivery& delivery, const Error& error);
  /// What Gate::admit() says; a refusal is logged.
  [[nodiscard]] Result<std::optional<PublicKey>> admit(const protocol::Message& message,
                                                       const protocol::Envelope* envelope,
                                                       std::optional<PublicKey> owner = {});
  void take_job(const protocol::JobDefinition& job, const protocol::Envelope* envelope);
  /// A job that runs here already was sent again.
  void hear_again(JobRun& job_run, const protocol::JobDefinition& job,
                  const protocol::Envelope* envelope);
  void start_job(protocol::JobDefinition job, std::optional<PublicKey> owner);
  /// `message` is the CancelJob or JobOver of `job`.
  void end_job(const std::string& job, const protocol::Message& message,
               const protocol::Envelope* envelope);
  void take_gem_command(protocol::GemCommand command, const protocol::Envelope* envelope);
  [[nodiscard]] Task<void> run_job(std::shared_ptr<JobRun> job_run);
  void answer_ping(const protocol::Ping& ping);
  void show_tests(const protocol::ShowTests& request, const protocol::Envelope* envelope);
  void take_status_request(const protocol::StatusRequest& request,
                           const protocol::Envelope* envelope);
  static Task<void> answer_status(std::shared_ptr<Listener*> self);
  static Task<void> answer_machine(std::shared_ptr<Listener*> self);
  [[nodiscard]] protocol::ListenerStatus dated_status() const;
  [[nodiscard]] protocol::ListenerStatus bare_status() const;
  [[nodiscard]] protocol::ListenerStatus status() const;
  [[nodiscard]] Task<void> run_gem_command(protocol::GemCommand command);
  void tell(const std::string& queue, const protocol::Message& message);
  static Task<void> deliver(std::shared_ptr<Listener*> self);
  [[nodiscard]] Task<void> wait_until_delivered();
  /// Free slots go to the job with the fewest workers; a job without any gets one from the job with
  /// the most.
  void share_slots();

  ListenerOptions options_;
  Machine machine_;
  Workspaces workspaces_;
  Gate gate_;
  std::shared_ptr<broker::Connection> broker_;  ///< Null while disconnected.
  std::list<std::shared_ptr<JobRun>> jobs_;     ///< In order of arrival.
  Signal changed_;
  /// What originators must learn and the broker has not confirmed yet, in order.
  std::deque<broker::Message> undelivered_;
  bool is_delivering_ = false;
  /// Where to answer what runs here, once the workers have said so.
  std::vector<std::string> status_queues_;
  /// Where to answer what this machine is like, once its programs have said so.
  std::vector<std::string> machine_queues_;
  std::shared_ptr<Listener*> alive_;  ///< Null inside once run() has ended.
  bool is_stopping_ = false;
  bool has_run_a_job_ = false;
};

}  // namespace gorgon::listener
