// One row of docs/configuration.md; the tables of keys (keys.h) give them.
#pragma once

#include <string>

namespace gorgon::config {

/// One row of the reference: a key with its full path.
struct KeyRow {
  std::string path;     ///< "job.sync.exclude"
  std::string aliases;  ///< Other accepted spellings of the last part, "pass, user_pass"; may be
                        ///< empty.
  std::string type;
  std::string meaning;
};

}  // namespace gorgon::config
