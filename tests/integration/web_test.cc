// `gorgon web`: what its pages show while runs and machines change, and whom it answers.
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "browser.h"
#include "harness.h"
#include "program.h"
#include "run_report.h"

namespace gorgon::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::string;

bool says(const string& text, const string& part) { return text.find(part) != string::npos; }

/// One that serves a project.
struct Web {
  Program* program = nullptr;
  string url;  ///< With the token.
  std::uint16_t port = 0;

  [[nodiscard]] string at(const string& path) const {
    return "http://127.0.0.1:" + std::to_string(port) + path;
  }
  [[nodiscard]] string token() const { return url.substr(url.find("token=") + 6); }
  [[nodiscard]] string cookie() const {
    return "Cookie: gorgon-" + std::to_string(port) + "=" + token() + "\r\n";
  }
};

Web start_web(Cluster& cluster, const Project& project) {
  Web web{.program = &cluster.start_gorgon({"web"}, project.folder()), .url = {}, .port = 0};
  EXPECT_TRUE(eventually(60s, [&] { return says(web.program->output(), "\n"); }))
      << web.program->errors();
  web.url = web.program->output();
  web.url.pop_back();
  constexpr std::string_view kStart = "http://127.0.0.1:";
  EXPECT_TRUE(web.url.starts_with(kStart)) << web.url;
  const string rest = web.url.substr(kStart.size());
  web.port = number_of<std::uint16_t>(rest.substr(0, rest.find('/'))).value_or(0);
  return web;
}

/// A client that does as it likes.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) {
    boost::system::error_code error;
    socket_.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port), error);
    EXPECT_FALSE(error) << error.message();
  }
  void send(const string& text) {
    boost::system::error_code error;
    asio::write(socket_, asio::buffer(text), error);
  }
  /// Whatever comes until the other side hangs up.
  string read_all() {
    string text;
    boost::system::error_code error;
    asio::read(socket_, asio::dynamic_buffer(text), error);
    return text;
  }
  /// What comes up to and with `end`; less, when the other side hangs up before.
  string read_until(const string& end) {
    string text;
    boost::system::error_code error;
    asio::read_until(socket_, asio::dynamic_buffer(text), end, error);
    return text;
  }
  /// Whether the other side still has its end of the connection.
  [[nodiscard]] bool is_held(std::uint16_t server_port) {
    const string mine = hex(socket_.local_endpoint().port());
    const string theirs = hex(server_port);
    const string table = read_file("/proc/net/tcp").value_or("");
    // "… LOCAL:PORT REMOTE:PORT STATE …", in hexadecimal; 01 is an open connection.
    return says(table, "0100007F:" + theirs + " 0100007F:" + mine + " 01 ");
  }

 private:
  static string hex(std::uint16_t port) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    string text;
    for (const int shift : {12, 8, 4, 0}) text += kDigits[(port >> shift) & 0xF];
    return text;
  }
  asio::io_context io_;
  tcp::socket socket_{io_};
};

/// The whole answer to a question that ends with its connection.
string ask(const Web& web, const string& line, const string& headers) {
  RawClient client(web.port);
  client.send(line + " HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n");
  return client.read_all();
}
string host_of(const Web& web) { return "Host: 127.0.0.1:" + std::to_string(web.port) + "\r\n"; }
int status_of(const string& answer) {
  return number_of<int>(answer.substr(answer.find(' ') + 1, 3)).value_or(0);
}

/// Three files, each of which waits for its gate, and one that fails at once.
Project add_waiting_project(Cluster& cluster) {
  const Project project = cluster.add_project("", "shop");
  for (const string name : {"a", "b", "c"}) {
    const string gate = (project.folder() / ("gate_" + name)).string();
    string text = "RSpec.describe('" + name + "') { it('waits') { sleep 0.02 until ";
    text += "File.exist?('" + gate + "') } }\n";
    project.write("spec/" + name + "_spec.rb", text);
  }
  project.write("spec/fails_spec.rb",
                "RSpec.describe('d') { it('fails') { raise 'no <b>stock</b>' } }\n");
  return project;
}
void open_gate(const Project& project, const string& name) { project.write("gate_" + name, ""); }

