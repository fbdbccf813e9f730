#include "plan/test_files.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace gorgon::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using Strings = std::vector<std::string>;

class TestFilesTest : public ::testing::Test {
 protected:
  void touch(const std::string& path, std::size_t bytes = 0) {
    ASSERT_TRUE(write_file(root_.path() / path, std::string(bytes, 'x')));
  }
  [[nodiscard]] Result<std::vector<TestFile>> select_all(Strings globs, Strings arguments,
                                                         const fs::path& from = {}) const {
    return select_test_files({.project = root_.path(),
                              .config_name = "team.json",
                              .globs = std::move(globs),
                              .arguments = std::move(arguments),
                              .working_directory = root_.path() / from});
  }
  [[nodiscard]] Strings select(Strings globs, Strings arguments, const fs::path& from = {}) const {
    const auto files = select_all(std::move(globs), std::move(arguments), from);
    if (!files) return {"error: " + files.error().message};
    Strings paths;
    for (const TestFile& file : *files) paths.push_back(file.path);
    return paths;
  }
  [[nodiscard]] Error error_of(Strings globs, Strings arguments) const {
    const auto files = select_all(std::move(globs), std::move(arguments));
    return files ? Error{ErrorKind::kIo, "no error"} : files.error();
  }
  TempDir root_ = *TempDir::make("gorgon-test-files-");
};

TEST_F(TestFilesTest, OfGoogleTestOnlyProgramsAreTaken) {
  for (const char* program : {"build/a_test", "build/sub/b-tests", "build/CMakeFiles/c_test"})
    ASSERT_TRUE(write_file(root_.path() / program, "", 0755));
  touch("build/notes_test");
  touch("build/data/d_test");
  const auto select_programs = [&](Strings globs, Strings arguments) -> Strings {
    const auto files = select_test_files({.project = root_.path(),
                                          .config_name = "team.json",
                                          .language = Language::kGoogleTest,
                                          .globs = std::move(globs),
                                          .arguments = std::move(arguments),
                                          .working_directory = root_.path()});
    if (!files) return {files.error().message};
    Strings paths;
    for (const TestFile& file : *files)
      paths.push_back(fmt::format("{}{}", file.path, fmt::join(file.places, "")));
    return paths;
  };
  EXPECT_THAT(select_programs({}, {}), ElementsAre("build/a_test", "build/sub/b-tests"));
  EXPECT_THAT(select_programs({}, {"build"}), ElementsAre("build/a_test", "build/sub/b-tests"));
  EXPECT_THAT(select_programs({}, {"build/*_test"}), ElementsAre("build/a_test"));
  EXPECT_THAT(select_programs({"**/c_test"}, {}), ElementsAre("build/CMakeFiles/c_test"));
  EXPECT_THAT(select_programs({}, {"build/a_test::Suite.*", "build/a_test::*Other?"}),
              ElementsAre("build/a_test::Suite.*::*Other?"));
  EXPECT_THAT(select_programs({}, {"build/notes_test"}), ElementsAre(HasSubstr("is no program")));
  EXPECT_THAT(select_programs({}, {"build/data"}), ElementsAre(HasSubstr("no test files in")));
}

TEST_F(TestFilesTest, DefaultsFindSpecsAndTests) {
  touch("spec/models/a_spec.rb");
  touch("spec/spec_helper.rb");
  touch("test/unit/b_test.rb", 12);
  touch("test/test_helper.rb");
  touch("test/test_c.rb");
  touch("lib/d_spec.rb");
  EXPECT_THAT(select({}, {}), ElementsAre("spec/models/a_spec.rb", "test/unit/b_test.rb"));
  const auto files = select_all({}, {});
  ASSERT_TRUE(files);
  EXPECT_EQ(files->at(1), (TestFile{.path = "test/unit/b_test.rb", .size_bytes = 12}));
}

TEST_F(TestFilesTest, GlobsKeepTheirOrderAndEachFileComesOnce) {
  for (const char* path : {"a/1_spec.rb", "b/1_spec.rb", "b/2_spec.rb"}) touch(path);
  EXPECT_THAT(select({"{b,a}/*", "**/*_spec.rb"}, {}),
              ElementsAre("b/1_spec.rb", "b/2_spec.rb", "a/1_spec.rb"));
}

TEST_F(TestFilesTest, ExclamationMarkTakesAwayWhereverItStands) {
  for (const char* path : {"spec/a_spec.rb", "spec/slow/b_spec.rb", "spec/slow/c/d_spec.rb"}) {
    touch(path);
  }
  EXPECT_THAT(select({"!spec/slow/**/*", "spec/**/*_spec.rb"}, {}), ElementsAre("spec/a_spec.rb"));
  EXPECT_THAT(select({"!spec/slow"}, {}), ElementsAre("spec/a_spec.rb"));
  EXPECT_THAT(select({"!spec/{slow/c,a_*}"}, {}), ElementsAre("spec/slow/b_spec.rb"));
  EXPECT_THAT(select({}, {"!spec/a_spec.rb", "!spec/slow/c"}), ElementsAre("spec/slow/b_spec.rb"));
}

