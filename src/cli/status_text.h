// What `gorgon status` has learnt, as text for people. Asks nobody.
#pragma once

#include <cstddef>
#include <string>

#include "report/look.h"
#include "web/cluster_status.h"

namespace gorgon::cli {

/// Lines of at most `columns` columns. Names of others are made safe for a terminal.
[[nodiscard]] std::string status_text(const web::ClusterStatus& status, const report::Look& look,
                                      std::size_t columns);

}  // namespace gorgon::cli