/// "26", of the page's head.
string total(const string& name) {
  return "Number(document.querySelector('[data-total=" + name + "]')?.textContent)";
}
string text_of_page() { return "document.body.innerText"; }
string shows(const string& text) { return text_of_page() + ".includes('" + text + "')"; }

/// The numbers on the page of a run that is over are those of its events.
void expect_totals(Browser& browser, const FinishedRun& run) {
  std::map<string, int> statuses;
  for (const ReportedCase& test_case : run.report.cases) ++statuses[test_case.status];
  EXPECT_EQ(browser.value(total("cases")), std::to_string(run.report.cases.size()));
  for (const char* status : {"passed", "failed", "error", "skipped", "pending"})
    EXPECT_EQ(browser.value(total(status)), std::to_string(statuses[status])) << status;
  EXPECT_EQ(browser.value(total("files")), std::to_string(run.report.units.size()));
}

/// The page that is open has not been loaded again since mark().
void mark(Browser& browser) { (void)browser.value("window.isMarked = true"); }
void expect_marked(Browser& browser) { EXPECT_EQ(browser.value("window.isMarked"), "true"); }

class WebTest : public LocalTest {
 protected:
  [[nodiscard]] bool has_browser() { return Browser::is_here(cluster()); }
};
class WebClusterTest : public RabbitTest {};

#define NEEDS_BROWSER() \
  if (!Browser::is_here(cluster())) GTEST_SKIP() << "no chromium here: nothing has looked at it"

/// From the first page, through a run that goes on, to its end.
void watch_a_run(Browser& browser, Cluster& cluster, const Project& project, const Web& web,
                 const std::vector<string>& arguments) {
  browser.go(web.url);
  EXPECT_EQ(browser.value("location.href"), web.at("/")) << "the token has left the URL";
  EXPECT_EQ(browser.value("document.cookie"), "") << "no script sees it";
  browser.wait_for(shows("no run is recorded here yet"));
  mark(browser);
  Program& run = cluster.start_run(project, arguments);
  browser.wait_for("document.querySelectorAll('.job').length === 1 && " +
                   shows("1 of 4 files done"));
  browser.wait_for("document.querySelectorAll('.slot.is-busy .slot-case').length === 3");
  browser.wait_for("document.querySelector('.job a')?.getAttribute('href') === '/runs/1'");
  expect_marked(browser);

  browser.go(web.at("/runs/1"));
  mark(browser);
  browser.wait_for(shows("1 failure so far: 1 of 4 files done, 1 case"));
  browser.wait_for("document.querySelectorAll('.running li').length === 3");
  EXPECT_EQ(browser.value(shows("no <b>stock</b>")), "true");
  (void)browser.value("document.querySelector('.failure-item').open = false");
  open_gate(project, "a");
  browser.wait_for(shows("2 of 4 files done, 2 cases"));
  browser.wait_for("document.querySelectorAll('.vbody .vrow').length === 2");
  EXPECT_EQ(browser.value("document.querySelector('.failure-item').open"), "false")
      << "what a reader has closed stays closed";
  open_gate(project, "b");
  open_gate(project, "c");
  const FinishedRun finished = cluster.finish(run);
  EXPECT_EQ(finished.exit_code, 1);
  browser.wait_for("document.title.startsWith('Failed: 1 failure in 1 of 4 files, 4 cases')");
  expect_totals(browser, finished);
  EXPECT_EQ(browser.value("document.querySelectorAll('.running li').length"), "0");
  expect_marked(browser);
  EXPECT_EQ(browser.errors(), "");
}

