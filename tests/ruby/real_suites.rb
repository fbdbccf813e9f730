# frozen_string_literal: true

# Suites that nobody wrote for us, from Debian packages: alone under their own framework, then file by file on runners of
# one host. Every case must come out the same. Takes minutes, so it is no part of all.rb.
#
#   ruby tests/ruby/real_suites.rb [haproxy] [minitest] [rss]
#
# haproxy   RSpec      puppet-module-puppetlabs-haproxy, ruby-rspec-puppet-facts, ruby-puppetlabs-spec-helper
# minitest  Minitest   libruby3.1 (the tests of minitest 5.15)
# rss       test-unit  libruby3.1 (the tests of the rss gem)
require 'open3'
require_relative 'harness'

module RealSuites
  GEMS = '/usr/lib/ruby/gems/3.1.0/gems'
  RUNNERS = 2
  LIMIT = 300 # seconds, for one command
  CLEAN = { 'RUBYOPT' => nil, 'SPEC_OPTS' => nil, 'TESTOPTS' => nil, 'SEED' => '7' }.freeze

  module_function

  def haproxy(directory)
    copy('/usr/share/puppet/modules/haproxy', directory)
    modules = File.join(directory, 'spec/fixtures/modules')
    FileUtils.mkdir_p(modules)
    %w[stdlib concat].each { |name| File.symlink("/usr/share/puppet/modules/#{name}", File.join(modules, name)) }
    File.symlink(directory, File.join(modules, 'haproxy'))
    files = files(directory, 'spec/{classes,defines,unit}/**/*_spec.rb')
    alone = seconds('alone') { run_alone(directory, 'rspec', '--format', 'json', '--out', 'alone.json', *files) }
    examples = JSON.parse(File.read(File.join(directory, 'alone.json')))['examples']
    outcomes = seconds("#{RUNNERS} runners") { run_here(directory, files) }
    expected = examples.map do |example|
      [example['id'], example['full_description'], example['status'], example.dig('exception', 'message')]
    end
    compare(expected, outcomes.flat_map(&:cases).map { |item| rspec_case(item) }) || warn(alone)
  end

  def rspec_case(item)
    [item['id'], item['name'], item['status'], item.dig('failure', 'message')]
  end

  def minitest(directory)
    copy("#{GEMS}/minitest-5.15.0", directory)
    xunit(directory, 'test/minitest/test_*.rb', '--verbose') do |output|
      letters = { '.' => 'passed', 'F' => 'failed', 'E' => 'error', 'S' => 'skipped' }
      # Names and results of tests in threads run into each other; in order they still belong together.
      names = output.scan(/(\w[\w:]*#test_[^\n=]+) = /).flatten
      names.zip(output.scan(/[\d.]+ s = ([.FES])$/).flatten.map { |letter| letters.fetch(letter) })
    end
  end

  def rss(directory)
    copy("#{GEMS}/rss-0.2.9", directory)
    xunit(directory, 'test/test_*.rb', '--verbose=verbose', '--no-use-color') do |output|
      cases = output.scan(/^ +(\w[^\n]*?):\t+([.FEPON]): \([\d.]+\)$/)
      cases.map { |name, letter| [name, letter == '.' ? 'passed' : letter] }.reject { |name, _| HELPERS.include?(name) }
    end
  end

  # The base class of rss's helper has a test of its own. It runs with every file that is alone, but once per runner.
  HELPERS = ['default_test'].freeze

  def xunit(directory, pattern, *options)
    files = files(directory, pattern)
    expected = seconds('alone') do
      files.to_h { |file| [file, yield(run_alone(directory, 'ruby', '-Ilib', '-Itest', file, *options))] }
    end
    outcomes = seconds("#{RUNNERS} runners") { run_here(directory, files) }
    here = outcomes.flat_map do |outcome|
      outcome.cases.map { |item| [outcome.finished['unit'], item['name'], item['status']] }
    end
    here = here.reject { |_, name, _| HELPERS.include?(name[/#(.*)/m, 1]) }
    full_names = expected.values.flatten(1).any? { |name, _| name.include?('#') }
    here = here.map { |file, name, status| [file, full_names ? name : name[/#(.*)/m, 1], status] }
    compare(expected.flat_map { |file, cases| cases.map { |item| [file, *item] } }, here)
  end

  def run_here(directory, files)
    host = Harness::Host.new(directory, env: CLEAN).wait_ready
    waiting = Queue.new
    files.each { |file| waiting << file }
    waiting.close
    outcomes = Array.new(RUNNERS) do
      runner = host.fork
      Thread.new do
        found = []
        while (file = waiting.pop)
          outcome = runner.run(file)
          raise "#{file} killed its runner: #{runner.ending}\n#{runner.output}" unless outcome.finished

          warn "#{file}: #{outcome.errors}" unless outcome.errors.empty?
          found << outcome
        end
        runner.stop
        found
      end
    end
    outcomes.flat_map(&:value)
  ensure
    host&.close
  end

  def compare(expected, actual)
    missing = expected - actual
    extra = actual - expected
    puts "#{expected.size} cases alone, #{actual.size} here, #{missing.size} missing or different, #{extra.size} extra"
    (missing.first(5) + extra.first(5)).each { |item| p item }
    missing.empty? && extra.empty? && expected.size == actual.size && expected.any?
  end

  def copy(from, to)
    abort "#{from} is not installed" unless File.directory?(from)
    FileUtils.cp_r("#{File.realpath(from)}/.", to)
  end

  def files(directory, pattern)
    Dir.glob(pattern, base: directory).sort
  end

  def run_alone(directory, *command)
    Open3.capture3(CLEAN, 'timeout', LIMIT.to_s, *command, chdir: directory).first.force_encoding('UTF-8').scrub('?')
  end

  def seconds(what)
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    yield.tap { puts format('%-10s %.1f s', what, Process.clock_gettime(Process::CLOCK_MONOTONIC) - started) }
  end

  def run(names)
    good = names.map do |name|
      puts "== #{name}"
      Dir.mktmpdir { |directory| public_send(name, File.realpath(directory)) }
    end
    exit(good.all?)
  end
end

RealSuites.run(ARGV.empty? ? %w[haproxy minitest rss] : ARGV)
