#include "program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <ios>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/files.h"
#include "base/process_tree.h"
#include "base/subprocess.h"
#include "base/unique_fd.h"

namespace gorgon::test {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPause{20};

/// Files of /proc have no size; empty when it is gone or not ours.
std::string read_proc(pid_t pid, const char* name) {
  std::ifstream stream("/proc/" + std::to_string(pid) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    pid_t pid = 0;
    const auto [stop, failure] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failure == std::errc() && stop == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

UniqueFd open_for_output(const std::filesystem::path& path) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

std::filesystem::path errors_file(const Program::Options& options) {
  return options.output.string() + ".err";
}

bool uses_folder(pid_t pid, const std::string& folder) {
  const std::filesystem::path process = "/proc/" + std::to_string(pid);
  std::error_code error;
  if (std::filesystem::read_symlink(process / "cwd", error).string().starts_with(folder))
    return true;
  for (std::filesystem::directory_iterator entry(process / "fd", error), end; entry != end;
       entry.increment(error)) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry->path(), gone).string().starts_with(folder))
      return true;
  }
  return false;
}

constexpr std::size_t kMaxOutputBytes = std::size_t{512} * 1024 * 1024;

}  // namespace

bool eventually(Clock::duration limit, const std::function<bool()>& condition) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() > deadline) return condition();
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

std::vector<pid_t> processes_of(const std::string& name, const std::string& value,
                                const std::filesystem::path& folder) {
  const std::string mark = '\0' + name + "=" + value + '\0';
  std::vector<pid_t> found;
  for (const pid_t pid : all_processes()) {
    if (pid == ::getpid()) continue;
    const std::string environment = '\0' + read_proc(pid, "environ");
    const bool is_ours =
        environment.find(mark) != std::string::npos || uses_folder(pid, folder.string() + "/");
    if (is_ours && is_alive(pid)) found.push_back(pid);
  }
  return found;
}

namespace {

/// As proc(5) has it; 'X' when there is none.
char process_state(pid_t pid) {
  const std::string stat = read_proc(pid, "stat");
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= stat.size()) return 'X';
  return stat[name_end + 2];
}

}  // namespace

bool is_alive(pid_t pid) {
  const char state = process_state(pid);
  return state != 'Z' && state != 'X';
}

bool stands_still(pid_t pid) {
  const char state = process_state(pid);
  return state == 'T' || state == 'Z' || state == 'X';
}

std::uint16_t free_port() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), generic, length) != 0 ||
      ::getsockname(socket.get(), generic, &length) != 0)
    ADD_FAILURE() << "no free port";
  return ntohs(address.sin_port);
}

std::string describe_process(pid_t pid) {
  std::string command = read_proc(pid, "cmdline");
  std::ranges::replace(command, '\0', ' ');
  return std::to_string(pid) + " " + command;
}

std::vector<pid_t> children_matching(pid_t parent, const std::string& text) {
  std::vector<pid_t> found;
  for (const pid_t pid : descendants_of(parent)) {
    if (describe_process(pid).find(text) != std::string::npos && is_alive(pid))
      found.push_back(pid);
  }
  return found;
}

Program::Program(Options options) : options_(std::move(options)) {
  const UniqueFd output = open_for_output(options_.output);
  const UniqueFd errors = open_for_output(errors_file(options_));
  auto process = Subprocess::spawn(io_.get_executor(),
                                   {.argv = options_.argv,
                                    .environment = options_.environment,
                                    .working_directory = options_.directory,
                                    .descriptors = {{1, output.get()}, {2, errors.get()}}});
  if (!process) {
    ADD_FAILURE() << "cannot start " << options_.argv.front() << ": " << process.error().message;
    status_ = ExitStatus{.code = 127, .signal = std::nullopt};
    return;
  }
  process_.emplace(*std::move(process));
  pid_ = process_->pid();
}

Program::~Program() = default;

bool Program::is_running() { return !wait({}).has_value(); }

void Program::signal(int number) {
  if (process_ && !status_) process_->signal(number);
}

std::optional<ExitStatus> Program::wait(Clock::duration limit) {
  if (status_) return status_;
  io_.restart();
  status_ = run_to_completion(io_, process_->wait_until(Clock::now() + limit));
  return status_;
}

std::optional<int> Program::exit_code(Clock::duration limit) {
  const auto status = wait(limit);
  if (!status) return std::nullopt;
  return status->code ? *status->code : 128 + *status->signal;
}

std::string Program::output() const {
  return read_file(options_.output, kMaxOutputBytes).value_or("");
}

std::string Program::errors() const {
  return read_file(errors_file(options_), kMaxOutputBytes).value_or("");
}

}  // namespace gorgon::test
