#include "runner/output_tail.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/files.h"
#include "base/text.h"

namespace gorgon::runner {

namespace {

std::int64_t size_of(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 ? status.st_size : 0;
}

}  // namespace

std::int64_t OutputTail::allowance(TimePoint now) {
  const std::chrono::duration<double> passed = now - counted_at_;
  counted_at_ = now;
  const double earned = std::min(passed.count(), 10.0) * static_cast<double>(kBytesPerSecond);
  allowance_ = std::min(kBurstBytes, allowance_ + static_cast<std::int64_t>(earned));
  return allowance_;
}

OutputTail::Lines OutputTail::take(int fd, TimePoint now, bool is_end) {
  const std::int64_t size = size_of(fd);
  position_ = std::min(position_, size);  // A test may have emptied the file.
  // A few bytes now and then are not worth a message each that a flood would be cut into.
  const std::int64_t allowed = allowance(now);
  Lines lines;
  lines.is_held = size > position_ && allowed < kMaxLineBytes && !is_end;
  if (size == position_ || lines.is_held) return lines;
  const std::int64_t from = std::max(position_, size - allowed);
  std::string text = read_range(fd, from, size);
  std::size_t start = 0;
  if (from > position_) {  // In the middle of a line, as a rule.
    const std::size_t end_of_line = text.find('\n');
    start = end_of_line == std::string::npos ? 0 : end_of_line + 1;
  }
  std::size_t end = text.rfind('\n');
  const std::size_t open = text.size() - (end == std::string::npos ? start : end + 1);
  const bool takes_all = is_end || open > static_cast<std::size_t>(kMaxLineBytes);
  end = takes_all ? text.size() : end == std::string::npos ? start : std::max(start, end + 1);
  lines.from = from + static_cast<std::int64_t>(start);
  lines.left_out_bytes = static_cast<std::uint64_t>(lines.from - position_);
  lines.text = valid_utf8(text.substr(start, end - start));
  if (!lines.text.empty() && lines.text.back() != '\n') lines.text += '\n';
  position_ = from + static_cast<std::int64_t>(end);
  allowance_ -= static_cast<std::int64_t>(end - start);
  return lines;
}

}  // namespace gorgon::runner
