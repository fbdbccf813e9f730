// The way of a project's files to other machines, as far as this machine is part of it.
#pragma once

#include "base/asio.h"
#include "config/project_config.h"
#include "doctor/finding.h"

namespace gorgon::doctor {

/// Of a project with a broker. direct: finds the address that listeners would be told, and listens
/// there for a moment. anonymous and ssh: pushes a file to the file server, pulls it back and
/// removes it, in 45 s at most.
[[nodiscard]] Task<Findings> check_transport(config::ProjectConfig config);

}  // namespace gorgon::doctor