TEST_F(TestFilesTest, NamedFileIsTakenWhateverTheGlobsSay) {
  touch("features/odd.rb");
  touch("spec/a[1]_spec.rb");
  EXPECT_THAT(select({"!features/**"}, {"features/odd.rb", "./features//odd.rb"}),
              ElementsAre("features/odd.rb"));
  EXPECT_THAT(select({}, {"spec/a[1]_spec.rb"}), ElementsAre("spec/a[1]_spec.rb"));
  EXPECT_THAT(select({}, {(root_.path() / "features/odd.rb").string()}),
              ElementsAre("features/odd.rb"));
}

TEST_F(TestFilesTest, PlacesInAFileStandBehindItsName) {
  for (const char* path : {"spec/a_spec.rb", "spec/b_spec.rb", "spec/c_spec.rb"}) touch(path);
  const auto select_places = [&](Strings arguments, const fs::path& from = {}) {
    Strings words;
    const auto files = select_all({}, std::move(arguments), from).value();
    for (const TestFile& file : files)
      words.push_back(fmt::format("{} {}", file.path, fmt::join(file.places, " ")));
    return words;
  };
  EXPECT_THAT(select_places({"spec/b_spec.rb:12"}), ElementsAre("spec/b_spec.rb :12"));
  EXPECT_THAT(select_places({"a_spec.rb:12:40", "./a_spec.rb[1:2, 3]"}, "spec"),
              ElementsAre("spec/a_spec.rb :12 :40 [1:2] [3]"));
  EXPECT_THAT(select_places({"spec/b_spec.rb:7", "spec/a_spec.rb", "spec/b_spec.rb:7:8"}),
              ElementsAre("spec/b_spec.rb :7 :8", "spec/a_spec.rb "));
  EXPECT_THAT(select_places({"spec", "spec/b_spec.rb[1]", "!spec/c*"}),
              ElementsAre("spec/a_spec.rb ", "spec/b_spec.rb [1]"));
}

TEST_F(TestFilesTest, NameOnDiskGoesBeforeAPlace) {
  for (const char* path : {"a_spec.rb", "a_spec.rb:12", "a_spec.rb[1]", "ab1"}) touch(path);
  EXPECT_THAT(select({}, {"a_spec.rb:12", "a_spec.rb[1]"}),
              ElementsAre("a_spec.rb:12", "a_spec.rb[1]"));
  EXPECT_EQ(select_all({}, {"a_spec.rb:12:3"}).value().at(0).places, Strings{":3"});
  EXPECT_THAT(select({}, {"ab[1]"}), ElementsAre("ab1")) << "no such file: a glob";
}

TEST_F(TestFilesTest, PlacesThatCannotBe) {
  touch("spec/a_spec.rb");
  EXPECT_EQ(error_of({}, {"spec:12"}).kind, ErrorKind::kUsage);
  EXPECT_THAT(error_of({}, {"spec:12"}).message, HasSubstr("spec is a folder"));
  EXPECT_EQ(error_of({}, {"spec/a_spec.rb:0"}).kind, ErrorKind::kUsage);
  EXPECT_EQ(error_of({}, {"spec/b_spec.rb:12"}).message,
            "spec/b_spec.rb:12: there is no file spec/b_spec.rb");
  for (const char* odd : {"spec/a_spec.rb:", "spec/a_spec.rb:x", "spec/a_spec.rb:1:",
                          "spec/a_spec.rb[]", "spec/a_spec.rb[1,]", "spec/a_spec.rb[x]", ":12"}) {
    EXPECT_EQ(error_of({}, {odd}).kind, ErrorKind::kNotFound) << odd;
  }
}

TEST_F(TestFilesTest, FolderMeansWhatTheGlobsFindInIt) {
  for (const char* path :
       {"spec/a_spec.rb", "spec/x/b_spec.rb", "spec/x/c.rb", "spec/xy_spec.rb"}) {
    touch(path);
  }
  EXPECT_THAT(select({}, {"spec/x"}), ElementsAre("spec/x/b_spec.rb"));
  EXPECT_THAT(select({}, {"spec/x/"}), ElementsAre("spec/x/b_spec.rb"));
  EXPECT_THAT(select({"spec/**/c.rb"}, {"spec/x"}), ElementsAre("spec/x/c.rb"));
  EXPECT_THAT(select({}, {"."}),
              ElementsAre("spec/a_spec.rb", "spec/x/b_spec.rb", "spec/xy_spec.rb"));
}

TEST_F(TestFilesTest, FilesThatAreGivenStandForTheGlobs) {
  for (const char* file : {"one/a.rb", "spec/a_spec.rb"}) touch(file);
  const auto select_of = [&](Strings files, Strings arguments) {
    Selection selection{.project = root_.path(),
                        .config_name = "team.json",
                        .globs = {"spec/*"},
                        .arguments = std::move(arguments),
                        .working_directory = root_.path()};
    selection.files = std::move(files);
    const auto found = select_test_files(std::move(selection)).value();
    Strings paths;
    for (const TestFile& file : found) paths.push_back(file.path);
    return paths;
  };
  EXPECT_THAT(select_of({"one/a.rb"}, {}), ElementsAre("one/a.rb"));
  EXPECT_THAT(select_of({"one/a.rb"}, {"one"}), ElementsAre("one/a.rb"));
  EXPECT_THAT(select_of({}, {}), ElementsAre());
}

