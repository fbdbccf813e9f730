#include "plan/pytest_files.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "plan/glob.h"

namespace gorgon::plan {

namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// In the order in which pytest looks for them (its reference, "Finding the rootdir").
struct ConfigFile {
  std::string_view name;
  std::string_view section;
  bool counts_without_section;
};
constexpr std::array<ConfigFile, 5> kConfigFiles = {{
    {"pytest.ini", "[pytest]", true},
    {".pytest.ini", "[pytest]", true},
    {"pyproject.toml", "[tool.pytest.ini_options]", false},
    {"tox.ini", "[pytest]", false},
    {"setup.cfg", "[tool:pytest]", false},
}};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t from = text.find_first_not_of(kBlanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlanks) - from + 1);
}

/// The lines of one section of an INI or TOML file.
using Section = std::vector<std::string>;

std::optional<Section> read_section(const std::string& text, std::string_view name) {
  std::optional<Section> section;
  bool is_inside = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('[')) is_inside = trimmed(line) == name;
    if (!is_inside) continue;
    if (!section) section.emplace();
    section->push_back(line);
  }
  return section;
}

/// What pytest's configuration is in `project`; nullopt: it has none.
std::optional<Section> read_configuration(const fs::path& project) {
  for (const ConfigFile& file : kConfigFiles) {
    const auto text = read_file(project / file.name);
    if (!text) continue;
    if (auto section = read_section(*text, file.section)) return section;
    if (file.counts_without_section) return Section{};
  }
  return std::nullopt;
}

/// Words with blanks between them (INI), or strings in quotes (TOML).
Words words_of(std::string_view value) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t quote = value.find_first_of("\"'");
  Words words;
  while (!value.empty()) {
    const bool is_toml = quote != std::string_view::npos;
    std::size_t from = is_toml ? value.find_first_of("\"'") : value.find_first_not_of(kBlanks);
    if (from == std::string_view::npos) break;
    const std::string_view end = is_toml ? value.substr(from++, 1) : kBlanks;
    const std::size_t to = std::min(value.find_first_of(end, from), value.size());
    words.emplace_back(value.substr(from, to - from));
    value.remove_prefix(std::min(to + 1, value.size()));
  }
  return words;
}

/// The value of `key`: what stands behind the "=", and the lines that go on with it, which are
/// indented or inside of brackets. Nullopt: the key is not there.
std::optional<Words> read_words(const Section& section, std::string_view key) {
  std::optional<std::string> value;
  for (const std::string& line : section) {
    const std::string_view content = trimmed(std::string_view(line).substr(0, line.find('#')));
    if (content.empty() || content.starts_with(';')) continue;
    if (value) {
      const bool goes_on = line.starts_with(' ') || line.starts_with('\t') || content == "]";
      if (!goes_on) break;
      *value += '\n';
      *value += content;
      continue;
    }
    const std::size_t equals = content.find('=');
    if (equals != std::string_view::npos && trimmed(content.substr(0, equals)) == key)
      value = content.substr(equals + 1);
  }
  if (!value) return std::nullopt;
  return words_of(*value);
}

Words configured(const std::optional<Section>& section, std::string_view key, Words otherwise) {
  if (!section) return otherwise;
  return read_words(*section, key).value_or(std::move(otherwise));
}

}  // namespace

bool is_python_project(const fs::path& project) {
  std::error_code ignored;
  const bool has_file = std::ranges::any_of(kConfigFiles,
                                            [&](const ConfigFile& file) {
                                              return fs::exists(project / file.name, ignored);
                                            }) ||
                        fs::exists(project / "setup.py", ignored);
  return has_file || !find_files(project, "conftest.py").empty() ||
         !find_files(project, "*/conftest.py").empty();
}

std::vector<std::string> pytest_globs(const fs::path& project) {
  const auto section = read_configuration(project);
  const Words names = configured(section, "python_files", {"test_*.py", "*_test.py"});
  Words globs;
  std::error_code ignored;
  for (std::string path : configured(section, "testpaths", {})) {
    while (path.ends_with('/')) path.pop_back();
    if (!find_files(project, path).empty()) {
      globs.push_back(path);
    } else if (is_glob(path) || fs::is_directory(project / path, ignored)) {
      for (const std::string& name : names) globs.push_back(fmt::format("{}/**/{}", path, name));
    }
  }
  if (globs.empty()) {
    std::ranges::transform(names, std::back_inserter(globs),
                           [](const std::string& name) { return "**/" + name; });
  }
  // Folders with a leading dot are left out by the globs themselves. "site-packages" stands for
  // virtual environments, which pytest recognises by their contents.
  for (std::string& folder :
       configured(section, "norecursedirs",
                  {"*.egg", "_darcs", "build", "CVS", "dist", "node_modules", "venv"})) {
    globs.push_back(folder.insert(0, "!**/"));
  }
  globs.emplace_back("!**/site-packages");
  return globs;
}

}  // namespace gorgon::plan
