// A terminal small enough to trust: what the screen shows after the control codes that the live
// display uses. Anything else is an error, kept for the test to see.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gorgon::report::testing {

class Screen {
 public:
  Screen(std::size_t columns, std::size_t rows) : columns_(columns), rows_(rows) {}

  void feed(std::string_view bytes);
  /// As a terminal that cuts lines does it (xterm). Columns only.
  void resize(std::size_t columns);
  /// The scrolled-off lines and those on the screen, blanks at the end taken off, empty lines at
  /// the end left out.
  [[nodiscard]] std::vector<std::string> lines() const;
  [[nodiscard]] std::size_t cursor_row() const { return row_; }
  [[nodiscard]] std::size_t cursor_column() const { return column_; }
  /// Codes that this terminal does not know, and codes in unfit places.
  [[nodiscard]] const std::string& complaints() const { return complaints_; }

 private:
  void put(std::string_view character, std::size_t width);
  void line_feed();
  void control_sequence(std::string_view parameters, char final);
  void erase_from_cursor();

  std::size_t columns_;
  std::size_t rows_;
  std::size_t top_ = 0;     ///< Index in cells_ of the screen's first row.
  std::size_t row_ = 0;     ///< On the screen.
  std::size_t column_ = 0;  ///< columns_ when the next character wraps.
  std::vector<std::vector<std::string>> cells_{1};
  std::string complaints_;
};

}  // namespace gorgon::report::testing
