#include "support/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace gorgon::test {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "test set-up failed: %s\n", what.c_str());
  std::abort();
}

std::string read_all(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string describe(const fs::directory_entry& entry) {
  struct stat info{};
  ::lstat(entry.path().c_str(), &info);
  if (S_ISDIR(info.st_mode)) return "folder";
  if (S_ISLNK(info.st_mode)) return "link " + fs::read_symlink(entry.path()).string();
  if (!S_ISREG(info.st_mode)) return "other";
  std::ostringstream text;
  text << "file " << std::oct << (info.st_mode & 07777U) << " " << read_all(entry.path());
  return text.str();
}

}  // namespace

void write(const fs::path& path, std::string_view text, unsigned mode) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
  if (::chmod(path.c_str(), mode) != 0) give_up("cannot write " + path.string());
}

Tree tree_at(const fs::path& directory) {
  Tree tree;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    tree[entry.path().lexically_relative(directory).string()] = describe(entry);
  return tree;
}

std::string names_in(const fs::path& directory) {
  std::string names;
  for (const auto& [name, what] : tree_at(directory)) {
    if (what != "folder") names += name + " ";
  }
  return names;
}

void shell(const fs::path& directory, const std::string& command) {
  const std::string line = "cd '" + directory.string() + "' && { " + command + "\n} 2>&1";
  std::FILE* pipe = ::popen(line.c_str(), "r");
  if (pipe == nullptr) give_up(command);
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
  if (::pclose(pipe) != 0) give_up(command + ": " + output);
}

ScopedVariable::ScopedVariable(std::string name, const std::string& value)
    : name_(std::move(name)), was_set_(std::getenv(name_.c_str()) != nullptr) {
  if (was_set_) old_ = std::getenv(name_.c_str());
  ::setenv(name_.c_str(), value.c_str(), 1);
}

ScopedVariable::~ScopedVariable() {
  if (was_set_) {
    ::setenv(name_.c_str(), old_.c_str(), 1);
  } else {
    ::unsetenv(name_.c_str());
  }
}

SmallDisk::SmallDisk(fs::path directory, std::size_t bytes)
    : directory_(std::move(directory)),
      is_mounted_(::mount("tmpfs", directory_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV,
                          ("size=" + std::to_string(bytes)).c_str()) == 0) {}

SmallDisk::~SmallDisk() {
  if (is_mounted_) ::umount2(directory_.c_str(), MNT_DETACH);
}

}  // namespace gorgon::test
