// docs/configuration.md and the tables of keys say the same.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "config/key_row.h"
#include "config/listener_config.h"
#include "config/project_config.h"
#include "config/quarantine_file.h"

namespace gorgon::config {
namespace {

using ::testing::ElementsAreArray;

std::string markdown_of(const KeyRow& row) {
  std::string line = "| `" + row.path + "`";
  if (!row.aliases.empty()) line += " (or " + row.aliases + ")";
  return line + " | " + row.type + " | " + row.meaning + " |";
}

/// The rows of all tables between the heading of `file` and the next heading of that level.
std::vector<std::string> documented_rows(std::string_view file,
                                         std::string_view document = "configuration.md") {
  const auto text = read_file(fs::path(GORGON_DOCS_DIR) / document);
  EXPECT_TRUE(text);
  std::vector<std::string> rows;
  std::istringstream lines(text.value_or(""));
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) inside = line == "## " + std::string(file);
    if (inside && line.starts_with("| `")) rows.push_back(line);
  }
  return rows;
}

TEST(ConfigurationReferenceTest, EveryKeyOfGorgonJsonIsDocumentedAndNothingElse) {
  std::vector<std::string> expected;
  for (const KeyRow& row : project_config_rows()) expected.push_back(markdown_of(row));
  EXPECT_THAT(documented_rows("gorgon.json"), ElementsAreArray(expected));
}

TEST(ConfigurationReferenceTest, EveryKeyOfGorgonListenerJsonIsDocumentedAndNothingElse) {
  std::vector<std::string> expected;
  for (const KeyRow& row : listener_config_rows()) {
    // The keys of a connection stand once, with gorgon.json.
    if (!row.path.starts_with("connection.")) expected.push_back(markdown_of(row));
  }
  EXPECT_THAT(documented_rows("gorgon_listener.json"), ElementsAreArray(expected));
}

TEST(ConfigurationReferenceTest, EveryKeyOfTheQuarantineIsDocumentedAndNothingElse) {
  std::vector<std::string> expected;
  for (const KeyRow& row : quarantine_rows()) expected.push_back(markdown_of(row));
  EXPECT_THAT(documented_rows("The file", "quarantine.md"), ElementsAreArray(expected));
}

}  // namespace
}  // namespace gorgon::config
