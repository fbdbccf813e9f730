#include "config/artifacts.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/paths.h"
#include "config/document.h"
#include "config/keys.h"

namespace gorgon::config {

namespace {

using Globs = std::vector<std::string> Artifacts::*;
using Bytes = std::uint64_t Artifacts::*;

Setter<Artifacts> globs(Globs member) {
  return {"array of strings", [member](Artifacts& out, const Value& value, const Place& place) {
            auto read = read_texts(value, place);
            if (!read) return;
            for (std::size_t i = 0; i < read->size(); ++i) {
              if (is_path_below((*read)[i])) continue;
              place.reject(value, "\"" + (*read)[i] +
                                      "\" leads out of the workspace: write a glob relative to it, "
                                      "or let the tests write into the folder GORGON_ARTIFACTS");
            }
            out.*member = *std::move(read);
          }};
}

Setter<Artifacts> bytes(Bytes member) {
  return {R"("512K", "50M", "4G")",
          [member](Artifacts& out, const Value& value, const Place& place) {
            if (const auto read = read_bytes(value, place)) out.*member = *read;
          }};
}

}  // namespace

const Table<Artifacts>& artifact_keys() {
  static const Table<Artifacts> table = {
      {{"on_failure"},
       "Globs, relative to the workspace: files that a test file which did not pass has written "
       "come back. Default: none.",
       globs(&Artifacts::on_failure)},
      {{"always"},
       "Globs, relative to the workspace: files that any test file has written come back, and "
       "those that a runner writes at its end. Default: none.",
       globs(&Artifacts::always)},
      {{"max_unit_bytes"},
       "Of one test file, and of one runner's end. What would exceed it is left out. Default: "
       "\"50M\".",
       bytes(&Artifacts::max_unit_bytes)},
      {{"max_run_bytes"},
       "Of the whole run. What would exceed it is left out. Default: \"1G\".",
       bytes(&Artifacts::max_run_bytes)},
      {{"folder"},
       "Where they are kept, a folder for each run. Default: `.gorgon/artifacts`.",
       project_path(&Artifacts::folder)},
      {{"keep_runs"},
       "How many runs keep their folder. Default: 5.",
       count(&Artifacts::keep_runs, 1, 100'000)},
  };
  return table;
}

}  // namespace gorgon::config
