// The HTML report in a browser: what its page shows, and what it never does.
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "browser.h"
#include "harness.h"
#include "report/html.h"
#include "report/past.h"
#include "report/spooled_file.h"
#include "report/testing/synthetic_run.h"
#include "results/run_event.h"
#include "results/verdict.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

using std::string;

/// A page after its script has run.
struct ShownPage {
  string dom;
  string console;  ///< What the browser had to say of it, a line each.

  /// A number of the page's head; -1: it is not there.
  [[nodiscard]] int total(const string& name) const {
    const string mark = "data-total=\"" + name + "\">";
    const std::size_t at = dom.find(mark);
    if (at == string::npos) return -1;
    string digits = dom.substr(at + mark.size(), dom.find('<', at) - at - mark.size());
    std::erase(digits, ',');
    return std::stoi(digits);
  }
  [[nodiscard]] bool has(std::string_view text) const { return dom.find(text) != string::npos; }
};

std::size_t count_in(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class PageTest : public LocalTest {
 protected:
  void SetUp() override {
    LocalTest::SetUp();
    if (cluster().other_program({"sh", "-c", "command -v chromium"}, cluster().folder()).exit_code)
      GTEST_SKIP() << "no chromium here: nothing has looked at the page of the HTML report";
  }

  ShownPage show(const std::filesystem::path& file) {
    const FinishedRun run = cluster().other_program(
        {"chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-dev-shm-usage", "--disable-breakpad",
         "--user-data-dir=" + (cluster().folder() / "browser").string(), "--enable-logging=stderr",
         "--virtual-time-budget=3000", "--dump-dom", "file://" + file.string()},
        cluster().folder());
    EXPECT_EQ(run.exit_code, 0) << run.errors;
    ShownPage page{.dom = run.output, .console = {}};
    for (std::size_t at = run.errors.find(":CONSOLE"); at != string::npos;
         at = run.errors.find(":CONSOLE", at + 1))
      page.console += run.errors.substr(at, run.errors.find('\n', at) - at) + "\n";
    return page;
  }
};

TEST_F(PageTest, ShowsTheNumbersOfTheOtherReports) {
  const Project project = cluster().add_project("mixed");
  cluster().configure(project, R"("reports": {"html": "out/run.html", "junit": "out/junit.xml"})");
  const FinishedRun run = cluster().run(project, {"-j", "2"});
  std::map<string, int> statuses;
  for (const ReportedCase& test_case : run.report.cases) ++statuses[test_case.status];
  const string junit = project.read("out/junit.xml");
  const ShownPage page = show(project.folder() / "out/run.html");
  EXPECT_EQ(page.console, "");
  EXPECT_EQ(page.total("cases"), static_cast<int>(run.report.cases.size()));
  for (const char* status : {"passed", "failed", "error", "skipped", "pending"})
    EXPECT_EQ(page.total(status), statuses[status]) << status;
  EXPECT_EQ(page.total("failed"), static_cast<int>(count_in(junit, "<failure ")));
  EXPECT_EQ(page.total("error") + page.total("outside"),
            static_cast<int>(count_in(junit, "<error ")));
  EXPECT_EQ(page.total("files"), static_cast<int>(run.report.units.size()));
  EXPECT_TRUE(page.has("9 failures in 3 of 8 files, 27 cases"));
  EXPECT_EQ(count_in(page.dom, "<details class=\"failure-item"), 9U);
  const string again = project.folder() / "again.html";
  EXPECT_EQ(cluster().gorgon({"report", "--html", again}, project.folder()).exit_code, 0);
  EXPECT_EQ(project.read("again.html"), project.read("out/run.html"));
}

TEST_F(PageTest, NothingOfATestIsRunOrHidesAnything) {
  const Project project = cluster().add_project("");
  project.write("spec/a_spec.rb", R"--(
attack = "document.documentElement.setAttribute('data-attacked', 'yes')"
RSpec.describe("hostile") do
  it("</script><script>#{attack}</script><img src=x onerror=\"#{attack}\">") do
    puts "\e[31mred\e[0m </pre><script>#{attack}</script> \u2028 \u202E \x01\e]0;title\a"
    raise "<b>bold</b><svg onload=\"#{attack}\">"
  end
  it("is seen after it") {}
end
)--");
  EXPECT_EQ(cluster().run(project, {"--html", "run.html"}).exit_code, 1);
  const ShownPage page = show(project.folder() / "run.html");
  EXPECT_EQ(page.console, "");
  EXPECT_FALSE(page.has("data-attacked=\"yes\""));
  EXPECT_EQ(count_in(page.dom, "<img") + count_in(page.dom, "<b>") + count_in(page.dom, "<svg onl"),
            0U);
  EXPECT_EQ(count_in(page.dom, "<script"), 2U);
  EXPECT_TRUE(page.has("hostile &lt;/script&gt;&lt;script&gt;"));
  EXPECT_TRUE(page.has("&lt;b&gt;bold&lt;/b&gt;"));
  EXPECT_TRUE(page.has("<span class=\"sgr-red\">red</span> &lt;/pre&gt;"));
  EXPECT_TRUE(page.has("\xE2\x90\x81")) << "a control character has a picture";
  EXPECT_EQ(page.total("passed"), 1);
}

/// A row of the tables that say where the time went.
string time_row(const string& name, const string& meaning, const string& time) {
  return "</span>" + name + "</th><td class=\"meaning\">" + meaning + "</td><td class=\"time\">" +
         time + "</td>";
}

/// Two machines; the worker that takes the first file dies with it, and another runs it.
TEST_F(PageTest, SaysWhereTheTimeWent) {
  using results::HostChanged;
  const auto file = cluster().folder() / "run.html";
  const std::vector<results::Unit> units = {{.id = "1", .file = "a_spec.rb"},
                                            {.id = "2", .file = "b_spec.rb"}};
  report::HtmlReporter reporter(report::SpooledFile::make(file).value(), {});
  const auto start = [&](const results::Unit& unit, const string& host, double at) {
    reporter.on(results::UnitStarted{
        .unit = unit.id, .file = unit.file, .host = host, .worker = "1", .at = at});
  };
  const auto finish = [&](const results::Unit& unit, const string& host, double at) {
    results::UnitResult result = report::testing::result_of(results::Verdict::kPassed, {}, 2);
    result.host = host;
    result.worker = "1";
    reporter.on(results::UnitFinished{.unit = &unit, .result = &result, .at = at});
  };
  reporter.on(results::RunStarted{.job = "k2x9", .started_at = 1764180000, .units = units});
  for (const char* host : {"one", "two"})
    reporter.on(HostChanged{.host = host, .state = HostChanged::State::kPreparing, .at = 1});
  for (const char* host : {"one", "two"})
    reporter.on(HostChanged{.host = host, .state = HostChanged::State::kReady, .at = 3});
  start(units[0], "one", 3.5);
  start(units[1], "two", 4.5);
  reporter.on(HostChanged{.host = "one", .state = HostChanged::State::kLeft, .at = 5});
  finish(units[1], "two", 6.5);
  start(units[0], "two", 7);
  finish(units[0], "two", 9.25);
  reporter.on(results::RunFinished{.units = 2, .seconds = 10});
  const ShownPage page = show(file);
  EXPECT_EQ(page.console, "");
  for (const string& row : {
           time_row("Plan and send", "until the first machine answered", "1.00 s"),
           time_row("Prepare", "until one was ready: tree, callbacks, preloading", "2.00 s"),
           time_row("Start workers", "until the first file started", "0.50 s"),
           time_row("Run", "until the last file was handed out", "3.50 s"),
           time_row("Tail", "nothing left to hand out: until the last file ended", "2.25 s"),
           time_row("Close", "goodbyes, callbacks, reports", "0.75 s"),
           // Of both slots together; what was lost with its worker is time that it ran.
           time_row("Machine prepares", "before the slot's machine was ready", "6.00 s"),
           time_row("Boot", "from then to its first file", "2.00 s"),
           time_row("Run", "test files ran", "5.50 s"),
           time_row("Deliver", "a result on its way, a killed test going down", "0.25 s"),
           time_row("Queue wait", "between two files", "0.50 s"),
           time_row("Idle", "after its last file, to the end of the run", "5.75 s"),
       })
    EXPECT_TRUE(page.has(row)) << row;
}

/// A page of 20,000 cases, one of which is called "needle".
std::filesystem::path write_large_page(const std::filesystem::path& folder) {
  constexpr std::size_t kFiles = 200;
  constexpr std::size_t kCases = 100;
  const auto file = folder / "large.html";
  report::HtmlReporter reporter(report::SpooledFile::make(file).value(), {});
  report::testing::SyntheticRun run(reporter);
  for (std::size_t i = 0; i < kFiles; ++i)
    run.add_unit("spec/models/part_" + std::to_string(i) + "_spec.rb");
  run.start();
  run.host("build1", 8);
  for (std::size_t i = 0; i < kFiles; ++i) {
    std::vector<results::TestCase> cases;
    for (std::size_t k = 1; k < kCases; ++k)
      cases.push_back(report::testing::passed_case("case " + std::to_string(k)));
    cases.push_back(report::testing::failed_case(i == 77 ? "needle" : "fails"));
    run.start_unit(i, "build1", std::to_string(i % 8));
    results::UnitResult result =
        report::testing::result_of(results::Verdict::kFailed, std::move(cases));
    result.worker = std::to_string(i % 8);
    run.finish_unit(i, std::move(result));
  }
  run.finish(60, 1);
  return file;
}

/// What the table of earlier runs says of one: cases, failures, what was flaky.
string numbers_row(int cases, int failed, int flaky) {
  string row;
  for (const int number : {cases, failed, flaky})
    row += "<td class=\"time\">" + std::to_string(number) + "</td>";
  return row + "<td class=\"past-time\">";
}

/// A file that crashes and passes when it is tried again, with a case that is flaky, too, and one
/// that crashes.
TEST_F(PageTest, TriesAndCrashesAreInEachSection) {
  const auto file = cluster().folder() / "tries.html";
  report::HtmlContext context;
  context.past = {.runs = {{.number = 1, .seconds = 1, .exit_code = 0, .cases = 3, .flaky = 5}},
                  .courses_of = [](const string&) { return std::map<string, report::Course>(); }};
  report::HtmlReporter reporter(report::SpooledFile::make(file).value(), std::move(context));
  report::testing::SyntheticRun run(reporter);
  const results::Unit again = run.add_unit("spec/a_spec.rb");
  run.add_unit("spec/b_spec.rb");
  run.start();
  run.host("build1", 1);
  run.start_unit(0, "build1", "2");
  reporter.on(results::UnitTried{.unit = again.id,
                                 .file = again.file,
                                 .host = "build1",
                                 .worker = "2",
                                 .verdict = results::Verdict::kCrashed,
                                 .at = 1});
  run.start_unit(0, "build1", "2");
  results::UnitResult passed = report::testing::result_of(
      results::Verdict::kPassed,
      {report::testing::passed_case("a works"), report::testing::passed_case("a wavers")});
  passed.cases.back().earlier_failures = {{.message = "at first"}};
  passed.earlier_errors = {{.stage = "crash", .message = "signal 9"}};
  run.finish_unit(0, passed);
  run.start_unit(1, "build1", "2");
  results::UnitResult crashed = report::testing::result_of(results::Verdict::kCrashed, {});
  crashed.running_case = "b dies";
  crashed.running_location = "spec/b_spec.rb:3";
  crashed.errors = {{.stage = "crash", .message = "it ended"}};
  run.finish_unit(1, crashed);
  run.finish(2, 1);
  const ShownPage page = show(file);
  EXPECT_EQ(page.console, "");
  EXPECT_EQ(page.total("flaky"), 2) << "a case, and a file outside of its cases";
  EXPECT_TRUE(page.has("Flaky: 2 passed only when tried again"));
  EXPECT_TRUE(page.has("value=\"y\">flaky<span class=\"number\">2</span>"))
      << "in the list of all cases";
  EXPECT_TRUE(page.has("<span class=\"fill-y\" style=\"flex-grow: 2;\">"));
  EXPECT_TRUE(page.has(numbers_row(2, 1, 2))) << "this run among the earlier ones";
  EXPECT_TRUE(page.has(numbers_row(3, 0, 5)));
  EXPECT_TRUE(
      page.has("<td class=\"time\">1</td><td class=\"time\">2</td>"
               "<td class=\"time\">1</td><td class=\"time\">2</td>"))
      << "workers, files, tries, cases";
  EXPECT_TRUE(page.has("slow-bar fill-e"));
  EXPECT_TRUE(page.has("b dies</button><span class=\"below\">spec/b_spec.rb:3</span>"))
      << "in the list of all cases";
}

/// Elements of which no screen reader could say what they are for.
constexpr const char* kUnnamed = R"(
  [...document.querySelectorAll("button, input, select, a[href]")].filter((one) =>
      !(one.ariaLabel || one.title || one.textContent.trim() || one.labels?.length ||
        one.getAttribute("aria-labelledby"))).map((one) => one.outerHTML))";

