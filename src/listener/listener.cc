#include "listener/listener.h"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/log.h"
#include "base/result.h"
#include "base/signature.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/version.h"
#include "broker/broker.h"
#include "listener/gate.h"
#include "listener/job_run.h"
#include "listener/machine.h"
#include "listener/workspace.h"
#include "protocol/codec.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"
#include "protocol/names.h"
#include "runner/installed_programs.h"

namespace gorgon::listener {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::uint16_t kPrefetch = 50;
constexpr auto kGemTimeout = 10min;
/// More than all jobs of a machine have to say while the broker is away.
constexpr std::size_t kMaxUndelivered = 1000;
/// Workers that cannot say in time what they do are shown without.
constexpr auto kReportLimit = 300ms;
constexpr std::size_t kMaxStatusRequests = 100;
/// A listener that is told to stop does not wait for long for the broker to take its last words.
constexpr auto kLastWordsLimit = 5s;

/// Signs of life come again by themselves, and a question that is answered late was given up.
bool may_be_lost(const protocol::Message& message) {
  using State = protocol::HostState::State;
  if (const auto* state = std::get_if<protocol::HostState>(&message))
    return state->state == State::kPreparing || state->state == State::kReady;
  return std::holds_alternative<protocol::Pong>(message) ||
         std::holds_alternative<protocol::ListenerStatus>(message);
}

bool has_expired(const protocol::JobDefinition& job) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return job.expires_at > 0 && now.count() > job.expires_at;
}

}  // namespace

Listener::Listener(const asio::any_io_executor& executor, ListenerOptions options,
                   Workspaces workspaces, Gate gate)
    : options_(std::move(options)),
      machine_{.executor = executor,
               .host = options_.host,
               .address = options_.address,
               .log_file = options_.log_file,
               .queue = {},
               .slots = Slots(options_.slots),
               .limits = enforceable(options_.limits, options_.slots)},
      workspaces_(std::move(workspaces)),
      gate_(std::move(gate)),
      changed_(executor),
      alive_(std::make_shared<Listener*>(this)) {
  machine_.tell = [this](const std::string& queue, const protocol::Message& message) {
    tell(queue, message);
  };
  machine_.slots_changed = [this] { share_slots(); };
  machine_.worker_reported = [this] { changed_.notify(); };
}

void Listener::stop() {
  is_stopping_ = true;
  for (const auto& job_run : jobs_) job_run->cancel();
  changed_.notify();
}

Task<Result<void>> Listener::run() {
  for (;;) {
    const auto served = co_await serve();
    // Its jobs end now, and their originators are to hear of it.
    if (served) break;
    broker_.reset();
    if (is_stopping_ || (options_.once && has_run_a_job_)) break;
    log::warning("{}", served.error().message);
    if (std::holds_alternative<broker::EmbeddedAddress>(options_.address)) {
      stop();
      break;
    }
    const bool connected = co_await reconnect();
    if (!connected) break;
  }
  co_await wait_for_jobs();
  co_await wait_until_delivered();
  *alive_ = nullptr;
  co_return Result<void>();
}

Task<Result<void>> Listener::connect() {
  broker::Address address = options_.address;
  std::string name = "gorgon listener on " + options_.host;
  auto connection = co_await broker::connect(std::move(address), std::move(name));
  if (!connection) co_return std::unexpected(connection.error());
  std::shared_ptr<broker::Connection> broker = std::move(*connection);
  const std::string jobs = protocol::jobs_topic(options_.cluster);
  const std::string control = protocol::control_topic(options_.cluster);
  const std::string originators = protocol::originators_topic(options_.cluster);
  const std::string status = protocol::status_topic(options_.cluster);
  for (const std::string& topic : {jobs, control, status, originators})
    GORGON_CO_TRY(co_await broker->declare_topic(topic));
  std::vector<std::string> topics = {jobs, control, status};
  GORGON_CO_TRY_ASSIGN(machine_.queue, co_await broker->declare_own_queue(std::move(topics)));
  std::string queue = machine_.queue;
  GORGON_CO_TRY(co_await broker->consume(std::move(queue), kPrefetch));
  broker_ = broker;
  log::info("listening on {} as {} with {}", broker::describe(options_.address), options_.host,
            count_of(options_.slots, "slot"));
  log::info("{}", gate_.describe());
  // Originators that run a job now send it here.
  const protocol::ListenerUp up{.host = options_.host, .queue = machine_.queue};
  GORGON_CO_TRY(broker_->post({broker::to_topic(originators), protocol::encode(up)}));
  spawn(machine_.executor, deliver(alive_));
  co_return Result<void>();
}

