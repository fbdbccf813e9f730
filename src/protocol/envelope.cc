// {"v": 1, "type": "signed", "key", "signature", "nonce", "cluster", "queue", "expires_at",
// "message"}. Signed are these bytes, LENGTH the decimal number of bytes that follow the colon:
//   gorgon-envelope-1 LENGTH:NONCE LENGTH:CLUSTER LENGTH:QUEUE LENGTH:EXPIRES_AT LENGTH:MESSAGE
#include "protocol/envelope.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/result.h"
#include "base/signature.h"
#include "base/text.h"
#include "protocol/codec.h"
#include "protocol/messages.h"

namespace gorgon::protocol {

namespace {

constexpr std::string_view kType = "signed";
constexpr std::int64_t kEndOfTime = 253'402'300'799;  // The year 9999.
constexpr std::size_t kNonceLength = 25;              // Of 36 letters: 129 bits.

std::string signed_bytes(const Envelope& envelope) {
  // The name in front keeps signatures of other purposes, or later forms, from fitting here.
  std::string bytes = "gorgon-envelope-1";
  const std::string expires_at = std::to_string(envelope.expires_at);
  for (const std::string* part :
       {&envelope.nonce, &envelope.cluster, &envelope.queue, &expires_at, &envelope.message})
    bytes += " " + std::to_string(part->size()) + ":" + *part;
  return bytes;
}

}  // namespace

std::string seal(const Message& message, const std::optional<PrivateKey>& key,
                 const Destination& destination, std::chrono::system_clock::time_point now) {
  return seal(std::span(&message, 1), key, destination, now);
}

std::string seal(std::span<const Message> messages, const std::optional<PrivateKey>& key,
                 const Destination& destination, std::chrono::system_clock::time_point now) {
  std::string body;
  for (const Message& message : messages) add_line(body, message);
  if (!key) return body;
  const auto expiry = (now + kEnvelopeLifetime).time_since_epoch();
  Envelope envelope{.key = key->public_key(),
                    .signature = {},
                    .nonce = random_id(kNonceLength),
                    .cluster = destination.cluster,
                    .queue = destination.queue,
                    .expires_at = std::chrono::duration_cast<std::chrono::seconds>(expiry).count(),
                    .message = std::move(body)};
  envelope.signature = key->sign(signed_bytes(envelope));
  return dump_json(Json{{"v", kVersion},
                        {"type", kType},
                        {"key", envelope.key.text()},
                        {"signature", envelope.signature},
                        {"nonce", envelope.nonce},
                        {"cluster", envelope.cluster},
                        {"queue", envelope.queue},
                        {"expires_at", envelope.expires_at},
                        {"message", envelope.message}});
}

Result<std::optional<Envelope>> open_envelope(std::string_view body) {
  const auto json = parse_json(body);
  if (!json) return std::nullopt;
  ObjectReader in(*json, std::string(kType));
  const std::int64_t version = in.integer("v");
  const std::string type = in.text("type");
  if (!in.status() || version != kVersion || type != kType) return std::nullopt;
  Envelope envelope;
  auto key = PublicKey::parse(in.text("key"));
  if (!key) in.reject("key", "a public key");
  envelope.signature = in.text("signature");
  envelope.nonce = in.text("nonce");
  envelope.cluster = in.text("cluster");
  envelope.queue = in.text("queue");
  envelope.expires_at = in.integer("expires_at");
  envelope.message = in.text("message");
  if (envelope.expires_at < 0 || envelope.expires_at > kEndOfTime)
    in.reject("expires_at", "seconds since 1970");
  // Listeners write it into a file of lines.
  if (!is_id(envelope.nonce)) in.reject("nonce", "1 to 64 characters of a-z and 0-9");
  GORGON_TRY(in.status());
  envelope.key = *key;
  return envelope;
}

bool is_genuine(const Envelope& envelope) {
  return envelope.key.verifies(envelope.signature, signed_bytes(envelope));
}

}  // namespace gorgon::protocol
