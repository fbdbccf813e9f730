#include "plan/filterset.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <expected>
#include <nlohmann/json.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "plan/glob.h"

namespace gorgon::plan {

namespace {

using Node = Filterset::Node;
using Kind = Node::Kind;
using nlohmann::json;

/// More than anyone writes; the parser calls itself.
constexpr std::size_t kMostDepth = 100;

struct Function {
  std::string_view name;
  Kind kind;
  std::string_view argument;  ///< What stands in the parentheses, for people; empty: nothing.
};
constexpr std::array kFunctions = std::to_array<Function>({
    {"file", Kind::kFile, "a path, folder or glob"},
    {"test", Kind::kName, "a part of a name, or =NAME"},
    {"tag", Kind::kTag, "a tag, or TAG:VALUE"},
    {"failed", Kind::kFailed, ""},
    {"flaky", Kind::kFlaky, ""},
    {"slower", Kind::kSlower, "a duration, as 5s"},
    {"new", Kind::kNew, ""},
    {"all", Kind::kAll, ""},
    {"none", Kind::kNone, ""},
});

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n'; }

/// Recursive descent: `or` binds weakest, then `and`, then `not`.
class Parser {
 public:
  using Term = Result<Node> (Parser::*)();
  Parser(std::string_view text, Term term) : text_(text), term_(term) {}

  Result<Node> parse() {
    GORGON_TRY_ASSIGN(Node node, parse_or());
    skip_spaces();
    if (at_ < text_.size()) return refuse("\"and\", \"or\" or the end");
    return node;
  }

  /// NAME(ARGUMENT)
  Result<Node> parse_function() {
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    // NOLINTNEXTLINE(misc-include-cleaner): <algorithm> is there.
    const auto* function = std::ranges::find(kFunctions, name, &Function::name);
    if (function == kFunctions.end() || at_ >= text_.size() || text_[at_] != '(') {
      at_ = begin;
      return refuse("file(), test(), tag(), failed(), flaky(), slower(), new(), all() or none()");
    }
    ++at_;
    GORGON_TRY_ASSIGN(std::string argument, parse_argument());
    if (argument.empty() != function->argument.empty()) {
      return refuse(function->argument.empty()
                        ? fmt::format("nothing within {}()", name)
                        : fmt::format("{} within {}()", function->argument, name));
    }
    return node_of(function->kind, std::move(argument));
  }

  /// A word, or one in quotes.
  Result<Node> parse_word() {
    std::string word;
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      const char quote = text_[at_];
      const std::size_t end = text_.find(quote, at_ + 1);
      if (end == std::string_view::npos) return refuse(fmt::format("{} at the end", quote));
      word = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
    } else {
      const std::size_t begin = at_;
      while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != '(' && text_[at_] != ')')
        ++at_;
      word = text_.substr(begin, at_ - begin);
    }
    if (word.empty()) return refuse("a word");
    return Node{.kind = Kind::kWord, .text = std::move(word)};
  }

 private:
  Result<Node> parse_or() { return parse_chain(Kind::kOr, "or", &Parser::parse_and); }
  Result<Node> parse_and() { return parse_chain(Kind::kAnd, "and", &Parser::parse_not); }

  Result<Node> parse_chain(Kind kind, std::string_view word, Term part) {
    GORGON_TRY_ASSIGN(Node first, (this->*part)());
    Node chain{.kind = kind};
    chain.children.push_back(std::move(first));
    while (takes_word(word)) {
      GORGON_TRY_ASSIGN(Node next, (this->*part)());
      chain.children.push_back(std::move(next));
    }
    if (chain.children.size() == 1) return std::move(chain.children.front());
    return chain;
  }

  Result<Node> parse_not() {
    if (++depth_ > kMostDepth) return refuse("fewer terms within each other");
    const auto parsed = [&]() -> Result<Node> {
      if (takes_word("not")) {
        GORGON_TRY_ASSIGN(Node inner, parse_not());
        Node node{.kind = Kind::kNot};
        node.children.push_back(std::move(inner));
        return node;
      }
      if (at_ < text_.size() && text_[at_] == '(') {
        ++at_;
        GORGON_TRY_ASSIGN(Node inner, parse_or());
        skip_spaces();
        if (at_ >= text_.size() || text_[at_] != ')') return refuse("\")\"");
        ++at_;
        return inner;
      }
      return (this->*term_)();
    }();
    --depth_;
    return parsed;
  }

  /// Up to its closing parenthesis; those within it come in pairs.
  Result<std::string> parse_argument() {
    const std::size_t begin = at_;
    std::size_t open = 1;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '(') ++open;
      if (text_[at_] == ')' && --open == 0) break;
    }
    if (at_ >= text_.size()) return std::unexpected(refuse("\")\"").error());
    std::string_view argument = text_.substr(begin, at_ - begin);
    ++at_;
    while (!argument.empty() && is_space(argument.front())) argument.remove_prefix(1);
    while (!argument.empty() && is_space(argument.back())) argument.remove_suffix(1);
    return std::string(argument);
  }

  Result<Node> node_of(Kind kind, std::string argument) {
    Node node{.kind = kind, .text = std::move(argument)};
    if (kind == Kind::kName && node.text.starts_with('=')) {
      node = {.kind = Kind::kNameIs, .text = node.text.substr(1)};
    } else if (kind == Kind::kSlower) {
      const auto limit = parse_duration(node.text);
      if (!limit) return refuse("a duration, as 5s or 1m30s, within slower()");
      node.seconds = limit->count();
    } else if (kind == Kind::kFile) {
      if (const auto patterns = expand_braces(node.text); !patterns)
        return std::unexpected(patterns.error());
    }
    return node;
  }

  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  bool takes_word(std::string_view word) {
    skip_spaces();
    const std::string_view rest = text_.substr(at_);
    if (!rest.starts_with(word)) return false;
    const std::string_view behind = rest.substr(word.size());
    if (!behind.empty() && !is_space(behind.front()) && behind.front() != '(') return false;
    at_ += word.size();
    skip_spaces();
    return true;
  }

  [[nodiscard]] Result<Node> refuse(std::string_view expected) const {
    const std::string where =
        at_ >= text_.size() ? "at its end" : fmt::format("at \"{}\"", text_.substr(at_, 20));
    return fail(ErrorKind::kUsage,
                fmt::format("\"{}\" cannot be understood: expected {} {}", text_, expected, where));
  }

  std::string_view text_;
  Term term_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lowered;
}

