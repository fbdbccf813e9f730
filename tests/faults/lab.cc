#include "lab.h"

#include <fmt/format.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "harness.h"
#include "net.h"
#include "run_report.h"
#include "support/rabbitmq.h"
#include "support/tree.h"

namespace gorgon::test {

Result<std::unique_ptr<Lab>> Lab::make() {
  std::vector<std::string> hosts = {kBrokerHost, kOriginatorHost};
  hosts.insert(hosts.end(), kListenerHosts.begin(), kListenerHosts.end());
  GORGON_TRY_ASSIGN(auto net, Net::make(hosts));
  std::unique_ptr<Lab> lab(new Lab(std::move(net)));
  auto rabbit = PrivateRabbit::start(
      {.network = &lab->net_->host(kBrokerHost), .address = lab->net_->address(kBrokerHost)});
  if (!rabbit) return fail(ErrorKind::kUnavailable, rabbit.error().message);
  lab->rabbit_ = std::move(*rabbit);
  return lab;
}

Site Lab::site() {
  return {.rabbit = rabbit_.get(),
          .broker_address = net_->address(kBrokerHost),
          .heartbeat = kHeartbeat,
          .place = [this](const std::string& host, std::vector<std::string> argv) {
            return net_->host(host).command(std::move(argv));
          }};
}

void Lab::heal() {
  net_->heal(kBrokerHost);
  net_->heal(kOriginatorHost);
  for (const char* host : kListenerHosts) net_->heal(host);
}

namespace {

ExpectedUnit passing(const std::string& name, const std::string& status = "passed") {
  ExpectedUnit unit;
  unit.verdict = "passed";
  unit.cases[name] = status;
  return unit;
}

void add_passing_files(Sample& sample, const SampleSize& size) {
  for (std::size_t i = 1; i <= size.quick; ++i) {
    const std::string file = fmt::format("spec/quick_{:02}_spec.rb", i);
    sample.project.write(
        file,
        fmt::format("RSpec.describe('quick {}') {{ it('adds') {{ expect(1 + 1).to eq 2 }} }}", i));
    sample.expected[file] = passing(fmt::format("quick {} adds", i));
  }
  for (std::size_t i = 1; i <= size.slow; ++i) {
    const std::string file = fmt::format("spec/slow_{:02}_spec.rb", i);
    sample.project.write(file, fmt::format("RSpec.describe('slow {}') {{ it('waits') {{\n"
                                           "  sleep 0.02 until File.exist?('{}')\n"
                                           "  sleep 0.8\n}} }}",
                                           i, sample.gate.string()));
    sample.expected[file] = passing(fmt::format("slow {} waits", i));
  }
}

void add_other_files(Sample& sample) {
  sample.project.write("spec/failing_spec.rb",
                       "RSpec.describe('failing') do\n"
                       "  it('is right') { expect(1).to eq 1 }\n"
                       "  it('is wrong') { sleep 0.3; expect(1).to eq 2 }\n"
                       "end\n");
  ExpectedUnit& failing = sample.expected["spec/failing_spec.rb"];
  failing.verdict = "failed";
  failing.cases = {{"failing is right", "passed"}, {"failing is wrong", "failed"}};
  failing.case_message = "expected: 2";
  sample.project.write("spec/broken_spec.rb", "raise 'broken on purpose'\n");
  ExpectedUnit& broken = sample.expected["spec/broken_spec.rb"];
  broken.verdict = "failed";
  broken.error = "broken on purpose";
  sample.project.write("spec/pending_spec.rb", "RSpec.describe('pending') { it('comes later') }\n");
  sample.expected["spec/pending_spec.rb"] = passing("pending comes later", "pending");
}

/// As if all had run before: the quick ones, and some that are slow now, share messages.
void add_recorded_times(const Sample& sample, const SampleSize& size) {
  std::string times;
  const auto add = [&](const std::string& file, double seconds) {
    times += fmt::format("{}\"{}\": {}", times.empty() ? "" : ", ", file, seconds);
  };
  for (std::size_t i = 1; i <= size.quick; ++i)
    add(fmt::format("spec/quick_{:02}_spec.rb", i), 0.005);
  for (std::size_t i = 1; i <= size.slow; ++i)
    add(fmt::format("spec/slow_{:02}_spec.rb", i), i % 3 == 0 ? 0.01 : 0.8);
  for (const char* name : {"failing", "broken", "pending"})
    add(fmt::format("spec/{}_spec.rb", name), 0.005);
  sample.project.write(".gorgon/runtimes.json", "{" + times + "}");
}

}  // namespace

void Sample::open_gate() const { write(gate); }
void Sample::close_gate() const { std::filesystem::remove(gate); }

Sample add_sample(Cluster& cluster, const SampleSize& size, const std::string& keys) {
  Sample sample{.project = cluster.add_project("", "sample"),
                .expected = {},
                .gate = cluster.folder() / "gate"};
  add_passing_files(sample, size);
  add_other_files(sample);
  add_recorded_times(sample, size);
  if (size.ballast_bytes > 0) sample.project.write("ballast", random_id(size.ballast_bytes));
  std::string all = R"("failed_files": "failed.json", "originator_log_file": "originator.log")";
  if (!keys.empty()) all += ", " + keys;
  cluster.configure(sample.project, all);
  return sample;
}

}  // namespace gorgon::test
