// frame  = length:u32 type:u8 field*     length counts type and fields; at most kMaxFrameBytes
// type   = the frame's index in the variant Frame, from 0
// field  = as its struct in wire.h, in order:
//   uN     little-endian (both ends are on one machine, but the format should not depend on it)
//   bool   u8, 0 or 1                    Status: u8
//   string length:u16 byte*
//   list   count:u8 string*              at most kMaxTopics
//   body   the rest of the frame         (the last field of Publish and Deliver)
//
// A client opens with Hello; the broker answers Reply{request 0}, kRefused with the reason when the
// versions differ. After it, requests may overlap; replies to requests of one connection come in
// order. The broker ends a connection that sends anything else.
#include "broker/embedded/wire.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace gorgon::broker::embedded {

namespace {

/// Calls `archive` with each field of a frame in wire order. One list serves both directions.
template <class Archive, class F>
void each_field(Archive& archive, F& frame) {
  using T = std::remove_const_t<F>;
  if constexpr (std::same_as<T, Hello>) {
    archive(frame.version, frame.name);
  } else if constexpr (std::same_as<T, DeclareTopic> || std::same_as<T, QueueExists> ||
                       std::same_as<T, DeleteQueue> || std::same_as<T, PurgeQueue>) {
    archive(frame.request, frame.name);
  } else if constexpr (std::same_as<T, DeclareWorkQueue>) {
    archive(frame.request, frame.name, frame.max_deliveries, frame.dead_letter_to,
            frame.expires_seconds);
  } else if constexpr (std::same_as<T, DeclareReplyQueue>) {
    archive(frame.request, frame.name, frame.expires_seconds);
  } else if constexpr (std::same_as<T, DeclareOwnQueue>) {
    archive(frame.request, frame.topics);
  } else if constexpr (std::same_as<T, Consume>) {
    archive(frame.request, frame.queue, frame.prefetch);
  } else if constexpr (std::same_as<T, StopConsuming>) {
    archive(frame.request, frame.queue);
  } else if constexpr (std::same_as<T, Publish>) {
    archive(frame.request, frame.to_topic, frame.name);
    archive.body(frame.body);
  } else if constexpr (std::same_as<T, Ack>) {
    archive(frame.tag);
  } else if constexpr (std::same_as<T, Return>) {
    archive(frame.tag, frame.failed);
  } else if constexpr (std::same_as<T, Reply>) {
    archive(frame.request, frame.status, frame.text);
  } else if constexpr (std::same_as<T, Deliver>) {
    archive(frame.tag, frame.attempt, frame.is_dead_letter, frame.queue);
    archive.body(frame.body);
  } else {
    static_assert(std::same_as<T, Cancelled>);
    archive(frame.queue);
  }
}

class Writer {
 public:
  template <class... Fields>
  void operator()(const Fields&... fields) {
    (put(fields), ...);
  }
  void body(const std::string& text) { bytes += text; }

  std::string bytes;

 private:
  template <std::unsigned_integral T>
  void put(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bytes.push_back(static_cast<char>((std::uint64_t{value} >> (8 * i)) & 0xFFU));
    }
  }
  void put(bool value) { bytes.push_back(value ? 1 : 0); }
  void put(Status value) { put(static_cast<std::uint8_t>(value)); }
  void put(const std::string& text) {
    const std::size_t length = std::min<std::size_t>(text.size(), 0xFFFF);
    put(static_cast<std::uint16_t>(length));
    bytes.append(text, 0, length);
  }
  void put(const std::vector<std::string>& list) {
    const std::size_t count = std::min(list.size(), kMaxTopics);
    put(static_cast<std::uint8_t>(count));
    for (std::size_t i = 0; i < count; ++i) put(list[i]);
  }
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <class... Fields>
  void operator()(Fields&... fields) {
    (get(fields), ...);
  }
  void body(std::string& text) {
    if (is_valid_) text = rest_;
    rest_ = {};
  }
  [[nodiscard]] bool is_complete() const { return is_valid_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t count) {
    if (count > rest_.size()) {
      is_valid_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  template <std::unsigned_integral T>
  void get(T& value) {
    std::uint64_t read = 0;
    unsigned shift = 0;
    for (const char byte : take(sizeof(T))) {
      read |= std::uint64_t{static_cast<unsigned char>(byte)} << shift;
      shift += 8;
    }
    value = static_cast<T>(read);
  }
  std::uint8_t get_at_most(std::uint8_t limit) {
    std::uint8_t value = 0;
    get(value);
    if (value > limit) is_valid_ = false;
    return value;
  }
  void get(bool& value) { value = get_at_most(1) == 1; }
  void get(Status& value) {
    value = static_cast<Status>(get_at_most(static_cast<std::uint8_t>(Status::kRefused)));
  }
  void get(std::string& text) {
    std::uint16_t length = 0;
    get(length);
    text = take(length);
  }
  void get(std::vector<std::string>& list) {
    const std::uint8_t count = get_at_most(kMaxTopics);
    for (std::uint8_t i = 0; i < count && is_valid_; ++i) get(list.emplace_back());
  }

  std::string_view rest_;
  bool is_valid_ = true;
};

template <std::size_t index>
Result<Frame> decode_as(std::string_view fields) {
  std::variant_alternative_t<index, Frame> frame;
  Reader reader(fields);
  each_field(reader, frame);
  if (!reader.is_complete()) {
    return fail(ErrorKind::kProtocol, "malformed frame of type " + std::to_string(index));
  }
  return Frame(std::move(frame));
}

template <std::size_t... indices>
constexpr auto make_decoders(std::index_sequence<indices...>) {
  return std::array{&decode_as<indices>...};
}

}  // namespace

std::string encode(const Frame& frame) {
  Writer writer;
  writer.bytes.assign(4, '\0');
  writer(static_cast<std::uint8_t>(frame.index()));
  std::visit([&](const auto& fields) { each_field(writer, fields); }, frame);
  std::size_t length = writer.bytes.size() - 4;
  for (std::size_t i = 0; i < 4; ++i, length >>= 8U) {
    writer.bytes[i] = static_cast<char>(length & 0xFFU);
  }
  return std::move(writer.bytes);
}

Result<Frame> decode(std::string_view bytes) {
  static constexpr auto kDecoders =
      make_decoders(std::make_index_sequence<std::variant_size_v<Frame>>());
  if (bytes.empty()) return fail(ErrorKind::kProtocol, "empty frame");
  const auto type = static_cast<unsigned char>(bytes[0]);
  if (type >= kDecoders.size()) {
    return fail(ErrorKind::kProtocol, "unknown frame type " + std::to_string(type));
  }
  return kDecoders[type](bytes.substr(1));
}

}  // namespace gorgon::broker::embedded
