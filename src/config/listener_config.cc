#include "config/listener_config.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/user.h"
#include "config/connection_reader.h"
#include "config/document.h"
#include "config/key_row.h"
#include "config/keys.h"
#include "config/load.h"
#include "config/project_config.h"

namespace gorgon::config {

namespace {

namespace fs = std::filesystem;

constexpr int kMaxSlots = 1024;
/// Ruby with RSpec takes about half of it.
constexpr std::uint64_t kLeastMemory = 64 << 20;

Setter<ListenerConfig> slots() {
  return {R"(integer, 1 to 1024, or "auto")",
          [](ListenerConfig& out, const Value& value, const Place& place) {
            if (value.is(Value::Kind::kString) && value.text == "auto") {
              out.worker_slots = 0;
              return;
            }
            if (value.is(Value::Kind::kString)) {
              return place.reject_type(value, "an integer from 1 to 1024, or \"auto\"");
            }
            const auto read = read_integer(value, place, 1, kMaxSlots);
            if (read) out.worker_slots = static_cast<std::size_t>(*read);
          }};
}

Setter<ListenerConfig> account() {
  return {R"("user" or "user:group")",
          [](ListenerConfig& out, const Value& value, const Place& place) {
            const auto name = read_text(value, place);
            if (!name) return;
            auto user = find_user(*name);
            if (!user) return place.reject(value, user.error().message);
            out.run_as = *std::move(user);
          }};
}

Setter<ResourceLimits> bytes(std::uint64_t ResourceLimits::* member) {
  return {R"("512M", "4G")", [member](ResourceLimits& out, const Value& value, const Place& place) {
            const auto read = read_bytes(value, place);
            if (!read) return;
            if (*read < kLeastMemory)
              return place.reject(value, "with less than 64M no runner can start");
            out.*member = *read;
          }};
}

const Table<ResourceLimits>& limit_keys() {
  using Limits = ResourceLimits;
  static const Table<Limits> table = {
      {{"memory"},
       "Memory of a worker's tests; without a cgroup of each of their processes.",
       bytes(&Limits::memory_bytes)},
      {{"processes"},
       "Processes of a worker's tests; without a cgroup times `worker_slots`, of all that the "
       "user runs.",
       count(&Limits::processes, 8, 1'000'000)},
      {{"open_files"},
       "Files that each process may have open.",
       count(&Limits::open_files, 64, 1'000'000)},
      {{"cpus"},
       "CPU time of a worker's tests, in cores; only with a cgroup.",
       count(&Limits::cpus, 1, 1024)},
  };
  return table;
}

const Table<ListenerConfig>& listener_keys() {
  using Config = ListenerConfig;
  static const Table<Config> table = {
      {{"connection"}, "The RabbitMQ server.", connection(&Config::connection)},
      {{"worker_slots"},
       "How many test files run at once on this machine. Default: \"auto\", one per core.",
       slots()},
      {{"cluster_id"},
       "Only jobs for this cluster are taken. Default: the jobs that name none.",
       text(&Config::cluster_id)},
      {{"host_name"},
       "The name in reports. Default: the machine's. A second listener of that name here is "
       "NAME-2.",
       text(&Config::host_name)},
      {{"workspace_dir"},
       "Folder for one workspace per job. Default: `~/.gorgon/workspaces`.",
       local_path(&Config::workspace_dir)},
      {{"keep_trees"},
       "Of how many projects the tree of the last job is kept, so that the next one pulls what has "
       "changed. Default: 4.",
       count(&Config::keep_trees, 0, 64)},
      {{"log_file"}, "Default: `~/.gorgon/listener.log`.", local_path(&Config::log_file)},
      {{"pid_file"}, "Default: `~/.gorgon/listener.pid`.", local_path(&Config::pid_file)},
      {{"run_as"},
       "The account that a listener of root's turns into before it connects, with all that it "
       "starts. Default: whoever starts it.",
       account()},
      {{"worker_limits"},
       "What the tests of each worker may use at most. Default: what the machine has.",
       object(&Config::worker_limits, limit_keys())},
      {{"trusted_keys"},
       "File of the public keys whose jobs are run, and no others. Default: "
       "`~/.gorgon/trusted_keys` if there is one, else every job is run.",
       local_path(&Config::trusted_keys)},
      {{"allow_gem_command"},
       "Let originators install gems here with `gorgon gem`. Default: false.",
       boolean(&Config::allow_gem_command)},
      {{"bin_gem_path"},
       "The gem program that `gorgon gem` uses. Default: `gem` in PATH.",
       local_path(&Config::bin_gem_path)},
  };
  return table;
}

}  // namespace

Result<ListenerConfig> load_listener_config(const fs::path& file) {
  ListenerConfig config;
  Problems problems;
  const auto root = load_with_secret(file, listener_config_rows(), project_config_rows(), problems);
  if (!root && root.error().kind == ErrorKind::kNotFound)
    return fail(ErrorKind::kUsage, "the configuration " + root.error().message);
  if (!root) return std::unexpected(root.error());
  const fs::path folder = fs::absolute(file).parent_path();
  read_object(*root, listener_keys(), config, Place{.problems = problems, .folder = folder});
  if (!problems.is_empty()) return std::unexpected(problems.error());
  return config;
}

Result<fs::path> find_listener_config() {
  static constexpr const char* kName = "gorgon_listener.json";
  std::error_code ignored;
  if (fs::exists(kName, ignored)) return fs::path(kName);
  const char* home = std::getenv("HOME");
  fs::path in_home = fs::path(home == nullptr ? "" : home) / ".gorgon" / kName;
  if (home != nullptr && fs::exists(in_home, ignored)) return in_home;
  return fail(ErrorKind::kNotFound, std::string("there is neither ") + kName + " here nor " +
                                        in_home.string() +
                                        ": `gorgon init` writes one, --config names another");
}

std::vector<KeyRow> listener_config_rows() { return rows_of(listener_keys()); }

}  // namespace gorgon::config