Task<bool> Listener::reconnect() {
  auto pause = 250ms;
  while (!is_stopping_) {
    const auto connected = co_await connect();
    if (connected) {
      co_await end_orphaned_jobs();
      co_return true;
    }
    log::warning("{}; trying again in {} ms", connected.error().message, pause.count());
    co_await changed_.wait_until(std::chrono::steady_clock::now() + pause);
    pause = std::min(pause * 2, broker::longest_pause(options_.address));
  }
  co_return false;
}

/// A job may have ended or been cancelled while we could not hear it.
Task<void> Listener::end_orphaned_jobs() {
  const auto jobs = jobs_;
  for (const auto& job_run : jobs) {
    std::string queue = job_run->job().reply_queue;
    const auto exists = co_await broker_->queue_exists(std::move(queue));
    if (exists && !*exists) job_run->cancel();
  }
}

Task<Result<void>> Listener::serve() {
  using asio::experimental::awaitable_operators::operator||;
  const auto connection = broker_;
  const auto done = [](Listener* self) -> Task<void> {
    const auto is_done = [&] {
      return self->is_stopping_ ||
             (self->options_.once && self->has_run_a_job_ && self->jobs_.empty());
    };
    while (!is_done()) co_await self->changed_.wait();
  };
  for (;;) {
    auto next = co_await (connection->next_event() || done(this));
    if (next.index() == 1) co_return Result<void>();
    auto& event = std::get<0>(next);
    if (!event) co_return std::unexpected(event.error());
    if (const auto* delivery = std::get_if<broker::Delivery>(&*event)) {
      (void)connection->ack(delivery->tag);
      act_on(*delivery);
    }
  }
}

Task<void> Listener::wait_for_jobs() {
  while (!jobs_.empty()) co_await changed_.wait();
}

void Listener::act_on(const broker::Delivery& delivery) {
  const auto opened = protocol::open_envelope(delivery.body);
  if (!opened) return leave_aside(delivery, opened.error());
  const protocol::Envelope* envelope = *opened ? &**opened : nullptr;
  auto message = protocol::decode(envelope != nullptr ? envelope->message : delivery.body);
  if (!message) return leave_aside(delivery, message.error());
  if (const auto* job = std::get_if<protocol::JobDefinition>(&*message)) {
    take_job(*job, envelope);
  } else if (const auto* cancel = std::get_if<protocol::CancelJob>(&*message)) {
    end_job(cancel->job, *message, envelope);
  } else if (const auto* over = std::get_if<protocol::JobOver>(&*message)) {
    end_job(over->job, *message, envelope);
  } else if (const auto* show = std::get_if<protocol::ShowTests>(&*message)) {
    show_tests(*show, envelope);
  } else if (const auto* ping = std::get_if<protocol::Ping>(&*message)) {
    answer_ping(*ping);
  } else if (const auto* request = std::get_if<protocol::StatusRequest>(&*message)) {
    take_status_request(*request, envelope);
  } else if (auto* command = std::get_if<protocol::GemCommand>(&*message)) {
    take_gem_command(std::move(*command), envelope);
  } else if (const auto* complete = std::get_if<protocol::WorkerComplete>(&*message)) {
    log::info("job {}: worker {} is done after {} units", complete->job, complete->worker,
              complete->units);
  }
}

void Listener::leave_aside(const broker::Delivery& delivery, const Error& error) {
  log::warning("a message was left aside: {}", error.message);
  if (const auto sender = protocol::sender_of_job(delivery.body)) {
    tell(sender->reply_queue, protocol::HostState{.job = sender->job,
                                                  .host = options_.host,
                                                  .state = protocol::HostState::State::kRefused,
                                                  .stage = {},
                                                  .message = error.message});
  }
}