TEST_F(WebTest, ALocalRunIsShownAsItGoesOn) {
  NEEDS_BROWSER();
  const Project project = add_waiting_project(cluster());
  const Web web = start_web(cluster(), project);
  Browser browser(cluster());
  watch_a_run(browser, cluster(), project, web, {"-j", "4"});
  browser.go(web.at("/"));
  browser.wait_for("document.querySelectorAll('[data-run]').length === 1 && " +
                   shows("Nothing runs"));
  // Until machines have been asked, the record alone knows that a run has begun, or is over.
  const auto headline = [&](const string& jobs, const string& state) {
    return browser.value("nowHeadline({project: 'shop', status: {jobs: [" + jobs +
                         "], machines: [{}], brokers: []}, record: {runs: [{job: 'x', state: '" +
                         state + "'}]}})");
  };
  EXPECT_EQ(headline("", "running"), "1 job on 1 machine");
  EXPECT_EQ(headline("{job: 'x'}", "running"), "1 job on 1 machine");
  EXPECT_EQ(headline("{job: 'x'}", "over"), "1 machine, nothing runs");
}

TEST_F(WebClusterTest, ARunOnTwoMachinesIsShownAsItGoesOn) {
  NEEDS_BROWSER();
  const Project project = add_waiting_project(cluster());
  cluster().configure(project);
  const Web web = start_web(cluster(), project);
  Browser browser(cluster());
  browser.go(web.url);
  browser.wait_for(shows("No listener has answered"));
  cluster().start_two_listeners();
  browser.wait_for(shows("2 machines, nothing runs") + " && " + shows("0 of 4 slots busy"));
  watch_a_run(browser, cluster(), project, web, {});
  browser.go(web.at("/"));
  browser.wait_for(shows("2 machines, nothing runs") + " && " + shows("0 of 4 slots busy"));
  mark(browser);

  cluster().listeners().front().kill();
  cluster().listeners().front().may_be_gone = true;
  browser.wait_for("document.querySelector('.machine.is-silent')?.dataset.host === 'one'");
  cluster().rabbit().stop();
  browser.wait_for("document.getElementById('trouble-broker') !== null");
  const auto restarted = cluster().rabbit().restart();
  ASSERT_TRUE(restarted) << restarted.error().message;
  browser.wait_for("document.getElementById('trouble-broker') === null && " +
                   shows("1 machine, nothing runs"));
  expect_marked(browser);
  EXPECT_EQ(browser.errors(), "");
}

TEST_F(WebClusterTest, WhatIsSaidFirstIsNotFromBeforeSomebodyLookedOn) {
  const Project project = add_waiting_project(cluster());
  cluster().configure(project);
  const Web web = start_web(cluster(), project);
  const string headers = host_of(web) + web.cookie();
  cluster().start_two_listeners();
  Program& run = cluster().start_run(project);
  {
    RawClient watcher(web.port);
    watcher.send("GET /events HTTP/1.1\r\n" + headers + "\r\n");
    EXPECT_TRUE(says(watcher.read_until(R"("running":3)"), R"("running":3)"));
  }
  string page;
  EXPECT_TRUE(eventually(30s, [&] {
    page = ask(web, "GET /", headers);
    return says(page, R"("is_asked":true)");
  })) << page;
  EXPECT_FALSE(says(page, R"("running":3)")) << page;
  for (const char* gate : {"a", "b", "c"}) open_gate(project, gate);
  EXPECT_EQ(cluster().finish(run).exit_code, 1);
  RawClient later(web.port);
  later.send("GET /events HTTP/1.1\r\n" + headers + "\r\n");
  const string first = later.read_until("event: runs");
  EXPECT_TRUE(says(first, R"("is_asked":true)")) << first;
  EXPECT_TRUE(says(first, R"("jobs":[],"machines":[])")) << first;
  const string second = later.read_until(R"("is_asked":false)");
  EXPECT_TRUE(says(second, R"("host":"two")")) << second;
}

