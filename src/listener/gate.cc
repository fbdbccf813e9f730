// The memory file, one of these a line:
//   UNTIL nonce-NONCE      a signed message that was obeyed
//   UNTIL job-ID           a job that is over
// UNTIL (unix seconds) is when the signature, or those of all earlier messages about the job, would
// be too old anyway.
#include "listener/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/signature.h"
#include "base/text.h"
#include "listener/trusted_keys.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"

namespace gorgon::listener {

namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

constexpr seconds kTolerance = protocol::kClockTolerance;
constexpr seconds kLifetime = protocol::kEnvelopeLifetime;

template <class M, class... Others>
constexpr bool kIsOneOf = (std::is_same_v<M, Others> || ...);

/// What a message makes this machine do; nullopt when that is nothing to speak of.
std::optional<Right> right_for(const protocol::Message& message) {
  using namespace protocol;
  return std::visit(
      []<class M>(const M&) -> std::optional<Right> {
        if constexpr (kIsOneOf<M, JobDefinition, StatusRequest, ShowTests>) {
          // Whoever may run code here can see what else does.
          return Right::kRun;
        } else if constexpr (kIsOneOf<M, CancelJob, JobOver>) {
          return Right::kCancel;
        } else if constexpr (std::is_same_v<M, GemCommand>) {
          return Right::kExec;
        } else {
          // Complete, so that nobody adds a message without having thought of this.
          static_assert(
              kIsOneOf<M, Ping, WorkerComplete, ListenerUp, UnitMessage, UnitStarted, UnitSlow,
                       CaseRunning, UnitOutput, UnitShown, UnitReturned, UnitCases, Artifact,
                       ArtifactsLeftOut, UnitFinished, HostState, WorkerAlive, WorkerDone,
                       WorkerDied, Probe, Pong, ListenerStatus, JobStatus, CommandOutput>);
          return std::nullopt;
        }
      },
      message);
}

std::int64_t unix_seconds(system_clock::time_point time) {
  return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
}

std::unexpected<Error> refuse(std::string reason) {
  return fail(ErrorKind::kRefused, std::move(reason));
}

}  // namespace

Result<Gate> Gate::open(GateOptions options) {
  Gate gate(std::move(options));
  gate.is_closed_ = gate.options_.is_required;
  const auto keys = gate.trusted_keys();
  if (!keys) {
    Error error = keys.error();
    if (error.kind == ErrorKind::kNotFound)
      error = {ErrorKind::kUsage, "trusted_keys: " + error.message +
                                      ": `gorgon trust KEY` makes it with its first key"};
    return std::unexpected(std::move(error));
  }
  if (gate.options_.memory.empty()) return gate;
  auto text = read_file(gate.options_.memory);
  if (!text && text.error().kind != ErrorKind::kNotFound)
    return std::unexpected(std::move(text).error());
  std::istringstream lines(text.value_or(""));
  std::int64_t until = 0;
  for (std::string what; lines >> until >> what;) gate.memory_[what] = until;
  return gate;
}

Result<std::optional<std::vector<TrustedKey>>> Gate::trusted_keys() {
  if (options_.trusted_keys.empty()) return std::nullopt;
  auto keys = read_trusted_keys(options_.trusted_keys);
  if (!keys && keys.error().kind == ErrorKind::kNotFound && !is_closed_) return std::nullopt;
  is_closed_ = true;
  if (!keys) return std::unexpected(std::move(keys).error());
  return *std::move(keys);
}

Result<std::optional<PublicKey>> Gate::admit(const Arrival& arrival) {
  const std::optional<Right> right = right_for(arrival.message);
  if (!right) return std::nullopt;
  auto keys = trusted_keys();
  if (!keys)
    return refuse("the trusted keys of this machine cannot be used: " + keys.error().message);
  if (!*keys) {
    if (arrival.envelope == nullptr) return std::nullopt;
    return arrival.envelope->key;
  }
  GORGON_TRY(check_envelope(arrival, **keys, *right));
  const auto* job = std::get_if<protocol::JobDefinition>(&arrival.message);
  if (job != nullptr && memory_.contains("job-" + job->id))
    return refuse("it is over: this is an old message, sent again");
  const std::string nonce = "nonce-" + arrival.envelope->nonce;
  if (memory_.contains(nonce)) return refuse("it was here before: an old message, sent again");
  GORGON_TRY(remember(nonce, arrival.envelope->expires_at + kTolerance.count(),
                      unix_seconds(arrival.now)));
  return arrival.envelope->key;
}

Result<void> Gate::check_envelope(const Arrival& arrival, const std::vector<TrustedKey>& keys,
                                  Right right) const {
  if (arrival.envelope == nullptr) {
    return refuse(
        "it is not signed, and this machine wants to know whose it is: `gorgon keygen` makes a "
        "key, `gorgon trust` there lets it in");
  }
  const protocol::Envelope& envelope = *arrival.envelope;
  const auto trusted = std::ranges::find(keys, envelope.key, &TrustedKey::key);
  if (trusted == keys.end()) {
    return refuse(
        "it is signed with a key that this machine does not trust; to let it in: gorgon "
        "trust " +
        envelope.key.text());
  }
  if (!protocol::is_genuine(envelope)) return refuse("it was altered after it was signed");
  if (envelope.cluster != options_.cluster)
    return refuse("it is signed for the cluster \"" + envelope.cluster + "\", not for this one");
  if (!envelope.queue.empty() && envelope.queue != arrival.own_queue)
    return refuse("it is signed for another listener");
  const seconds left(envelope.expires_at - unix_seconds(arrival.now));
  if (left + kTolerance < seconds(0) || left > kLifetime + kTolerance) {
    const bool is_old = left < seconds(0);
    return refuse(fmt::format(
        "it {} {} {} by the clock of this machine: an old message, or the clocks are more than "
        "{} min apart",
        is_old ? "expired" : "was signed", human_duration(is_old ? -left : left - kLifetime),
        is_old ? "ago" : "in the future", protocol::kClockTolerance.count()));
  }
  const bool is_own = right == Right::kCancel && arrival.owner == envelope.key;
  if (is_own || trusted->rights.contains(right)) return {};
  return refuse(fmt::format("the key {}{} has no right to \"{}\" here", envelope.key.text(),
                            trusted->name.empty() ? "" : " (" + trusted->name + ")",
                            name_of(right)));
}

Result<void> Gate::close_job(const std::string& job, system_clock::time_point now) {
  if (!is_closed_) return {};
  const std::int64_t second = unix_seconds(now);
  // The youngest message about it is from now, by a clock that may go before ours.
  return remember("job-" + job, second + (kLifetime + 2 * kTolerance).count(), second);
}

Result<void> Gate::remember(const std::string& what, std::int64_t until, std::int64_t now) {
  std::erase_if(memory_, [now](const auto& entry) { return entry.second < now; });
  memory_[what] = until;
  if (options_.memory.empty()) return {};
  std::string text;
  for (const auto& [known, known_until] : memory_)
    text += fmt::format("{} {}\n", known_until, known);
  if (auto written = write_file(options_.memory, text, 0600); !written)
    return refuse("this machine cannot note that it was here: " + written.error().message);
  return {};
}

std::string Gate::describe() {
  const auto keys = trusted_keys();
  if (!keys) return "obeys nobody: " + keys.error().message;
  if (!*keys) return "obeys whoever can publish on the broker: there are no trusted keys";
  return "obeys " + count_of((*keys)->size(), "trusted key") + " of " +
         options_.trusted_keys.string();
}

}  // namespace gorgon::listener
