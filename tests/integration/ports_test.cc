// What listens where during a run: the look that a port scanner of the network, or another user of
// the machine, would take.
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

namespace fs = std::filesystem;
using std::string;

struct ListeningSocket {
  string program;  ///< Its command line.
  string address;  ///< An IPv4 address or a path; "v6" for any IPv6 one.
};

/// By inode. /proc/net/tcp: "sl local_address rem_address st … inode", in hexadecimal and network
/// order; state 0A is LISTEN (proc(5), include/net/tcp_states.h of Linux).
std::map<string, string> listening_addresses() {
  std::map<string, string> addresses;
  const auto read_lines = [](const char* file, const auto& use) {
    std::ifstream lines(file);
    string line;
    std::getline(lines, line);  // The heading.
    while (std::getline(lines, line)) {
      std::istringstream fields(line);
      std::vector<string> words;
      for (string word; fields >> word;) words.push_back(word);
      use(words);
    }
  };
  const auto ipv4 = [](const string& hex) {
    const auto number = std::stoul(hex, nullptr, 16);
    string text;
    for (unsigned shift = 0; shift < 32; shift += 8)
      text += (text.empty() ? "" : ".") + std::to_string((number >> shift) & 0xFF);
    return text;
  };
  read_lines("/proc/net/tcp", [&](const std::vector<string>& words) {
    if (words.size() > 9 && words[3] == "0A") addresses[words[9]] = ipv4(words[1].substr(0, 8));
  });
  read_lines("/proc/net/tcp6", [&](const std::vector<string>& words) {
    if (words.size() > 9 && words[3] == "0A") addresses[words[9]] = "v6";
  });
  // "Num RefCount Protocol Flags Type St Inode Path"; the flag 0x10000 says that it takes
  // connections.
  read_lines("/proc/net/unix", [&](const std::vector<string>& words) {
    if (words.size() > 7 && words[3] == "00010000") addresses[words[6]] = words[7];
  });
  return addresses;
}

std::vector<ListeningSocket> listening_sockets(const Cluster& cluster) {
  const std::map<string, string> addresses = listening_addresses();
  std::vector<ListeningSocket> found;
  for (const pid_t pid : cluster.processes()) {
    std::error_code error;
    for (fs::directory_iterator entry("/proc/" + std::to_string(pid) + "/fd", error), end;
         !error && entry != end; entry.increment(error)) {
      std::error_code gone;
      const string target = fs::read_symlink(entry->path(), gone).string();
      constexpr std::string_view kSocket = "socket:[";
      if (!target.starts_with(kSocket)) continue;
      const auto address =
          addresses.find(target.substr(kSocket.size(), target.size() - kSocket.size() - 1));
      if (address != addresses.end()) found.push_back({describe_process(pid), address->second});
    }
  }
  return found;
}

string text_of(const std::vector<ListeningSocket>& sockets) {
  string text;
  for (const ListeningSocket& socket : sockets)
    text += socket.program + " listens on " + socket.address + "\n";
  return text;
}

/// A project whose one file waits for "gate" in the cluster's folder.
Project add_gated_project(Cluster& cluster) {
  Project project = cluster.add_project("");
  project.write("spec/a_spec.rb", "RSpec.describe('x') { it('y') { sleep 0.02 until File.exist?('" +
                                      (cluster.folder() / "gate").string() + "') } }\n");
  return project;
}

bool has_started(const Program& run) {
  return eventually(60s, [&] { return !Cluster::so_far(run).starts.empty(); });
}

using PortsTest = RabbitTest;
using LocalPortsTest = LocalTest;

TEST_F(PortsTest, OnlyTheOriginatorListensAndOnlyWhereListenersReachIt) {
  cluster().start_two_listeners();
  EXPECT_EQ(text_of(listening_sockets(cluster())), "") << "a listener at rest listens on nothing";
  const Project project = add_gated_project(cluster());
  cluster().configure(project);
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(has_started(run));
  const auto sockets = listening_sockets(cluster());
  ASSERT_EQ(sockets.size(), 1U) << text_of(sockets);
  EXPECT_TRUE(sockets[0].program.contains("start")) << text_of(sockets);
  EXPECT_EQ(sockets[0].address, "127.0.0.1") << "the broker of this test is reached by loopback";
  Project(cluster().folder()).write("gate", "");
  EXPECT_EQ(cluster().finish(run).exit_code, 0);
  EXPECT_EQ(text_of(listening_sockets(cluster())), "") << "the run is over";
}

TEST_F(PortsTest, AFileServerListensOnLoopbackUnlessToldOtherwise) {
  const fs::path server = cluster().folder() / "server";
  fs::create_directories(server / "files");
  const auto start = [&](std::vector<string> arguments) {
    arguments.insert(arguments.begin(),
                     {"start_rsync", "files", "--port", std::to_string(free_port())});
    return cluster().gorgon(arguments, server, 20s, server).exit_code;
  };
  const auto stop = [&] { return cluster().gorgon({"stop_rsync"}, server, 20s, server).exit_code; };
  ASSERT_EQ(start({}), 0);
  auto sockets = listening_sockets(cluster());
  ASSERT_EQ(sockets.size(), 1U) << text_of(sockets);
  EXPECT_EQ(sockets[0].address, "127.0.0.1");
  EXPECT_EQ(stop(), 0);
  EXPECT_TRUE(eventually(20s, [&] { return listening_sockets(cluster()).empty(); }));
}

TEST_F(LocalPortsTest, ALocalRunListensInAFolderThatNobodyElseEnters) {
  const Project project = add_gated_project(cluster());
  Program& run = cluster().start_run(project);
  ASSERT_TRUE(has_started(run));
  const auto sockets = listening_sockets(cluster());
  ASSERT_EQ(sockets.size(), 1U) << text_of(sockets);
  const fs::path socket = sockets[0].address;
  ASSERT_TRUE(socket.is_absolute()) << text_of(sockets);
  struct stat folder{};
  ASSERT_EQ(::stat(socket.parent_path().c_str(), &folder), 0);
  EXPECT_EQ(folder.st_mode & 0777U, 0700U);
  Project(cluster().folder()).write("gate", "");
  EXPECT_EQ(cluster().finish(run).exit_code, 0);
}

}  // namespace
}  // namespace gorgon::test
