# frozen_string_literal: true

require_relative 'host_case'
require 'open3'

# Each file of suites/ alone under its own framework, and all of them on one runner: the same cases, statuses, messages.
class FidelityTest < HostCase
  SUITES = File.join(__dir__, 'suites')
  SEED = '4242'

  # A copy, for the framework alone and for the host.
  def suite(name)
    project = project({})
    FileUtils.cp_r("#{SUITES}/#{name}/.", project.directory)
    project
  end

  def alone(project, *command)
    # One thread: what parallel cases of Minitest print would mix in one line, and could not be read.
    environment = { 'RUBYOPT' => nil, 'SPEC_OPTS' => nil, 'TESTOPTS' => nil, 'SEED' => nil, 'MT_CPU' => '1', 'N' => '1' }
    Open3.capture3(environment, *command, chdir: project.directory).first.force_encoding('UTF-8')
  end

  def files(project, pattern)
    Dir.glob(pattern, base: project.directory).sort.tap { |files| refute_empty files }
  end

  def test_rspec
    project = suite('rspec')
    runner = runner(project, seed: SEED.to_i)
    files(project, 'spec/*_spec.rb').each do |file|
      expected = JSON.parse(alone(project, 'rspec', '--seed', SEED, '--format', 'json', file)[/^\{.*\}$/])
      outcome = runner.run(file)
      actual = outcome.cases.map { |item| rspec_case(item) }
      assert_equal(expected['examples'].map { |example| rspec_example(example) }, actual, file)
      outside = expected['summary']['errors_outside_of_examples_count']
      assert_equal outside, outcome.errors.size, file
      good = outside.zero? && expected['summary']['failure_count'].zero?
      assert_equal good ? 'passed' : 'failed', outcome.verdict, file
    end
  end

  def rspec_example(example)
    exception = example['exception'] || {}
    [example['id'], example['full_description'], example['status'], example['pending_message'],
     "#{example['file_path'].delete_prefix('./')}:#{example['line_number']}", exception['class'],
     without_addresses(exception['message'])]
  end

  def rspec_case(item)
    failure = item['failure'] || {}
    [item['id'], item['name'], item['status'], item['pending'], item['location'], failure['class'],
     without_addresses(failure['message'])]
  end

  def without_addresses(text)
    text&.gsub(/0x\h+/, '0x')
  end

  def test_minitest
    project = suite('minitest')
    runner = runner(project, seed: SEED.to_i)
    letters = { '.' => 'passed', 'F' => 'failed', 'E' => 'error', 'S' => 'skipped' }
    files(project, 'test/*_test.rb').each do |file|
      output = alone(project, 'ruby', '-Itest', file, '--verbose', '--seed', SEED)
      expected = output.scan(/^(\S.*) = [\d.]+ s = (.)$/).map { |name, letter| [name, letters.fetch(letter)] }
      outcome = runner.run(file)
      assert_equal expected.sort, outcome.cases.map { |item| item.values_at('name', 'status') }.sort, file
      assert_messages_in(output, outcome)
    end
  end

  def test_test_unit
    project = suite('test_unit')
    runner = runner(project, seed: SEED.to_i)
    files(project, 'test/*_test.rb').each do |file|
      output = alone(project, 'ruby', '-Itest', file, '--verbose=verbose', '--no-use-color')
      outcome = runner.run(file)
      actual = outcome.cases.map { |item| [item['name'][/#(.*)/m, 1], item['status']] }
      assert_equal cases_of_test_unit(output).sort, actual.sort, file
      assert_messages_in(output, outcome, 1)
      outcome.errors.each { |error| assert_includes output, error['message'] }
    end
  end

  # A case without a letter passed, in a class whose startup failed. A case is one line, or its faults are told between its name and its time; several faults mean several letters.
  # Classes are left out: the method names of the suite are unique.
  def cases_of_test_unit(output)
    letters = { 'E' => 'error', 'F' => 'failed', 'P' => 'pending', 'O' => 'skipped', 'N' => 'passed', '.' => 'passed' }
    output.scan(/^ *(test[^\n]*?):\t+(.*?): \([\d.]+\)$/m).map do |name, body|
      found = body.scan(/^[.FEPON]$/)
      [name, letters.fetch(letters.keys.find { |letter| found.include?(letter) } || '.')]
    end
  end

  # `lines` first lines of every message. test-unit keeps a message but prints expected and actual in words of its own, so
  # that only the first line is comparable, without "exception" and the full stop.
  def assert_messages_in(output, outcome, lines = nil)
    outcome.cases.each do |item|
      next unless item['failure']

      item['failure']['message'].lines.first(lines || 1000).each do |line|
        line = line.strip.delete_prefix("#{outcome.runner.directory}/").chomp('.')
        assert_includes output, (lines ? line.sub(' exception expected', ' expected') : line), item['name']
      end
    end
  end
end
