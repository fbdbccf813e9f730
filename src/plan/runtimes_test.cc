#include "plan/runtimes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"

namespace gorgon::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using Seconds = std::chrono::duration<double>;

class RuntimesTest : public ::testing::Test {
 protected:
  void write(std::string_view text) { ASSERT_TRUE(write_file(file_, text)); }
  [[nodiscard]] std::string read() const { return read_file(file_).value_or("unreadable"); }
  /// Loads, and gives what was said on standard error.
  std::string load(Runtimes& out) const {
    ::testing::internal::CaptureStderr();
    out = load_runtimes(file_);
    return ::testing::internal::GetCapturedStderr();
  }

  TempDir folder_ = *TempDir::make("gorgon-runtimes-test-");
  fs::path file_ = folder_.path() / "tmp/runtimes.json";
};

TEST_F(RuntimesTest, TimesThatNoFileCanTakeAreLeftOut) {
  write(R"({"a": -1, "b": 1e308, "c": "5", "d": 5, "d": 6, "../x": 2, "e\u0000f": 3})");
  EXPECT_THAT(load_runtimes(file_),
              testing::UnorderedElementsAre(Pair("d", Seconds(6)), Pair("../x", Seconds(2)),
                                            Pair(std::string("e\0f", 3), Seconds(3))));
}

TEST_F(RuntimesTest, FormatIsLongestFirstOneFileALine) {
  EXPECT_EQ(format_runtimes({{"b", Seconds(1.5)},
                             {"a", Seconds(1.5)},
                             {"quote\"\n", Seconds(0.0000004)},
                             {"long", Seconds(1234567.25)},
                             {"third", Seconds(1.0 / 3)}}),
            "{\n  \"long\": 1234567.25,\n  \"a\": 1.5,\n  \"b\": 1.5,\n  \"third\": 0.333333,\n"
            "  \"quote\\\"\\n\": 0\n}\n");
  EXPECT_EQ(format_runtimes({}), "{}\n");
}

TEST_F(RuntimesTest, WhatIsWrittenIsReadBack) {
  const Runtimes runtimes = {{"spec/a b_spec.rb", Seconds(0.000001)}, {"ö", Seconds(3)}};
  write(format_runtimes(runtimes));
  EXPECT_EQ(load_runtimes(file_), runtimes);
}

TEST_F(RuntimesTest, TimesThatAreEqualWhenRoundedStandByName) {
  EXPECT_EQ(format_runtimes({{"b", Seconds(2.6)}, {"a", Seconds(2.599999992)}}),
            format_runtimes({{"b", Seconds(2.6)}, {"a", Seconds(2.6)}}));
}

TEST_F(RuntimesTest, MissingAndEmptyFilesGiveNothingAndNoWarning) {
  Runtimes runtimes;
  EXPECT_EQ(load(runtimes), "");
  write(" \n");
  EXPECT_EQ(load(runtimes), "");
  EXPECT_THAT(runtimes, IsEmpty());
  EXPECT_TRUE(fs::exists(file_));
}

TEST_F(RuntimesTest, EntriesThatAreNoSecondsAreLeftOut) {
  write(R"({"a": 1, "b": "2", "c": -1, "d": null, "e": [3], "f": 2.5, "f": 3.5})");
  EXPECT_THAT(load_runtimes(file_), ElementsAre(Pair("a", Seconds(1)), Pair("f", Seconds(3.5))));
}

TEST_F(RuntimesTest, CorruptFileIsSetAside) {
  for (const std::string& text : {std::string("{\"a\": 1"), std::string("[]"), std::string("\xFF"),
                                  std::string(100'000, '[')}) {
    write(text);
    Runtimes runtimes;
    EXPECT_THAT(load(runtimes), HasSubstr("runtimes.json.corrupt"));
    EXPECT_THAT(runtimes, IsEmpty());
    EXPECT_FALSE(fs::exists(file_));
    EXPECT_EQ(read_file(file_.string() + ".corrupt"), text);
  }
}

TEST_F(RuntimesTest, RecordingMergesAndPrunesOnlyWhatIsGone) {
  for (const char* path : {"kept.rb", "changed.rb", "new.rb"}) {
    ASSERT_TRUE(write_file(folder_.path() / path, ""));
  }
  write(R"({"kept.rb": 7, "changed.rb": 5, "gone.rb": 9})");
  ASSERT_TRUE(
      record_runtimes(file_, folder_.path(), {{"changed.rb", Seconds(1)}, {"new.rb", Seconds(2)}}));
  EXPECT_EQ(read(), "{\n  \"kept.rb\": 7,\n  \"new.rb\": 2,\n  \"changed.rb\": 1\n}\n");
}

TEST_F(RuntimesTest, RunWithoutResultsWritesNoFile) {
  ASSERT_TRUE(record_runtimes(file_, folder_.path(), {}));
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(RuntimesTest, UnwritablePlaceIsAnError) {
  ASSERT_TRUE(write_file(folder_.path() / "a.rb", ""));
  const auto recorded = record_runtimes(folder_.path() / "a.rb/runtimes.json", folder_.path(),
                                        {{"a.rb", Seconds(1)}});
  ASSERT_FALSE(recorded);
  EXPECT_EQ(recorded.error().kind, ErrorKind::kIo);
}

}  // namespace
}  // namespace gorgon::plan