TEST_F(PageTest, IsUsedWithAKeyboardReadAloudAndSeenInLightAndDark) {
  const Project project = cluster().add_project("mixed");
  cluster().configure(project, R"("reports": {"html": "run.html"})");
  EXPECT_EQ(cluster().run(project, {"-j", "2"}).exit_code, 1);
  Browser browser(cluster());
  browser.go("file://" + (project.folder() / "run.html").string());
  const auto press = [&](const string& on, const string& key) {
    (void)browser.value(on + ".dispatchEvent(new KeyboardEvent('keydown', {key: '" + key +
                        "', bubbles: true, cancelable: true}))");
  };
  press("document.body", "/");
  EXPECT_EQ(browser.value("document.activeElement.id"), "search");
  // A browser draws a list's rows when they come into sight.
  (void)browser.value("document.querySelector('.vbody').scrollIntoView()");
  browser.wait_for("document.querySelectorAll('.vbody .vrow button').length > 2");
  const string focused = "document.activeElement.closest('.vrow').ariaRowIndex";
  (void)browser.value("document.querySelector('.vbody .vrow button').focus()");
  EXPECT_EQ(browser.value(focused), "2");
  press("document.activeElement", "ArrowDown");
  EXPECT_EQ(browser.value(focused), "3");
  (void)browser.value("document.activeElement.click()");
  browser.wait_for("document.querySelector('dialog[open]') !== null");
  EXPECT_EQ(browser.value(kUnnamed), "");
  (void)browser.value("document.querySelector('dialog[open]').close()");
  EXPECT_EQ(browser.value(focused), "3") << "where it was opened from";
  const string faint = read_file(GORGON_INTEGRATION "/faint_text.js").value();
  for (const char* theme : {"light", "dark"}) {
    (void)browser.value("document.documentElement.dataset.theme = '" + string(theme) + "'");
    EXPECT_EQ(browser.value(faint), "") << theme;
  }
  EXPECT_EQ(browser.errors(), "");
}

