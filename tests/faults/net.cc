#include "net.h"

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "support/network.h"

namespace gorgon::test {

namespace {

/// A fault that was not injected would be a test that proves nothing.
void must(const NetworkNamespace& network, std::vector<std::string> argv) {
  const auto done = network.run(std::move(argv));
  if (done) return;
  std::fprintf(stderr, "cannot inject a fault: %s\n", done.error().message.c_str());
  std::abort();
}

void shape(const NetworkNamespace& network, const std::string& interface, int kilobits_per_second) {
  // As much waits in line as passes in 400 ms; the rest is dropped, and TCP finds its pace.
  must(network,
       {"tc", "qdisc", "replace", "dev", interface, "root", "tbf", "rate",
        std::to_string(kilobits_per_second) + "kbit", "burst", "32kbit", "latency", "400ms"});
}

}  // namespace

Result<std::unique_ptr<Net>> Net::make(const std::vector<std::string>& hosts) {
  GORGON_TRY_ASSIGN(NetworkNamespace network, NetworkNamespace::make());
  GORGON_TRY(network.run({"ip", "link", "add", "br0", "type", "bridge"}));
  GORGON_TRY(network.run({"ip", "link", "set", "br0", "up"}));
  std::unique_ptr<Net> net(new Net(std::move(network)));
  for (const std::string& name : hosts) GORGON_TRY(net->add(name));
  return net;
}

Result<void> Net::add(const std::string& name) {
  GORGON_TRY_ASSIGN(NetworkNamespace network, NetworkNamespace::make());
  const auto number = hosts_.size() + 1;
  Host host{.network = std::move(network),
            .port = fmt::format("port{}", number),
            .address = fmt::format("10.77.0.{}", number)};
  GORGON_TRY(switch_.run({"ip", "link", "add", host.port, "type", "veth", "peer", "name", "eth0",
                          "netns", host.network.path()}));
  GORGON_TRY(switch_.run({"ip", "link", "set", host.port, "master", "br0", "up"}));
  GORGON_TRY(host.network.run({"ip", "addr", "add", host.address + "/24", "dev", "eth0"}));
  GORGON_TRY(host.network.run({"ip", "link", "set", "eth0", "up"}));
  hosts_.emplace(name, std::move(host));
  return {};
}

const Net::Host& Net::find(const std::string& name) const {
  const auto found = hosts_.find(name);
  if (found != hosts_.end()) return found->second;
  std::fprintf(stderr, "no host %s in the net\n", name.c_str());
  std::abort();
}

const NetworkNamespace& Net::host(const std::string& name) const { return find(name).network; }

std::string Net::address(const std::string& name) const { return find(name).address; }

void Net::cut(const std::string& name) {
  must(switch_, {"ip", "link", "set", find(name).port, "nomaster"});
}

void Net::mute(const std::string& name) {
  // An acknowledgement of TCP's own has 20 bytes of IP and 32 of TCP; what has more says something.
  must(host(name), {"iptables", "-A", "OUTPUT", "-o", "eth0", "-p", "tcp", "-m", "length",
                    "--length", "53:", "-j", "DROP"});
}

void Net::lose(const std::string& name, int percent) {
  const std::string part = fmt::format("{:.2f}", percent / 100.0);
  for (const auto& [chain, way] : {std::pair{"INPUT", "-i"}, std::pair{"OUTPUT", "-o"}}) {
    must(host(name), {"iptables", "-A", chain, way, "eth0", "-m", "statistic", "--mode", "random",
                      "--probability", part, "-j", "DROP"});
  }
}

void Net::slow(const std::string& name, int kilobits_per_second) {
  shape(host(name), "eth0", kilobits_per_second);
  shape(switch_, find(name).port, kilobits_per_second);
}

void Net::refuse(const std::string& name) {
  must(host(name), {"iptables", "-A", "OUTPUT", "-o", "eth0", "-p", "tcp", "-j", "REJECT",
                    "--reject-with", "tcp-reset"});
}

void Net::reset(const std::string& name) {
  must(host(name), {"ss", "--kill", "--tcp", "state", "established", "dst", "10.77.0.0/24"});
}

void Net::heal(const std::string& name) {
  const Host& healed = find(name);
  must(healed.network, {"iptables", "-F"});
  // There may be none to delete.
  (void)healed.network.run({"tc", "qdisc", "del", "dev", "eth0", "root"});
  (void)switch_.run({"tc", "qdisc", "del", "dev", healed.port, "root"});
  must(switch_, {"ip", "link", "set", healed.port, "master", "br0"});
}

}  // namespace gorgon::test
