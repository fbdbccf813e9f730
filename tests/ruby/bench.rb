# frozen_string_literal: true

# Prints what a host and its runners cost: ruby tests/ruby/bench.rb [FILES]
# The harness reads and parses every message in Ruby, in a process beside the runner, so its share is in the figures too.
require_relative 'harness'

module Bench
  EXAMPLES = 5

  module_function

  def run(count)
    files = Array.new(count) { |index| "spec/f#{index}_spec.rb" }
    project = Harness::Project.new(files.to_h { |file| [file, spec(file)] })
    host = nil
    report('host ready') { host = Harness::Host.new(project.directory).wait_ready }
    first = Array.new(20) { first_result(host, files.first) }.transpose
    puts "fork to ready        #{spread(first[0])}"
    puts "fork to first result #{spread(first[1])}"
    puts "fork to file done    #{spread(first[2])}"
    warm_files(host.fork, files)
    host.close
    project.remove
  end

  def spec(name)
    cases = Array.new(EXAMPLES) { |index| "  it('does #{index}') { expect(#{index}).to eq #{index} }\n" }.join
    "RSpec.describe '#{name}' do\n#{cases}end\n"
  end

  def first_result(host, file)
    started = now
    runner = host.fork
    ready = now - started
    runner.start_unit(file)
    runner.read until runner.messages.last['type'] == 'case'
    result = now - started
    runner.read until runner.messages.last['type'] == 'unit_finished'
    done = now - started
    runner.stop
    [ready, result, done]
  end

  def warm_files(runner, files)
    runner.run(files.first)
    before = runner.run(files.first).finished['rss_kb']
    outcomes = nil
    seconds = report("#{files.size} files") { outcomes = files.map { |file| runner.run(file) } }
    raise 'a case is missing' unless outcomes.all? { |outcome| outcome.cases.size == EXAMPLES }

    puts format('per file             %.2f ms', seconds * 1000 / files.size)
    puts "per file, in runner  #{spread(outcomes.map { |outcome| outcome.finished['seconds'] })}"
    puts format('growth per file      %.1f KiB', (outcomes.last.finished['rss_kb'] - before) / files.size.to_f)
  end

  def report(what)
    started = now
    yield
    (now - started).tap { |seconds| puts format('%-20s %.1f ms', what, seconds * 1000) }
  end

  def spread(values)
    sorted = values.sort
    format('%.2f ms (%.2f to %.2f)', *[sorted[sorted.size / 2], sorted.first, sorted.last].map { |one| one * 1000 })
  end

  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end

Bench.run(Integer(ARGV[0] || 200))
