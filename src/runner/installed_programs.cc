#include "runner/installed_programs.h"

#include <array>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.h"
#include "base/result.h"
#include "base/subprocess.h"

namespace gorgon::runner {

namespace {

constexpr std::chrono::seconds kAnswerLimit{10};
constexpr std::size_t kMaxAnswerBytes = std::size_t{64} * 1024;
constexpr std::size_t kMaxVersionBytes = 64;

// One process a language: it writes lines of a name and a version.
constexpr const char* kRubyQuestion = R"(
puts "ruby #{RUBY_VERSION}"
{ 'bundler' => 'bundler', 'rspec-core' => 'rspec', 'minitest' => 'minitest', 'test-unit' => 'test-unit' }.each do |gem, name|
  newest = Gem::Specification.find_all_by_name(gem).max_by(&:version)
  puts "#{name} #{newest.version}" if newest
end
)";
constexpr const char* kPythonQuestion = R"(
import platform
print("python", platform.python_version())
try:
    import importlib.metadata
    print("pytest", importlib.metadata.version("pytest"))
except Exception:
    pass
)";

/// Ruby says first what is wrong and then where, Python last.
std::string ends_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream all(text);
  for (std::string line; std::getline(all, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  constexpr std::size_t kShown = 6;
  if (lines.size() > kShown) lines.erase(lines.begin() + kShown / 2, lines.end() - kShown / 2);
  std::string words;
  for (const std::string& line : lines) words += (words.empty() ? "" : "\n") + line;
  return words;
}

Task<Result<std::string>> ask(std::filesystem::path directory, std::vector<std::string> argv) {
  const std::string program = argv.front();
  RunOptions options{.spawn = {.argv = std::move(argv), .working_directory = std::move(directory)},
                     .timeout = kAnswerLimit,
                     .max_output_bytes = kMaxAnswerBytes};
  auto output = co_await run(std::move(options));
  if (!output) co_return with_context(program, std::move(output.error()));
  if (!output->status.is_success()) {
    const std::string words = ends_of(output->errors + "\n" + output->output);
    co_return fail(ErrorKind::kCallback,
                   program + " failed with " + describe(output->status) + ": " + words);
  }
  co_return std::move(output->output);
}

/// Lines of a name and a version; others are left aside.
Versions read_versions(const std::string& text) {
  Versions versions;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::string version;
    if (words >> name >> version && version == version_in(line) && name.size() < kMaxVersionBytes)
      versions.insert_or_assign(name, version);
  }
  return versions;
}

Task<Result<Versions>> ask_versions(std::filesystem::path directory, std::vector<std::string> argv,
                                    std::string expected) {
  const std::string program = argv.front();
  const auto answer = co_await ask(std::move(directory), std::move(argv));
  if (!answer) co_return std::unexpected(answer.error());
  Versions versions = read_versions(*answer);
  if (!versions.contains(expected))
    co_return fail(ErrorKind::kCallback, program + " did not say which version it is");
  co_return versions;
}

/// One of the questions of installed_programs().
Task<void> put(std::shared_ptr<Channel<Versions>> answers, Task<Result<Versions>> question) {
  auto versions = co_await std::move(question);
  answers->push(versions ? *std::move(versions) : Versions());
}

Task<Result<Versions>> named_version(std::filesystem::path directory, std::string program) {
  const std::string name = program;
  auto version = co_await program_version(std::move(directory), std::move(program));
  if (!version) co_return std::unexpected(version.error());
  Versions versions;
  versions.insert_or_assign(name, *version);
  co_return versions;
}

}  // namespace

std::string version_in(const std::string& text) {
  static const std::regex number(R"([0-9]+(\.[0-9A-Za-z]+)+)");
  std::smatch found;
  const std::string head = text.substr(0, 1024);
  if (!std::regex_search(head, found, number)) return {};
  return found.str().substr(0, kMaxVersionBytes);
}

Task<Result<Versions>> ruby_versions(std::filesystem::path directory,
                                     std::vector<std::string> command) {
  command.insert(command.end(), {"-e", kRubyQuestion});
  return ask_versions(std::move(directory), std::move(command), "ruby");
}

Task<Result<Versions>> python_versions(std::filesystem::path directory,
                                       std::vector<std::string> command) {
  command.insert(command.end(), {"-c", kPythonQuestion});
  return ask_versions(std::move(directory), std::move(command), "python");
}

Task<Result<std::string>> program_version(std::filesystem::path directory, std::string program) {
  std::vector<std::string> argv = {program, "--version"};
  const auto answer = co_await ask(std::move(directory), std::move(argv));
  if (!answer) co_return std::unexpected(answer.error());
  std::string version = version_in(*answer);
  if (version.empty())
    co_return fail(ErrorKind::kCallback, program + " did not say which version it is");
  co_return version;
}

Task<Versions> installed_programs(std::filesystem::path directory) {
  const auto executor = co_await asio::this_coro::executor;
  const auto answers = std::make_shared<Channel<Versions>>(executor);
  const std::vector<std::string> ruby = {"ruby"};
  const std::vector<std::string> python = {"python3"};
  spawn(executor, put(answers, ruby_versions(directory, ruby)));
  spawn(executor, put(answers, python_versions(directory, python)));
  constexpr std::array kOthers = {"node", "rsync", "ctest"};
  for (const char* program : kOthers)
    spawn(executor, put(answers, named_version(directory, program)));
  Versions all;
  for (std::size_t i = 0; i < kOthers.size() + 2; ++i) {
    auto some = co_await answers->pop();
    if (some) all.merge(*some);
  }
  co_return all;
}

}  // namespace gorgon::runner
