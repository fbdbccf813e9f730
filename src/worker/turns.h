// Whose turn it is on this machine: units of a job that must run alone, and units of groups of
// which only so many may run at a time. The workers of the job here agree by locks on files, which
// the system takes away from whoever dies.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/unique_fd.h"

namespace gorgon::worker {

/// A place on the machine, as long as it lives.
struct Turn {
  UniqueFd group;
  UniqueFd gate;
  UniqueFd machine;
};

struct TurnNeeds {
  bool is_alone = false;          ///< Beside no other unit of the job.
  std::string group = {};         ///< Empty: in none. May be part of a file's name.
  std::uint32_t group_slots = 0;  ///< How many of the group may run here at a time; 0: any number.
};

class Turns {
 public:
  /// `folder` is the job's own on this machine.
  Turns(asio::any_io_executor executor, const std::filesystem::path& folder);

  /// Waits for as long as it takes: each turn ends within a unit's time limit, and with its worker.
  /// May be cancelled. Where locks cannot be had (a full disk), nobody waits.
  ///
  /// Units that run alone take the gate for themselves, which lets no other in, and then wait for
  /// those inside to finish. The group comes first: who waits for it holds up nobody else.
  [[nodiscard]] Task<Turn> take(TurnNeeds needs);

 private:
  enum class Kind : std::uint8_t { kShared, kExclusive };
  [[nodiscard]] static UniqueFd try_lock(std::vector<UniqueFd>& files, Kind kind);
  [[nodiscard]] Task<UniqueFd> lock(std::string name, std::uint32_t slots, Kind kind);

  asio::any_io_executor executor_;
  std::filesystem::path folder_;
};

}  // namespace gorgon::worker
