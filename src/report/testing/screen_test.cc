#include "report/testing/screen.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/display_text.h"

namespace gorgon::report::testing {

void Screen::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto first = static_cast<unsigned char>(bytes.front());
    if (first == '\x1b') {
      const std::size_t end = bytes.find_first_not_of("0123456789;", 2);
      if (!bytes.starts_with("\x1b[") || end == std::string_view::npos) {
        complaints_ += "bad escape\n";
        return;
      }
      control_sequence(bytes.substr(2, end - 2), bytes[end]);
      bytes.remove_prefix(end + 1);
      continue;
    }
    if (first == '\r') {
      column_ = 0;
    } else if (first == '\n') {  // The terminal driver adds the CR (ONLCR).
      column_ = 0;
      line_feed();
    } else if (first < 0x20 || first == 0x7F) {
      complaints_ += "control character " + std::to_string(first) + "\n";
    } else {
      std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
      length = std::min(length, bytes.size());
      put(bytes.substr(0, length), columns_of(bytes.substr(0, length)));
      bytes.remove_prefix(length);
      continue;
    }
    bytes.remove_prefix(1);
  }
}

void Screen::put(std::string_view character, std::size_t width) {
  if (column_ + width > columns_) {
    column_ = 0;
    line_feed();
  }
  auto& row = cells_[top_ + row_];
  if (row.size() < column_ + width) row.resize(column_ + width, " ");
  if (width == 0) {
    if (column_ > 0) row[column_ - 1] += character;
    return;
  }
  row[column_] = character;
  for (std::size_t i = 1; i < width; ++i) row[column_ + i].clear();
  column_ += width;
}

void Screen::line_feed() {
  if (row_ + 1 < rows_) {
    ++row_;
  } else {
    ++top_;
  }
  if (cells_.size() <= top_ + row_) cells_.resize(top_ + row_ + 1);
}

void Screen::erase_from_cursor() {
  auto& row = cells_[top_ + row_];
  if (column_ >= columns_) complaints_ += "erased in the wrap-pending state\n";
  if (row.size() > column_) row.resize(column_);
}

void Screen::control_sequence(std::string_view parameters, char final) {
  if (final == 'm') return;
  if (final == 'A') {
    const std::size_t count = parameters.empty() ? 1 : std::stoul(std::string(parameters));
    if (count > row_) complaints_ += "cursor above the screen\n";
    row_ -= std::min(row_, count);
  } else if (final == 'K' && parameters.empty()) {
    erase_from_cursor();
  } else if (final == 'J' && parameters.empty()) {
    if (row_ == 0 && column_ == 0) complaints_ += "erased from the top left corner\n";
    erase_from_cursor();
    cells_.resize(top_ + row_ + 1);
  } else {
    complaints_ += "unknown sequence " + std::string(parameters) + final + "\n";
  }
}

void Screen::resize(std::size_t columns) {
  columns_ = columns;
  column_ = std::min(column_, columns);
  for (auto& row : cells_) {
    if (row.size() > columns) row.resize(columns);
  }
}

std::vector<std::string> Screen::lines() const {
  std::vector<std::string> lines;
  for (const auto& row : cells_) {
    std::string text;
    for (const std::string& cell : row) text += cell;
    text.erase(text.find_last_not_of(' ') + 1);
    lines.push_back(std::move(text));
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

}  // namespace gorgon::report::testing