TEST_F(PageTest, OfTwentyThousandCasesThoseInSightAreInThePage) {
  const auto file = write_large_page(cluster().folder());
  const ShownPage page = show(file);
  EXPECT_EQ(page.console, "");
  EXPECT_EQ(page.total("cases"), 20'000);
  EXPECT_TRUE(page.has("All 20,000 cases"));
  EXPECT_TRUE(page.has("aria-rowcount=\"20001\""));
  const std::size_t rows = count_in(page.dom, "role=\"row\"");
  EXPECT_GT(rows, 10U);
  EXPECT_LT(rows, 100U);
  EXPECT_LT(count_in(page.dom, "<details class=\"failure-item"), 100U);
}

TEST_F(PageTest, ACaseIsFoundAndOpened) {
  const auto file = write_large_page(cluster().folder());
  string text = read_file(file).value();
  // The page forbids any script but its own, and so the hand of its user.
  const std::size_t policy = text.find("script-src 'sha256-");
  ASSERT_NE(policy, string::npos);
  text.replace(policy, text.find(';', policy) - policy, "script-src 'unsafe-inline'");
  text.insert(text.rfind("</body>"), R"(<script>
addEventListener("load", () => {
  const search = document.getElementById("search");
  search.value = "NEEDLE part_77";
  search.dispatchEvent(new Event("input"));
  setTimeout(() => document.querySelector(".vbody button").click(), 500);
});
</script>
)");
  const auto used = cluster().folder() / "used.html";
  ASSERT_TRUE(write_file(used, text));
  const ShownPage page = show(used);
  EXPECT_EQ(page.console, "");
  EXPECT_TRUE(page.has("1 of 20,000 cases"));
  EXPECT_TRUE(page.has("<h2 id=\"sheet-title\">needle</h2>"));
  EXPECT_TRUE(page.has("spec/models/part_77_spec.rb"));
}

}  // namespace
}  // namespace gorgon::test
