// The file that says whose jobs a machine runs: a public key a line, with what it may do and whose
// it is.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/signature.h"

namespace gorgon::listener {

enum class Right : std::uint8_t {
  kRun,     ///< Start jobs. Whoever started a job may always end it.
  kCancel,  ///< Cancel the jobs of others.
  kExec,    ///< `gorgon gem`, where the listener allows it at all.
};
inline constexpr std::array kAllRights = {Right::kRun, Right::kCancel, Right::kExec};
[[nodiscard]] std::string_view name_of(Right right);

/// "run,exec". kUsage: an unknown word, with the nearest known one, or none.
[[nodiscard]] Result<std::set<Right>> parse_rights(std::string_view text);

struct TrustedKey {
  PublicKey key;
  std::set<Right> rights;
  std::string name;  ///< For people; may be empty.
};

/// Its lines, in order. kNotFound: there is no such file. kRefused: others than its owner may write
/// it. kUsage: a line that is neither empty, nor a comment (#), nor a key; with its number. kIo.
[[nodiscard]] Result<std::vector<TrustedKey>> read_trusted_keys(const std::filesystem::path& file);

/// Adds the line of `key`, or replaces the one that its key has, in one step: a reader sees the old
/// file or the new one. Makes the file, and folders above it, if needed. Gives true when the key
/// was there. kUsage: `key.name` would break the line. Otherwise as read_trusted_keys.
[[nodiscard]] Result<bool> trust(const std::filesystem::path& file, const TrustedKey& key);

}  // namespace gorgon::listener