/// A glob, or a file or folder.
bool matches_file(const std::string& pattern, std::string_view file) {
  std::string plain = pattern;
  while (plain.ends_with('/')) plain.pop_back();
  if (file == plain || file.starts_with(plain + "/")) return true;
  const auto patterns = expand_braces(pattern);
  return patterns && std::ranges::any_of(*patterns, [&](const std::string& one) {
           return matches_path(one, file);
         });
}

template <class Ids>
json ids_term(const Ids& ids) {
  if (ids.empty()) return false;
  return json::array({"ids", ids});
}

json slower_than(double seconds, const FileRecord& record) {
  std::vector<std::string> ids;
  for (const auto& [id, taken] : record.seconds) {
    if (taken > seconds) ids.push_back(id);
  }
  return ids_term(ids);
}

json negated(json term) {
  if (term.is_boolean()) return !term.get<bool>();
  return json::array({"not", std::move(term)});
}

/// What is left for a runner to judge of a term; true or false when nothing is.
class Application {
 public:
  Application(std::string_view file, const FileRecord& record) : file_(file), record_(record) {}

  [[nodiscard]] json apply(const Node& node) const {
    switch (node.kind) {
      case Kind::kAll:
        return true;
      case Kind::kNone:
        return false;
      case Kind::kAnd:
        return apply_chain(node, "and", false);
      case Kind::kOr:
        return apply_chain(node, "or", true);
      case Kind::kNot:
        return negated(apply(node.children.front()));
      case Kind::kFile:
        return matches_file(node.text, file_);
      case Kind::kName:
        return json::array({"name", node.text});
      case Kind::kNameIs:
        return json::array({"name_is", node.text});
      case Kind::kTag:
        return json::array({"tag", node.text});
      case Kind::kWord:
        if (lower(file_).contains(lower(node.text))) return true;
        return json::array({"word", lower(node.text)});
      case Kind::kIds:
        return ids_term(node.ids);
      case Kind::kFailed:
        return record_.has_failed_as_a_whole ? json(true) : ids_term(record_.failed);
      case Kind::kFlaky:
        return record_.is_flaky_as_a_whole ? json(true) : ids_term(record_.flaky);
      case Kind::kSlower:
        return slower_than(node.seconds, record_);
      case Kind::kNew:
        return negated(ids_term(record_.known));
    }
    return false;
  }

 private:
  /// `deciding` is the value with which one of the terms decides the whole.
  [[nodiscard]] json apply_chain(const Node& node, std::string_view word, bool deciding) const {
    json terms = json::array({word});
    for (const Node& child : node.children) {
      json term = apply(child);
      if (!term.is_boolean()) {
        terms.push_back(std::move(term));
      } else if (term.get<bool>() == deciding) {
        return deciding;
      }
    }
    if (terms.size() == 1) return !deciding;
    return terms.size() == 2 ? terms[1] : terms;
  }

  std::string_view file_;
  const FileRecord& record_;
};

bool asks_tags(const Node& node) {
  return node.kind == Kind::kTag || std::ranges::any_of(node.children, asks_tags);
}

bool asks_record(const Node& node) {
  return node.kind == Kind::kFailed || node.kind == Kind::kFlaky || node.kind == Kind::kSlower ||
         node.kind == Kind::kNew || std::ranges::any_of(node.children, asks_record);
}

}  // namespace

Result<Filterset> Filterset::parse(std::string_view text) {
  GORGON_TRY_ASSIGN(Node root, Parser(text, &Parser::parse_function).parse());
  return Filterset(std::move(root));
}

Result<Filterset> Filterset::parse_keywords(std::string_view text) {
  GORGON_TRY_ASSIGN(Node root, Parser(text, &Parser::parse_word).parse());
  return Filterset(std::move(root));
}

Filterset Filterset::of_failed() { return Filterset(Node{.kind = Kind::kFailed}); }

Filterset Filterset::of_cases(std::set<std::string> ids) {
  return Filterset(Node{.kind = Kind::kIds, .ids = std::move(ids)});
}

bool Filterset::asks_the_record() const { return asks_record(root_); }

bool Filterset::asks_for_tags() const { return asks_tags(root_); }

std::optional<std::string> Filterset::applied_to(std::string_view file,
                                                 const FileRecord& record) const {
  const json rest = Application(file, record).apply(root_);
  if (!rest.is_boolean()) return rest.dump(-1, ' ', false, json::error_handler_t::replace);
  return rest.get<bool>() ? std::optional<std::string>("") : std::nullopt;
}

Filterset all_of(std::vector<Filterset> parts) {
  Node root{.kind = parts.empty() ? Kind::kAll : Kind::kAnd};
  for (Filterset& part : parts) root.children.push_back(std::move(part.root_));
  return Filterset(std::move(root));
}

Filterset any_of(std::vector<Filterset> parts) {
  Node root{.kind = parts.empty() ? Kind::kNone : Kind::kOr};
  for (Filterset& part : parts) root.children.push_back(std::move(part.root_));
  return Filterset(std::move(root));
}

}  // namespace gorgon::plan