TEST_F(WebTest, SaysSoWhenTheRecordOrTheServerGoes) {
  NEEDS_BROWSER();
  const Project project = add_waiting_project(cluster());
  const Web web = start_web(cluster(), project);
  Browser browser(cluster());
  Program& run = cluster().start_run(project, {"-j", "4"});
  browser.go(web.url);
  browser.wait_for("document.querySelector('.job a')?.getAttribute('href') === '/runs/1'");
  browser.go(web.at("/runs/1"));
  browser.wait_for(shows("1 failure so far"));
  mark(browser);
  EXPECT_EQ(cluster().run(project, {"spec/fails_spec.rb"}).exit_code, 1);
  EXPECT_EQ(cluster().gorgon({"runs", "prune", "-n", "1"}, project.folder()).exit_code, 0);
  browser.wait_for(shows("the run is recorded no more") + " && " + shows("no <b>stock</b>"));
  expect_marked(browser);
  for (const char* gate : {"a", "b", "c"}) open_gate(project, gate);
  EXPECT_EQ(cluster().finish(run).exit_code, 1);

  browser.go(web.at("/runs/1"));
  browser.wait_for(shows("There is nothing here"));
  browser.go(web.at("/"));
  mark(browser);
  std::filesystem::remove_all(project.folder() / ".gorgon");
  browser.wait_for(shows("no run is recorded here yet"));
  const FinishedRun again = cluster().run(project, {"-j", "4"});
  EXPECT_EQ(again.exit_code, 1);
  browser.wait_for("document.querySelectorAll('[data-run]').length === 1 && " + shows("Failed"));
  web.program->signal(SIGINT);
  EXPECT_EQ(web.program->exit_code(30s), 0) << "an open stream does not keep it";
  browser.wait_for(shows("gorgon web does not answer"));
  expect_marked(browser);
}

TEST_F(WebTest, ARunWhoseGorgonDiesIsCutOffAndGoesOnWhenItIsTakenUp) {
  NEEDS_BROWSER();
  const Project project = add_waiting_project(cluster());
  const Web web = start_web(cluster(), project);
  Browser browser(cluster());
  Program& run = cluster().start_run(project, {"-j", "4"});
  browser.go(web.url);
  browser.wait_for("document.querySelector('.job a')?.getAttribute('href') === '/runs/1'");
  browser.go(web.at("/runs/1"));
  browser.wait_for(shows("1 failure so far"));
  mark(browser);
  run.signal(SIGKILL);
  browser.wait_for(shows("gorgon resume"));
  for (const char* gate : {"a", "b", "c"}) open_gate(project, gate);
  const FinishedRun resumed = cluster().gorgon({"resume"}, project.folder());
  EXPECT_EQ(resumed.exit_code, 1) << resumed.errors;
  browser.wait_for("document.title.startsWith('Failed: 1 failure in 1 of 4 files, 4 cases')");
  expect_marked(browser);
  EXPECT_EQ(browser.errors(), "");
}

