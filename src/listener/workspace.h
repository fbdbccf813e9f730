#pragma once
#include <filesystem>
#include <string>

#include "base/asio.h"
#include "base/files.h"
#include "base/result.h"
#include "config/source_location.h"
namespace gorgon::listener {
class Workspace {
 public:
  Workspace(fs::path path, TempDir scratch)
      : path_(std::move(path)), scratch_(std::move(scratch)) {}
  const fs::path& path() const { return path_; }
  const fs::path& scratch() const { return scratch_.path(); }
  Task<void> remove() {
    scratch_.remove();
    co_return;
  }

 private:
  fs::path path_;
  TempDir scratch_;
};
class Workspaces {
 public:
  static Result<Workspaces> open(fs::path root) {
    std::error_code e;
    fs::create_directories(root, e);
    return Workspaces(root);
  }
  Task<Result<Workspace>> create(std::string job, config::SourceLocation source) {
    GORGON_CO_TRY_ASSIGN(TempDir scratch, TempDir::make("job-" + job + "-", root_));
    co_return Workspace(source.source, std::move(scratch));
  }

 private:
  explicit Workspaces(fs::path root) : root_(std::move(root)) {}
  fs::path root_;
};
}  // namespace gorgon::listener
