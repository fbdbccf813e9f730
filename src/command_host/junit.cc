// What is read of a document; everything else is left aside:
//
//   <testsuites|testsuite failures errors>      may nest
//     <failure|error message type>text          outside cases
//     <testcase classname name file line time status>
//       <failure|error|skipped message type>text
//       <system-out|system-err>text
#include "command_host/junit.h"

#include <expat.h>
#include <expat_external.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/text.h"
#include "command_host/reading.h"
#include "results/verdict.h"

namespace gorgon::command_host {

namespace {

using Attributes = std::map<std::string, std::string, std::less<>>;

std::string attribute(const Attributes& attributes, std::string_view name) {
  const auto found = attributes.find(name);
  return found == attributes.end() ? "" : found->second;
}

/// What happened, as <failure>, <error> and <skipped> say it.
std::string message_of(const Attributes& attributes, std::string text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  text.erase(0, std::min(first, text.size()));
  while (!text.empty() && std::string_view(" \t\r\n").contains(text.back())) text.pop_back();
  const std::string message = attribute(attributes, "message");
  if (text.contains(message)) return text;
  return text.empty() ? message : message + "\n" + text;
}

class JunitReader {
 public:
  explicit JunitReader(const ReadUnit& unit) : unit_(unit) {}

  void start(const std::string& name, Attributes attributes) {
    open_.push_back(name);
    has_root_ |= open_.size() == 1 && is_suite(name);
    if (name == "testcase") {
      begin_case(attributes);
    } else if (is_suite(name)) {
      announced_bad_ |= is_positive(attribute(attributes, "failures")) ||
                        is_positive(attribute(attributes, "errors"));
    }
    attributes_ = std::move(attributes);
    text_.clear();
  }

  void end(const std::string& name) {
    const bool is_child_of_case = open_.size() >= 2 && open_[open_.size() - 2] == "testcase";
    const bool is_child_of_suite = open_.size() >= 2 && is_suite(open_[open_.size() - 2]);
    open_.pop_back();
    if (is_child_of_case) {
      take_part_of_case(name);
    } else if (is_child_of_suite && (name == "failure" || name == "error")) {
      results_.errors.push_back(outside(message_of(attributes_, text_)));
    } else if (name == "testcase") {
      end_case();
    }
    text_.clear();
  }

  void add_text(std::string_view text) { text_ += text; }

  Result<JunitResults> take_results() {
    if (!has_root_) return fail(ErrorKind::kProtocol, "the results are not JUnit XML");
    const bool has_bad =
        !results_.errors.empty() ||
        std::ranges::any_of(results_.cases, results::is_bad, &results::TestCase::status);
    if (announced_bad_ && !has_bad) {
      results_.errors.push_back(
          outside("the results count failures or errors, but no case has any"));
    }
    return std::move(results_);
  }

 private:
  static bool is_suite(std::string_view name) {
    return name == "testsuite" || name == "testsuites";
  }
  static bool is_positive(const std::string& text) {
    return number_of<std::int64_t>(text).value_or(0) > 0;
  }

  void begin_case(const Attributes& attributes) {
    case_ = {};
    const std::string group = attribute(attributes, "classname");
    case_.name = attribute(attributes, "name");
    if (!group.empty()) case_.name = group + "." + case_.name;
    case_.name = relative_paths(case_.name, unit_);
    if (case_.name.empty()) case_.name = unit_.file;
    case_.location = without_column(relative_paths(attribute(attributes, "file"), unit_));
    const std::string line = attribute(attributes, "line");
    if (!case_.location.empty() && !line.empty()) case_.location += ":" + line;
    const double seconds = std::strtod(attribute(attributes, "time").c_str(), nullptr);
    if (seconds >= 0 && seconds <= kMaxSeconds) case_.seconds = seconds;
    // GoogleTest's word for a case that is disabled.
    const std::string status = attribute(attributes, "status");
    if (status == "notrun" || status == "disabled" || status == "skipped")
      case_.status = results::CaseStatus::kSkipped;
  }

  void take_part_of_case(const std::string& name) {
    if (name == "failure" || name == "error") {
      const std::string message = relative_paths(message_of(attributes_, text_), unit_);
      // The first one says what it is; expectations that go on may bring more.
      if (case_.failure) {
        case_.failure->message += "\n" + message;
        return;
      }
      case_.status = name == "error" ? results::CaseStatus::kError : results::CaseStatus::kFailed;
      case_.failure = results::Failure{.stage = "",
                                       .exception_class = attribute(attributes_, "type"),
                                       .message = message,
                                       .backtrace = {}};
    } else if (name == "skipped" && !case_.failure) {
      case_.status = results::CaseStatus::kSkipped;
      case_.pending_message = message_of(attributes_, text_);
    } else if (name == "system-out" || name == "system-err") {
      case_.output += text_;
    }
  }

  void end_case() {
    if (case_.location.empty())
      case_.location = place_in(case_.failure ? case_.failure->message : "", unit_);
    case_.id = ids_.id_for(case_.name);
    results_.cases.push_back(std::exchange(case_, {}));
  }

  const ReadUnit& unit_;
  CaseIds ids_;
  JunitResults results_;
  std::vector<std::string> open_;  ///< Names of the elements around, outermost first.
  Attributes attributes_;          ///< Of the element that began last.
  std::string text_;               ///< Of that element.
  results::TestCase case_;
  bool has_root_ = false;
  bool announced_bad_ = false;
};

JunitReader& reader_of(void* data) { return *static_cast<JunitReader*>(data); }

void XMLCALL on_start(void* data, const XML_Char* name, const XML_Char** attributes) {
  Attributes read;
  for (; *attributes != nullptr; attributes += 2) read.emplace(attributes[0], attributes[1]);
  reader_of(data).start(name, std::move(read));
}
void XMLCALL on_end(void* data, const XML_Char* name) { reader_of(data).end(name); }
void XMLCALL on_text(void* data, const XML_Char* text, int length) {
  reader_of(data).add_text({text, static_cast<std::size_t>(length)});
}

}  // namespace

Result<JunitResults> read_junit(std::string_view xml, const ReadUnit& unit) {
  if (xml.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return fail(ErrorKind::kProtocol, "the results are too large");
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(
      XML_ParserCreate(nullptr), &XML_ParserFree);
  JunitReader reader(unit);
  XML_SetUserData(parser.get(), &reader);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  if (XML_Parse(parser.get(), xml.data(), static_cast<int>(xml.size()), 1) != XML_STATUS_OK) {
    return fail(ErrorKind::kProtocol, fmt::format("the results are not XML: line {}: {}",
                                                  XML_GetCurrentLineNumber(parser.get()),
                                                  XML_ErrorString(XML_GetErrorCode(parser.get()))));
  }
  return reader.take_results();
}

}  // namespace gorgon::command_host
