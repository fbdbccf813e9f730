// A small network on this machine: hosts with an address each on one switch, and what goes wrong
// between them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "support/network.h"

namespace gorgon::test {

/// Every host is a network namespace; so is the switch. They have no names outside this object:
/// nets of several tests do not meet, and the kernel removes them with the last process in them.
class Net {
 public:
  /// kIo where the system does not allow it (it takes root, or a user namespace) or a program is
  /// missing.
  [[nodiscard]] static Result<std::unique_ptr<Net>> make(const std::vector<std::string>& hosts);
  Net(const Net&) = delete;
  Net& operator=(const Net&) = delete;

  [[nodiscard]] const NetworkNamespace& host(const std::string& name) const;
  [[nodiscard]] std::string address(const std::string& name) const;

  // Faults; heal() ends those of a host. A command that fails ends the program.

  /// Nothing reaches the host and nothing leaves it; its own interface stays up.
  void cut(const std::string& name);
  /// It hears others, and nothing that it says gets through.
  void mute(const std::string& name);
  /// Drops this part of all packets, each way.
  void lose(const std::string& name, int percent);
  /// What the host sends and receives passes at this rate, each way.
  void slow(const std::string& name, int kilobits_per_second);
  /// Refuses its new and old connections to others: packets that leave it are answered by a reset.
  void refuse(const std::string& name);
  /// Breaks the connections that it has with others at this moment: both ends get a reset.
  void reset(const std::string& name);
  void heal(const std::string& name);

 private:
  struct Host {
    NetworkNamespace network;
    std::string port;  ///< Its end of the cable, in the switch.
    std::string address;
  };
  explicit Net(NetworkNamespace network) : switch_(std::move(network)) {}
  [[nodiscard]] Result<void> add(const std::string& name);
  [[nodiscard]] const Host& find(const std::string& name) const;

  NetworkNamespace switch_;
  std::map<std::string, Host> hosts_;
};

}  // namespace gorgon::test