TEST_F(WebTest, OnlyWhoKnowsTheTokenIsAnswered) {
  const Project project = add_waiting_project(cluster());
  const Web web = start_web(cluster(), project);
  const string host = host_of(web);
  const string entered = ask(web, "GET /?token=" + web.token(), host);
  EXPECT_EQ(status_of(entered), 303) << entered;
  EXPECT_TRUE(says(entered, "Location: /\r\n")) << entered;
  EXPECT_TRUE(says(entered, "HttpOnly; SameSite=Strict")) << entered;
  const string page = ask(web, "GET /", host + web.cookie());
  EXPECT_EQ(status_of(page), 200);
  EXPECT_TRUE(says(page, "Content-Security-Policy: default-src 'none'; style-src 'sha256-"));
  EXPECT_TRUE(says(page, "connect-src 'self'"));
  EXPECT_FALSE(says(page, web.token()));
  EXPECT_EQ(status_of(ask(web, "GET /", host)), 403);
  EXPECT_EQ(status_of(ask(web, "GET /?token=A" + web.token().substr(1), host)), 403);
  EXPECT_EQ(status_of(ask(web, "GET /events", host)), 403);
  EXPECT_EQ(status_of(ask(web, "GET /", "Host: evil.example\r\n" + web.cookie())), 403);
  EXPECT_EQ(status_of(ask(web, "POST /", host + web.cookie() + "Content-Length: 0\r\n")), 405);
  EXPECT_EQ(status_of(ask(web, "GET /", host + web.cookie() + "Content-Length: 5\r\n")), 400);
  EXPECT_EQ(status_of(ask(web, "GET /nothing", host + web.cookie())), 404);
  for (const char* run : {"1", "-1", "latest", "1'--", "99999999999999999999", ""})
    EXPECT_EQ(status_of(ask(web, "GET /runs/" + string(run), host + web.cookie())), 404) << run;
  EXPECT_EQ(status_of(ask(web, "GET /", host + "X: " + string(20'000, 'x') + "\r\n")), 431);
  EXPECT_EQ(status_of(ask(web, "nonsense", host)), 400);
}

TEST_F(WebTest, ASlowClientIsDroppedAndHoldsNobody) {
  const Project project = cluster().add_project("");
  // More than the sockets of both sides take by themselves.
  constexpr std::size_t kMegabytes = 24;
  for (std::size_t i = 0; i < kMegabytes; ++i) {
    project.write("spec/a" + std::to_string(i) + "_spec.rb",
                  "RSpec.describe('a') { 20.times { it { puts 'x' * 60_000; fail } } }\n");
  }
  EXPECT_EQ(cluster().run(project).exit_code, 1);
  const Web web = start_web(cluster(), project);
  const string headers = host_of(web) + web.cookie();
  const string page = ask(web, "GET /runs/1", headers);
  ASSERT_GT(page.size(), (kMegabytes - 4) * 1'000'000);

  RawClient silent(web.port);
  RawClient slow(web.port);
  slow.send("GET /runs/1 HTTP/1.1\r\n" + headers + "\r\n");
  RawClient half(web.port);
  half.send("GET / HTTP/1.1\r\nHost: ");
  EXPECT_EQ(status_of(ask(web, "GET /", headers)), 200) << "others are answered meanwhile";
  EXPECT_TRUE(eventually(60s, [&] { return !slow.is_held(web.port); }));
  EXPECT_LT(slow.read_all().size(), page.size());
  EXPECT_TRUE(
      eventually(60s, [&] { return !silent.is_held(web.port) && !half.is_held(web.port); }));
  EXPECT_EQ(status_of(ask(web, "GET /", headers)), 200);
}

TEST_F(WebTest, NoMoreConnectionsAreHeldThanItCanServe) {
  const Project project = add_waiting_project(cluster());
  const Web web = start_web(cluster(), project);
  constexpr std::size_t kMost = 64;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < kMost; ++i) {
    clients.push_back(std::make_unique<RawClient>(web.port));
    clients.back()->send("GET /events HTTP/1.1\r\n" + host_of(web) + web.cookie() + "\r\n");
  }
  string turned_away;
  EXPECT_TRUE(eventually(30s, [&] {
    turned_away = RawClient(web.port).read_all();
    return status_of(turned_away) == 503;
  })) << turned_away;
  clients.clear();
  EXPECT_TRUE(eventually(
      30s, [&] { return status_of(ask(web, "GET /", host_of(web) + web.cookie())) == 200; }));
  web.program->signal(SIGTERM);
  EXPECT_EQ(web.program->exit_code(30s), 0);
}

TEST_F(WebTest, APortThatIsTakenIsAnError) {
  const Project project = add_waiting_project(cluster());
  const Web web = start_web(cluster(), project);
  const FinishedRun second =
      cluster().gorgon({"web", "--port", std::to_string(web.port)}, project.folder());
  EXPECT_EQ(second.exit_code, 3);
  EXPECT_TRUE(says(second.errors, "cannot listen on 127.0.0.1:" + std::to_string(web.port)))
      << second.errors;
}

}  // namespace
}  // namespace gorgon::test
