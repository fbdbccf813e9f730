// What this machine is called in front of people.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace gorgon::cli {

/// The first part of the machine's own name.
[[nodiscard]] std::string host_name();

struct HostName {
  std::string name;
  UniqueFd claim;  ///< Nobody else on this machine has the name while this is open.
};
/// `wanted`, or with "-2", "-3" … behind it: what no other listener on this machine has in `scope`
/// (its broker and cluster). Originators tell listeners apart by their names. Waits 0.3 s for a
/// listener that is just ending. kIo.
[[nodiscard]] Result<HostName> claim_host_name(const std::string& wanted, const std::string& scope);

}  // namespace gorgon::cli