TEST_F(TestFilesTest, FolderOutsideOfTheGlobsIsSearchedByName) {
  for (const char* path :
       {"engine/q/a_test.rb", "engine/b_test.rb", "engine/c_spec.rb", "engine/test_helper.rb"}) {
    touch(path);
  }
  EXPECT_THAT(select({}, {"engine"}),
              ElementsAre("engine/b_test.rb", "engine/c_spec.rb", "engine/q/a_test.rb"));
}

TEST_F(TestFilesTest, ArgumentsStartFromTheWorkingDirectory) {
  touch("spec/x/b_spec.rb");
  touch("spec/c_spec.rb");
  EXPECT_THAT(select({}, {"b_spec.rb"}, "spec/x"), ElementsAre("spec/x/b_spec.rb"));
  EXPECT_THAT(select({}, {"."}, "spec/x"), ElementsAre("spec/x/b_spec.rb"));
  EXPECT_THAT(select({}, {"../*_spec.rb"}, "spec/x"), ElementsAre("spec/c_spec.rb"));
  EXPECT_THAT(select({}, {".."}, "spec"), ElementsAre("spec/c_spec.rb", "spec/x/b_spec.rb"));
}

TEST_F(TestFilesTest, WhatMatchesNothingIsNamed) {
  touch("spec/a_spec.rb");
  fs::create_directories(root_.path() / "empty");
  EXPECT_EQ(error_of({}, {"spec/a_spec.rb", "spec/b_spec.rb"}).kind, ErrorKind::kNotFound);
  EXPECT_EQ(error_of({}, {"spec/b_spec.rb"}).message, "there is no file or folder spec/b_spec.rb");
  EXPECT_EQ(error_of({}, {"spec/z*"}).message, "no file matches spec/z*");
  EXPECT_THAT(error_of({}, {"empty"}).message, HasSubstr("there are no test files in empty"));
  EXPECT_THAT(error_of({}, {"spec", "!spec"}).message, HasSubstr("taken away"));
  EXPECT_EQ(error_of({}, {""}).kind, ErrorKind::kUsage);
  const Error nothing = error_of({"features/**/*.rb", "!x"}, {});
  EXPECT_EQ(nothing.kind, ErrorKind::kNotFound);
  EXPECT_THAT(nothing.message, HasSubstr("no test file matches features/**/*.rb, !x in "));
  EXPECT_THAT(nothing.message, HasSubstr("with \"files\" in team.json"));
}

TEST_F(TestFilesTest, PathsOutsideOfTheProjectAreRefused) {
  EXPECT_EQ(error_of({"../other/*"}, {}).kind, ErrorKind::kUsage);
  EXPECT_THAT(error_of({"../other/*"}, {}).message,
              HasSubstr("team.json: files: ../other/* is outside of the project"));
  EXPECT_THAT(error_of({}, {"/etc/passwd"}).message, HasSubstr("is outside of the project"));
}

TEST_F(TestFilesTest, StrangeNamesAreKeptAndNoTextIsRefused) {
  touch("spec/a b\n\xC3\xB6_spec.rb");
  EXPECT_THAT(select({}, {}), ElementsAre("spec/a b\n\xC3\xB6_spec.rb"));
  touch("spec/\xFF_spec.rb");
  const Error error = error_of({}, {});
  EXPECT_EQ(error.kind, ErrorKind::kUsage);
  EXPECT_THAT(error.message, HasSubstr("is not UTF-8"));
  EXPECT_THAT(select({"!spec/?_spec.rb"}, {}), ElementsAre("spec/a b\n\xC3\xB6_spec.rb"));
}

TEST_F(TestFilesTest, NodesDefaultsAreThoseOfNodeAndACommandHasNone) {
  for (const char* file : {"a.test.js", "lib/b-test.mjs", "lib/c_test.cjs", "test-d.js", "test.js",
                           "lib/test/e.js", "lib/f.js", "latest.js", "test/g.ts",
                           "node_modules/h/test/h.test.js", "lib/node_modules/i.test.js"})
    touch(file);
  Selection selection{.project = root_.path(),
                      .config_name = "team.json",
                      .language = Language::kNode,
                      .globs = {},
                      .arguments = {},
                      .working_directory = root_.path()};
  const auto files = select_test_files(selection);
  ASSERT_TRUE(files);
  Strings paths;
  for (const TestFile& file : *files) paths.push_back(file.path);
  EXPECT_THAT(paths, UnorderedElementsAre("a.test.js", "lib/b-test.mjs", "lib/c_test.cjs",
                                          "test-d.js", "test.js", "lib/test/e.js"));
  selection.language = Language::kOther;
  const auto none = select_test_files(selection);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("a test command has none by default"));
}

}  // namespace
}  // namespace gorgon::plan