Result<std::optional<PublicKey>> Listener::admit(const protocol::Message& message,
                                                 const protocol::Envelope* envelope,
                                                 std::optional<PublicKey> owner) {
  return gate_.admit({.message = message,
                      .envelope = envelope,
                      .own_queue = machine_.queue,
                      .owner = owner,
                      .now = std::chrono::system_clock::now()});
}

void Listener::take_job(const protocol::JobDefinition& job, const protocol::Envelope* envelope) {
  if (is_stopping_ || (options_.once && has_run_a_job_)) return;
  if (has_expired(job)) {
    log::warning("job {} has expired", job.id);
    return;
  }
  // The same job again: we announced ourselves while its broadcast was on the way, or after a
  // reconnect. Nobody is told of it, whoever sent it: the job does run here.
  const auto known = std::ranges::find_if(jobs_, [&](const auto& job_run) {
    return job_run->job().id == job.id && job_run->job().epoch >= job.epoch;
  });
  if (known != jobs_.end()) return hear_again(**known, job, envelope);
  const auto owner = admit(job, envelope);
  if (!owner) {
    log::warning("job {} of {} is refused: {}", job.id, job.originator, owner.error().message);
    return tell(job.reply_queue,
                protocol::HostState{.job = job.id,
                                    .epoch = job.epoch,
                                    .host = options_.host,
                                    .state = protocol::HostState::State::kRefused,
                                    .stage = {},
                                    .message = "refused: " + owner.error().message});
  }
  const bool is_anothers = std::ranges::any_of(jobs_, [&](const auto& job_run) {
    return job_run->job().id == job.id && job_run->owner() != *owner;
  });
  // It would end that.
  if (is_anothers) return log::warning("job {} is refused: one of another key runs here", job.id);
  // What it has in hand still counts; its queue does not.
  for (const auto& older : jobs_) {
    if (older->job().id == job.id) older->leave();
  }
  start_job(job, *owner);
}

void Listener::hear_again(JobRun& job_run, const protocol::JobDefinition& job,
                          const protocol::Envelope* envelope) {
  if (job_run.job().epoch != job.epoch || job_run.job().source == job.source) return;
  const auto owner = admit(job, envelope);
  if (owner && *owner == job_run.owner()) job_run.offer(job);
}

void Listener::start_job(protocol::JobDefinition job, std::optional<PublicKey> owner) {
  has_run_a_job_ = true;
  jobs_.push_back(std::make_shared<JobRun>(std::move(job), owner, machine_, workspaces_));
  spawn(machine_.executor, run_job(jobs_.back()));
}

void Listener::end_job(const std::string& job, const protocol::Message& message,
                       const protocol::Envelope* envelope) {
  const auto jobs = jobs_;
  for (const auto& job_run : jobs) {
    if (job_run->job().id != job) continue;
    // Whoever could start a job without a signature can end it without one.
    if (job_run->owner()) {
      const auto admitted = admit(message, envelope, job_run->owner());
      if (!admitted) {
        log::warning("job {} goes on: its end is refused: {}", job, admitted.error().message);
        return tell(job_run->job().reply_queue,
                    protocol::CommandOutput{
                        .host = options_.host,
                        .exit_code = -1,
                        .output = "refused to end job " + job + ": " + admitted.error().message});
      }
      if (const auto closed = gate_.close_job(job, std::chrono::system_clock::now()); !closed)
        log::warning("job {}: {}", job, closed.error().message);
    }
    if (std::holds_alternative<protocol::CancelJob>(message)) {
      job_run->cancel();
    } else {
      job_run->end();
    }
  }
}

/// What tests write goes to the originator that the job came from, and to nobody else.
void Listener::show_tests(const protocol::ShowTests& request, const protocol::Envelope* envelope) {
  for (const auto& job_run : jobs_) {
    if (job_run->job().id != request.job) continue;
    if (job_run->owner()) {
      const auto admitted = admit(request, envelope, job_run->owner());
      if (!admitted) {
        log::warning("job {}: its tests are not shown: {}", request.job, admitted.error().message);
        return;
      }
    }
    job_run->show_tests();
  }
}

