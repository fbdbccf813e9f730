# frozen_string_literal: true

require 'minitest/autorun'
require_relative 'harness'

# A test with projects, hosts and runners that are gone after it.
class HostCase < Minitest::Test
  def teardown
    @hosts&.each do |host|
      puts "host log of #{name}:\n#{host.log}" unless passed? || host.log.empty?
      host.close
    end
    @projects&.each(&:remove)
  end

  def project(files)
    project = Harness::Project.new(files)
    (@projects ||= []) << project
    project
  end

  # A host that was told everything, ready or not.
  def start_host(files, **options)
    host = Harness::Host.new((files.is_a?(Hash) ? project(files) : files).directory, **options)
    (@hosts ||= []) << host
    host
  end

  def host(files, **options)
    start_host(files, **options).wait_ready
  end

  # Files may also come as keywords: runner('a_spec.rb' => '…', seed: 1).
  def runner(files = {}, **rest)
    more, options = rest.partition { |key, _| key.is_a?(String) }.map(&:to_h)
    host(files.is_a?(Hash) ? files.merge(more) : files, **options).fork
  end

  def alive?(pid)
    state = File.read("/proc/#{pid}/stat")[/\) (\w)/, 1]
    state != 'Z' # whoever should reap it may take its time
  rescue Errno::ENOENT, Errno::ESRCH
    false
  end

  def eventually(limit = 10)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
    until (result = yield)
      return false if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

      sleep 0.005
    end
    result
  end

  # Reads until the case is running. Gives what came before.
  def read_until_started(runner, case_name)
    messages = []
    loop do
      message = runner.read or raise "the runner ended: #{runner.output}"
      messages << message
      return messages if message['type'] == 'case_started' && message['name'] == case_name
    end
  end
end
