#include "doctor/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "doctor/finding.h"
#include "report/display_text.h"
#include "report/look.h"

namespace gorgon::doctor {

namespace {

using report::Style;

constexpr std::array kAreas = {Area::kProject, Area::kBroker, Area::kTransport, Area::kMachines};
constexpr std::size_t kLeastTextColumns = 20;

Style style_of(Level level) {
  switch (level) {
    case Level::kOk:
      return Style::kGreen;
    case Level::kNote:
      return Style::kYellow;
    case Level::kProblem:
      return Style::kBoldRed;
  }
  return Style::kPlain;
}

std::size_t count(const Findings& findings, Level level) {
  return static_cast<std::size_t>(std::ranges::count(findings, level, &Finding::level));
}

class Writer {
 public:
  Writer(const report::Look& look, std::size_t columns) : look_(look), columns_(columns) {}
  [[nodiscard]] std::string take() { return std::move(text_); }

  void area(const Findings& findings, Area area) {
    Findings own;
    std::ranges::copy_if(findings, std::back_inserter(own),
                         [area](const Finding& finding) { return finding.area() == area; });
    if (own.empty()) return;
    std::size_t width = 0;
    for (const Finding& finding : own)
      width = std::max(width, report::columns_of(report::safe_line(finding.subject())));
    text_ += painted(look_, Style::kBold, name_of(area)) + "\n";
    for (const Finding& one : own) finding(one, width);
  }

  void sum(const Findings& findings) {
    const std::size_t problems = count(findings, Level::kProblem);
    const std::string text =
        fmt::format("{}, {}, {} in order", count_of(problems, "problem"),
                    count_of(count(findings, Level::kNote), "note"), count(findings, Level::kOk));
    text_ += painted(look_, problems > 0 ? Style::kBoldRed : Style::kBold, text) + "\n";
  }

 private:
  void finding(const Finding& finding, std::size_t width) {
    const std::string mark = report::pad_right(std::string(name_of(finding.level())), 7);
    text_ += "  " + painted(look_, style_of(finding.level()), mark) + "  " +
             report::pad_right(report::safe_line(finding.subject()), width) + "  ";
    const std::size_t indent = 2 + 7 + 2 + width + 2;
    std::vector<std::string> lines = broken(finding.what(), indent);
    // The remedy stands below, so that it can be found with the eye.
    if (!finding.remedy().empty()) {
      std::vector<std::string> remedy = broken("-> " + finding.remedy(), indent);
      std::ranges::move(remedy, std::back_inserter(lines));
    }
    for (std::size_t i = 0; i < lines.size(); ++i)
      text_ += (i == 0 ? std::string() : std::string(indent, ' ')) + lines[i] + "\n";
  }

  [[nodiscard]] std::vector<std::string> broken(const std::string& text, std::size_t indent) const {
    const std::size_t room = columns_ > indent + kLeastTextColumns ? columns_ - indent : columns_;
    std::vector<std::string> lines;
    for (const std::string& line : report::safe_lines(text))
      std::ranges::move(report::wrapped(line, room), std::back_inserter(lines));
    return lines;
  }

  const report::Look& look_;
  std::size_t columns_;
  std::string text_;
};

}  // namespace

std::string text_of(const Findings& findings, const report::Look& look, std::size_t columns) {
  Writer out(look, columns);
  for (const Area area : kAreas) out.area(findings, area);
  out.sum(findings);
  return out.take();
}

std::string json_of(const Findings& findings) {
  Json json = {{"findings", Json::array()},
               {"problems", count(findings, Level::kProblem)},
               {"notes", count(findings, Level::kNote)}};
  for (const Finding& finding : findings) {
    Json one = {{"area", name_of(finding.area())},
                {"level", name_of(finding.level())},
                {"subject", finding.subject()},
                {"what", finding.what()},
                {"remedy", nullptr}};
    if (!finding.remedy().empty()) one["remedy"] = finding.remedy();
    json["findings"].push_back(std::move(one));
  }
  return dump_json(json);
}

}  // namespace gorgon::doctor