Task<void> Listener::run_job(std::shared_ptr<JobRun> job_run) {
  co_await job_run->run();
  jobs_.remove(job_run);
  auto offer = job_run->take_offer();
  if (offer && !is_stopping_) start_job(*std::move(offer), job_run->owner());
  changed_.notify();
  share_slots();
}

void Listener::share_slots() {
  for (;;) {
    std::shared_ptr<JobRun> poorest;
    for (const auto& job_run : jobs_) {
      if (job_run->wants_worker() &&
          (!poorest || job_run->worker_count() < poorest->worker_count()))
        poorest = job_run;
    }
    if (!poorest) return;
    if (const auto slot = machine_.slots.take()) {
      poorest->start_worker(*slot);
      continue;
    }
    const auto richest = std::ranges::max_element(
        jobs_, {}, [](const auto& job_run) { return job_run->worker_count(); });
    if ((*richest)->worker_count() > poorest->worker_count() + 1) (*richest)->release_worker();
    return;
  }
}

void Listener::tell(const std::string& queue, const protocol::Message& message) {
  if (may_be_lost(message)) {
    if (broker_) (void)broker_->post({broker::to_queue(queue), protocol::encode(message)});
    return;
  }
  if (undelivered_.size() == kMaxUndelivered)
    return log::warning("too much could not be told while the broker was away; this is dropped");
  undelivered_.push_back({broker::to_queue(queue), protocol::encode(message)});
  spawn(machine_.executor, deliver(alive_));
}

/// In order, each until it is confirmed or nobody waits for it any more; what the lost connection
/// did not take goes through the next one.
Task<void> Listener::deliver(std::shared_ptr<Listener*> self) {
  if (*self == nullptr || (*self)->is_delivering_) co_return;
  (*self)->is_delivering_ = true;
  while (*self != nullptr && (*self)->broker_ && !(*self)->undelivered_.empty()) {
    const auto connection = (*self)->broker_;
    std::vector<broker::Message> message = {(*self)->undelivered_.front()};
    const auto delivered = co_await connection->publish(std::move(message));
    if (*self == nullptr) co_return;
    if (!delivered && broker::means_outage(delivered.error())) {
      // Another connection may be there already. If not, the one that comes calls again.
      if ((*self)->broker_ != connection) continue;
      if ((*self)->is_stopping_) (*self)->undelivered_.clear();  // None will come.
      break;
    }
    if (!delivered) log::info("nobody was told: {}", delivered.error().message);
    (*self)->undelivered_.pop_front();
    (*self)->changed_.notify();
  }
  (*self)->is_delivering_ = false;
  (*self)->changed_.notify();
}

Task<void> Listener::wait_until_delivered() {
  const auto deadline = std::chrono::steady_clock::now() + kLastWordsLimit;
  while (broker_ && !undelivered_.empty() && std::chrono::steady_clock::now() < deadline)
    co_await changed_.wait_until(deadline);
}

void Listener::answer_ping(const protocol::Ping& ping) {
  tell(ping.reply_queue,
       protocol::Pong{.host = options_.host,
                      .version = std::string(kVersion),
                      .slots = static_cast<std::uint32_t>(machine_.slots.count()),
                      .free_slots = static_cast<std::uint32_t>(machine_.slots.free_count())});
}

/// What a ping says, it says to everybody; what runs here, to those who could run something here
/// themselves.
void Listener::take_status_request(const protocol::StatusRequest& request,
                                   const protocol::Envelope* envelope) {
  const auto admitted = admit(request, envelope);
  if (!admitted) {
    protocol::ListenerStatus reserved = request.asks_machine ? dated_status() : bare_status();
    reserved.is_reserved = true;
    // As the originator of a job that is refused would be told.
    if (request.asks_machine) reserved.refusal = admitted.error().message;
    return tell(request.reply_queue, reserved);
  }
  auto& queues = request.asks_machine ? machine_queues_ : status_queues_;
  if (queues.size() == kMaxStatusRequests) return;  // Whoever asks so often asks again.
  queues.push_back(request.reply_queue);
  if (queues.size() > 1) return;  // The answer that is under way is for this one, too.
  if (request.asks_machine) return spawn(machine_.executor, answer_machine(alive_));
  for (const auto& job_run : jobs_) job_run->ask_workers();
  spawn(machine_.executor, answer_status(alive_));
}

