// Where the files that come back from the workers are kept: FOLDER/JOB/HOST/WORKER/FILE/…, whole or
// not at all. What the messages name is another machine's word: nothing is written outside of the
// run's folder, nor beyond the run's share of the disk.
//
//   FOLDER/latest                            link to the last run's folder
//   FOLDER/JOB/HOST/WORKER/spec/a_spec.rb/…  of a unit; a further try: a_spec.rb.try-2; where
//                                            several units have one file: a_spec.rb.unit-12
//   FOLDER/JOB/HOST/WORKER/runner-NAME/…     written at a runner's end
//   FOLDER/JOB/.gorgon-artifacts/ID          on its way
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "config/artifacts.h"
#include "protocol/messages.h"
#include "results/verdict.h"

namespace gorgon::originator {

/// What the workers are told. kUsage: a glob is none.
[[nodiscard]] Result<protocol::ArtifactRules> artifact_rules(const config::Artifacts& artifacts);

class ArtifactStore {
 public:
  /// Makes the run's folder, or takes that of a run which is taken up, with what is in it; points
  /// `latest` to it and removes those of old runs. kIo.
  [[nodiscard]] static Result<ArtifactStore> open(const std::filesystem::path& project,
                                                  const config::Artifacts& artifacts,
                                                  const std::string& job,
                                                  std::span<const results::Unit> units);

  /// Takes a part; repeated ones are left aside. kRefused: the file is left out, for want of space
  /// in max_run_bytes, or because its unit is none of the run's. kIo: it is left out as well.
  [[nodiscard]] Result<void> take(const protocol::Artifact& part);
  /// Others, that workers have not sent.
  void add_left_out(std::size_t files) { left_out_ += files; }
  /// Removes what has not come as a whole.
  void finish();

  /// Of all tries of a unit that are here: paths as folder() has them, sorted.
  [[nodiscard]] std::vector<std::string> of_unit(std::string_view unit) const;
  /// The run's, as the configuration names it: relative to the project, or absolute.
  [[nodiscard]] const std::filesystem::path& folder() const { return shown_; }
  [[nodiscard]] std::size_t files() const { return files_.size(); }
  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 private:
  ArtifactStore(const config::Artifacts& artifacts, const std::string& job,
                std::span<const results::Unit> units);
  [[nodiscard]] std::vector<std::string> place_of(const protocol::Artifact& part) const;
  [[nodiscard]] Result<void> begin(const protocol::Artifact& part);
  [[nodiscard]] Result<void> write(const protocol::Artifact& part);
  [[nodiscard]] Result<void> complete(const protocol::Artifact& part);
  void leave_out(const std::string& id);
  [[nodiscard]] bool is_end_of_whole(const protocol::Artifact& part) const;
  void read_folder();
  void note(const std::vector<std::string>& place, std::string_view unit);

  std::filesystem::path shown_;
  std::filesystem::path path_;  ///< The same, absolute.
  std::uint64_t bytes_left_;
  UniqueFd run_;                                             ///< The run's folder,
  UniqueFd on_their_way_;                                    ///< and the one in it.
  std::map<std::string, std::string, std::less<>> folders_;  ///< By unit.
  std::map<std::string, std::string, std::less<>> units_;    ///< By folder.
  std::map<std::string, std::set<std::string>, std::less<>> by_unit_;
  std::set<std::string> files_;
  std::unordered_set<std::string> settled_;  ///< Ids that are here or left out.
  std::size_t left_out_ = 0;
};

}  // namespace gorgon::originator
