// Rhythms and limits that several files of the originator share.
#pragma once

#include <chrono>
#include <cstdint>

namespace gorgon::originator {

/// The display's rhythm. Results are handled when they arrive, not at this rhythm.
inline constexpr std::chrono::milliseconds kTick{100};
/// A wait that lasts longer gets its reason on the display.
inline constexpr std::chrono::seconds kNoticeableWait{1};
/// How long the queues outlive a broken connection.
inline constexpr std::chrono::seconds kReconnectLimit{120};
/// After a cancellation machines answer within a moment, unless they are gone.
inline constexpr std::chrono::seconds kCancelLimit{10};
/// For workers to say what their tests do. Their runners have two seconds to tell their stacks.
inline constexpr std::chrono::seconds kAnswerLimit{3};
/// Of a case, until the live display names it.
inline constexpr std::chrono::seconds kLongCase{2};
/// Replies that the broker hands out ahead of their acknowledgement.
inline constexpr std::uint16_t kReplyPrefetch = 500;
/// Where nobody waits: steps that have limits of their own.
inline constexpr std::chrono::hours kNoLimit{24 * 365};

}  // namespace gorgon::originator
