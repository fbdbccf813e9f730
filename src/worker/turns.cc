#include "worker/turns.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "base/asio.h"
#include "base/file_watch.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::worker {

using namespace std::chrono_literals;

namespace {

constexpr auto kRetry = 1s;
constexpr auto kShortRetry = 50ms;

}  // namespace

Turns::Turns(asio::any_io_executor executor, const std::filesystem::path& folder)
    : executor_(std::move(executor)), folder_(folder / "turns") {
  std::error_code ignored;  // Without it no lock can be had.
  std::filesystem::create_directories(folder_, ignored);
}

Task<Turn> Turns::take(TurnNeeds needs) {
  const Kind kind = needs.is_alone ? Kind::kExclusive : Kind::kShared;
  Turn turn;
  if (needs.group_slots > 0) {
    std::string group = "group-" + needs.group;
    turn.group = co_await lock(std::move(group), needs.group_slots, Kind::kExclusive);
  }
  std::string gate = "gate";
  turn.gate = co_await lock(std::move(gate), 1, kind);
  std::string machine = "machine";
  turn.machine = co_await lock(std::move(machine), 1, kind);
  if (!needs.is_alone) turn.gate.reset();
  co_return turn;
}

/// One of `slots` locks of that name; none where files cannot be opened.
Task<UniqueFd> Turns::lock(std::string name, std::uint32_t slots, Kind kind) {
  using asio::experimental::awaitable_operators::operator||;
  std::vector<UniqueFd> files;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    const auto file = folder_ / fmt::format("{}.{}", name, slot);
    files.emplace_back(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!files.back()) co_return UniqueFd();
  }
  if (UniqueFd held = try_lock(files, kind)) co_return held;
  auto releases = FileWatch::open(executor_, folder_, FileWatch::For::kCloses);
  // The files stay open meanwhile: closing one wakes all that wait. Whoever leaves between the
  // first try and the watch is found by the second.
  for (;;) {
    if (UniqueFd held = try_lock(files, kind)) co_return held;
    if (!releases) {
      // This user has no instance of inotify left.
      co_await sleep_for(kShortRetry);
      continue;
    }
    // Linux tells of a close just before it lets the lock go (__fput): a try may come too soon.
    const auto woken = co_await (releases->changed() || sleep_for(kRetry));
    if (woken.index() == 0 && !std::get<0>(woken)) releases = fail(ErrorKind::kIo, "ended");
  }
}

/// The first that nobody else has, taken out of `files`.
UniqueFd Turns::try_lock(std::vector<UniqueFd>& files, Kind kind) {
  const int how = (kind == Kind::kExclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
  for (UniqueFd& file : files) {
    if (::flock(file.get(), how) == 0) return std::move(file);
  }
  return {};
}

}  // namespace gorgon::worker
