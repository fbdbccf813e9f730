// Which messages a listener obeys: on a machine with trusted keys those that one of them has
// signed, for this listener, lately, and once.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/signature.h"
#include "listener/trusted_keys.h"
#include "protocol/envelope.h"
#include "protocol/messages.h"

namespace gorgon::listener {

struct GateOptions {
  std::filesystem::path trusted_keys = {};  ///< Empty: every message is obeyed.
  bool is_required = false;                 ///< Without the file nobody is trusted, not everybody.
  std::filesystem::path memory = {};        ///< Which messages have been seen. Empty: not kept.
  std::string cluster = {};                 ///< This listener's.
};

/// What the listener knows of a message that it got.
struct Arrival {
  const protocol::Message& message;
  const protocol::Envelope* envelope = nullptr;  ///< Null: unsigned.
  std::string own_queue;
  /// For a message about a job that runs here: who has signed that.
  std::optional<PublicKey> owner = {};
  std::chrono::system_clock::time_point now;
};

class Gate {
 public:
  /// Reads both files. kUsage, kRefused, kIo: as read_trusted_keys; a file that is not there is
  /// only an error if it is required.
  [[nodiscard]] static Result<Gate> open(GateOptions options);

  /// Who has signed the message, nullopt when nobody has or needs to. The trusted keys are read
  /// anew each time, so that they can be changed while the listener runs; once there were any, a
  /// missing file means that nobody is trusted. kRefused: with the reason, a fragment that fits
  /// "job 17: …".
  [[nodiscard]] Result<std::optional<PublicKey>> admit(const Arrival& arrival);
  /// From now on no message starts this job here, whatever its signature.
  [[nodiscard]] Result<void> close_job(const std::string& job,
                                       std::chrono::system_clock::time_point now);
  /// Whether it obeys but what a trusted key has signed. Reads the file of keys anew.
  [[nodiscard]] bool demands_signature() {
    const auto keys = trusted_keys();
    return !keys || *keys;
  }
  /// For the log: what it lets in.
  [[nodiscard]] std::string describe();

 private:
  explicit Gate(GateOptions options) : options_(std::move(options)) {}
  [[nodiscard]] Result<std::optional<std::vector<TrustedKey>>> trusted_keys();
  [[nodiscard]] Result<void> check_envelope(const Arrival& arrival,
                                            const std::vector<TrustedKey>& keys, Right right) const;
  [[nodiscard]] Result<void> remember(const std::string& what, std::int64_t until,
                                      std::int64_t now);

  GateOptions options_;
  bool is_closed_ = false;                      ///< There are, or were, trusted keys.
  std::map<std::string, std::int64_t> memory_;  ///< What, and until when (unix seconds).
};

}  // namespace gorgon::listener
