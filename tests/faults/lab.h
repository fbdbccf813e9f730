// Machines for fault tests: a broker, an originator and three listeners, each a host of its own on
// a small network, and a project for them to run.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "harness.h"
#include "net.h"
#include "run_report.h"
#include "support/rabbitmq.h"

namespace gorgon::test {

inline constexpr const char* kBrokerHost = "broker";
inline constexpr const char* kOriginatorHost = "originator";
inline constexpr std::array<const char*, 3> kListenerHosts = {"one", "two", "three"};

/// The network and the broker. One for a test program is the idea; clusters come and go on it.
class Lab {
 public:
  /// kIo where the system allows no network namespaces; other kinds: something is broken.
  [[nodiscard]] static Result<std::unique_ptr<Lab>> make();

  [[nodiscard]] Net& net() { return *net_; }
  [[nodiscard]] PrivateRabbit& rabbit() { return *rabbit_; }
  /// For a cluster whose listeners have the names of hosts. The heartbeat is short, so that what
  /// takes three of them is seen soon.
  [[nodiscard]] Site site();
  /// Ends all faults of the network.
  void heal();

 private:
  explicit Lab(std::unique_ptr<Net> net) : net_(std::move(net)) {}
  std::unique_ptr<Net> net_;
  std::unique_ptr<PrivateRabbit> rabbit_;
};

/// How long a host's silence lasts until the broker must have noticed: three heartbeats of the
/// site, and its own check's rhythm.
inline constexpr auto kHeartbeat = 2s;
inline constexpr auto kNoticeLimit = 3 * kHeartbeat + 2s;

/// The project of the fault tests, with the verdicts of its files. Its slow files, which come
/// first, wait at a gate: however slow this machine is, each worker has one when the fault comes.
struct Sample {
  Project project;
  ExpectedUnits expected;
  int exit_code = 1;
  std::filesystem::path gate;  ///< Open while this file is there.

  void open_gate() const;
  void close_gate() const;
};

struct SampleSize {
  std::size_t quick = 16;
  std::size_t slow = 18;  ///< Each waits for 0.8 s once the gate is open.
  /// Of ballast in the tree, for pulls that take their time on a slow link.
  std::size_t ballast_bytes = 0;
};

/// Where runs of a cluster keep their snapshots of the project.
[[nodiscard]] inline std::filesystem::path stage_folder(const Cluster& cluster) {
  return cluster.folder() / "home" / ".cache" / "gorgon" / "stages";
}

/// A few dozen small files: most pass, one fails, one cannot be loaded, one has a pending case.
/// `keys`: further members of its gorgon.json.
[[nodiscard]] Sample add_sample(Cluster& cluster, const SampleSize& size = {},
                                const std::string& keys = {});

}  // namespace gorgon::test
