// A message that somebody vouches for: its own bytes, verbatim, in an envelope that is signed.
// Says whether an envelope is whole, not whether its sender may do what it asks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/signature.h"
#include "protocol/messages.h"

namespace gorgon::protocol {

/// How long a signed message may be under way. Short, as it bounds for how long a listener that has
/// not seen a message can be given an old one, and what listeners must remember.
inline constexpr std::chrono::hours kEnvelopeLifetime{1};
/// How far the clocks of originators and listeners may be apart.
inline constexpr std::chrono::minutes kClockTolerance{5};

/// All but the signature is covered by it.
struct Envelope {
  PublicKey key;
  std::string signature;
  std::string nonce;    ///< Random: no two envelopes have the same.
  std::string cluster;  ///< Whose listeners it is for.
  std::string queue;    ///< The one queue that it is for; empty: all listeners of the cluster.
  std::int64_t expires_at = 0;  ///< Unix seconds.
  std::string message;          ///< As encode() made it: one, or a line each.
};

struct Destination {
  std::string cluster;
  std::string queue = {};  ///< Empty: all listeners of the cluster.
};

/// `messages` for the wire, a line each: signed with `key` from `now` on; as encode() gives them
/// without a key.
[[nodiscard]] std::string seal(std::span<const Message> messages,
                               const std::optional<PrivateKey>& key, const Destination& destination,
                               std::chrono::system_clock::time_point now);
[[nodiscard]] std::string seal(const Message& message, const std::optional<PrivateKey>& key,
                               const Destination& destination,
                               std::chrono::system_clock::time_point now);

/// Nullopt when `body` is no envelope; that does not make it a message. kProtocol: an envelope with
/// something missing.
[[nodiscard]] Result<std::optional<Envelope>> open_envelope(std::string_view body);

/// Whether everything in it is as the owner of `envelope.key` has signed it.
[[nodiscard]] bool is_genuine(const Envelope& envelope);

}  // namespace gorgon::protocol