Task<void> Listener::answer_status(std::shared_ptr<Listener*> self) {
  const auto deadline = std::chrono::steady_clock::now() + kReportLimit;
  const auto is_waiting = [](const auto& job_run) { return job_run->awaits_reports(); };
  while (*self != nullptr && std::ranges::any_of((*self)->jobs_, is_waiting)) {
    const bool is_in_time = co_await (*self)->changed_.wait_until(deadline);
    if (!is_in_time) break;
  }
  if (*self == nullptr) co_return;
  const protocol::ListenerStatus status = (*self)->status();
  for (const std::string& queue : std::exchange((*self)->status_queues_, {}))
    (*self)->tell(queue, status);
}

Task<void> Listener::answer_machine(std::shared_ptr<Listener*> self) {
  const fs::path folder = (*self)->options_.workspace_dir;
  protocol::MachineFacts facts;
  facts.programs = co_await runner::installed_programs(folder);
  if (*self == nullptr) co_return;
  std::error_code error;
  const fs::space_info disk = fs::space(folder, error);
  if (!error) facts.free_bytes = disk.available;
  facts.demands_signature = (*self)->gate_.demands_signature();
  protocol::ListenerStatus status = (*self)->dated_status();
  status.machine = std::move(facts);
  for (const std::string& queue : std::exchange((*self)->machine_queues_, {}))
    (*self)->tell(queue, status);
}

protocol::ListenerStatus Listener::dated_status() const {
  protocol::ListenerStatus status = bare_status();
  status.clock = std::chrono::duration_cast<std::chrono::seconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count();
  return status;
}

protocol::ListenerStatus Listener::bare_status() const {
  return {.host = options_.host,
          .version = std::string(kVersion),
          .cluster = options_.cluster,
          .slots = static_cast<std::uint32_t>(machine_.slots.count()),
          .free_slots = static_cast<std::uint32_t>(machine_.slots.free_count())};
}

protocol::ListenerStatus Listener::status() const {
  protocol::ListenerStatus status = bare_status();
  for (const auto& job_run : jobs_) {
    status.jobs.push_back(job_run->status());
    std::ranges::move(job_run->worker_status(), std::back_inserter(status.workers));
  }
  std::ranges::sort(status.workers, {}, &protocol::WorkerStatus::slot);
  return status;
}

void Listener::take_gem_command(protocol::GemCommand command, const protocol::Envelope* envelope) {
  const auto admitted = admit(command, envelope);
  if (admitted) return spawn(machine_.executor, run_gem_command(std::move(command)));
  log::warning("gorgon gem is refused: {}", admitted.error().message);
  tell(command.reply_queue,
       protocol::CommandOutput{.host = options_.host,
                               .exit_code = -1,
                               .output = "refused: " + admitted.error().message});
}

Task<void> Listener::run_gem_command(protocol::GemCommand command) {
  protocol::CommandOutput answer{.host = options_.host, .exit_code = -1};
  if (!options_.allow_gem_command) {
    answer.output =
        "refused: set \"allow_gem_command\": true in this machine's gorgon_listener.json to allow "
        "it";
  } else {
    RunOptions options;
    options.spawn.argv = {options_.gem_program.string()};
    options.spawn.argv.insert(options.spawn.argv.end(), command.arguments.begin(),
                              command.arguments.end());
    options.timeout = kGemTimeout;
    const auto finished = co_await gorgon::run(std::move(options));
    answer.output = finished ? finished->output + finished->errors : finished.error().message;
    if (finished) answer.exit_code = finished->status.code.value_or(-1);
  }
  tell(command.reply_queue, answer);
}

}  // namespace gorgon::listener
