#include "cli/manual.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/completions.h"

namespace gorgon::cli {
namespace {

using Kind = Completion::Kind;

std::vector<CompletedCommand> commands() {
  return {{.name = "start",
           .what = "Run",
           .options = {{.names = {"--jobs", "-j"},
                        .what = "At most N - or fewer",
                        .value = {.kind = Kind::kAnything, .name = "N"}},
                       {.names = {"--quiet"}, .what = ".say less", .value = {}},
                       {.names = {"--help", "-h"}, .what = "Show this help", .value = {}}},
           .argument = {}},
          {.name = "version", .what = "Show the version", .options = {}, .argument = {}}};
}

constexpr const char* kSource =
    "@commands@\n.SS gorgon start\nRuns.\n@options@\n.SS gorgon version\nShows it.\n";

TEST(ManualTest, OptionsStandInTheirCommandsSection) {
  const auto page = manual_page(kSource, commands());
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ(*page,
            "{\n.B start\n|\n.B version\n}\n.SS gorgon start\nRuns.\n"
            ".TP\n\\fB\\-j\\fR \\fIN\\fR, \\fB\\-\\-jobs\\fR \\fIN\\fR\nAt most N \\- or fewer.\n"
            ".TP\n\\fB\\-\\-quiet\\fR\n\\&.say less.\n"
            ".SS gorgon version\nShows it.\n");
}

TEST(ManualTest, NothingIsLeftOut) {
  const auto missing = manual_page(".SS gorgon start\n@options@\n", commands());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "\".SS gorgon version\" with \"@options@\" is missing");
  EXPECT_FALSE(manual_page(".SS gorgon start\n.SS gorgon version\n", commands()))
      << "its options are not there";
  EXPECT_FALSE(manual_page(std::string(kSource) + ".SS gorgon stop\n", commands()))
      << "there is no such command";
}

}  // namespace
}  // namespace gorgon::cli
