#include "terminal.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "harness.h"
#include "program.h"

namespace gorgon::test {

namespace {

std::string trimmed(const std::string& text) {
  const std::string lines = std::regex_replace(text, std::regex("[ ]+\n"), "\n");
  const std::size_t end = lines.find_last_not_of('\n');
  return end == std::string::npos ? std::string() : lines.substr(0, end + 1) + "\n";
}

/// Each has a server of its own: one that is just ending would take the next one's session with it.
std::filesystem::path next_folder(const Cluster& cluster) {
  static int count = 0;
  return cluster.folder() / ("tmux-" + std::to_string(++count));
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

Terminal::Terminal(Cluster& cluster, std::filesystem::path directory, WindowSize size)
    : directory_(std::move(directory)),
      folder_(next_folder(cluster)),
      environment_(cluster.environment(folder_)) {
  std::filesystem::create_directories(folder_);
  environment_.emplace_back("TERM", "xterm-256color");
  environment_.emplace_back("LANG", "C.UTF-8");
  environment_.emplace_back("CI", std::nullopt);
  const auto prompt = folder_ / "prompt";
  EXPECT_TRUE(write_file(prompt, "PS1='$ '\n", 0644));
  tmux({"new-session", "-d", "-x", std::to_string(size.columns), "-y", std::to_string(size.rows),
        "bash --noprofile --rcfile " + prompt.string()});
  tmux({"set-option", "-g", "window-size", "manual"});
  wait_for("$");
}

Terminal::~Terminal() { tmux({"kill-server"}); }

std::string Terminal::tmux(std::vector<std::string> arguments) {
  const std::string what = arguments.front();
  std::vector<std::string> argv = {"tmux",      "-u", "-f",
                                   "/dev/null", "-S", (folder_ / "socket").string()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::filesystem::remove(folder_ / "output");  // A program appends to it.
  Program program({.argv = std::move(argv),
                   .environment = environment_,
                   .directory = directory_,
                   .output = folder_ / "output"});
  const auto code = program.exit_code(20s);
  EXPECT_EQ(code, 0) << what << ": " << program.errors();
  return program.output();
}

void Terminal::run(const std::string& command) {
  tmux({"send-keys", "-l", command});
  press("Enter");
}

void Terminal::press(const std::string& key) { tmux({"send-keys", key}); }

void Terminal::resize(WindowSize size) {
  tmux({"resize-window", "-x", std::to_string(size.columns), "-y", std::to_string(size.rows)});
}

std::string Terminal::screen() { return trimmed(tmux({"capture-pane", "-p"})); }

std::string Terminal::history() { return trimmed(tmux({"capture-pane", "-p", "-S", "-"})); }

void Terminal::wait_for(const std::string& text) {
  std::string last;
  ASSERT_TRUE(eventually(60s, [&] { return has(last = screen(), text); }))
      << "no \"" << text << "\" in:\n"
      << last;
}

void Terminal::wait_until_gone(const std::string& text) {
  std::string last;
  ASSERT_TRUE(eventually(60s, [&] { return !has(last = screen(), text); })) << last;
}

void Terminal::wait_for_past(const std::string& text) {
  std::string last;
  ASSERT_TRUE(eventually(60s, [&] { return has(last = history(), text); }))
      << "no \"" << text << "\" in:\n"
      << last;
}

std::string without_times(const std::string& screen) {
  std::string text = std::regex_replace(screen, std::regex("( +)[0-9]+\\.[0-9]s"), "  N.Ns");
  text = std::regex_replace(text, std::regex("  about [0-9]+:[0-9][0-9] left"), "");
  return std::regex_replace(text, std::regex("[0-9]+:[0-9][0-9]"), "N:NN");
}

}  // namespace gorgon::test
