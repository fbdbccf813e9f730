// The reading end of a pipe that a reporter writes to.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/unique_fd.h"

namespace gorgon::report::testing {

class Collector {
 public:
  Collector() {
    auto pipe = make_pipe();
    GORGON_CHECK(pipe.has_value());
    pipe_ = *std::move(pipe);
    GORGON_CHECK(::fcntl(pipe_.read.get(), F_SETFL, O_NONBLOCK) == 0);
  }
  [[nodiscard]] int fd() const { return pipe_.write.get(); }
  /// What was written since the last take().
  [[nodiscard]] std::string take() {
    std::string text;
    std::array<char, 65536> buffer;
    ssize_t count = 0;
    while ((count = ::read(pipe_.read.get(), buffer.data(), buffer.size())) > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return text;
  }
  void close_reader() { pipe_.read.reset(); }

 private:
  Pipe pipe_;
};

}  // namespace gorgon::report::testing
