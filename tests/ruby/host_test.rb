# frozen_string_literal: true

require_relative 'host_case'

class HostTest < HostCase
  EMPTY = { 'README' => 'nothing here' }.freeze

  def callbacks(body)
    { 'callbacks.rb' => <<~RUBY }
      require 'gorgon'
      require 'gorgon/default_callbacks'
      class Hooks < Gorgon::DefaultCallbacks
        #{body}
      end
      Gorgon.callbacks = Hooks.new
    RUBY
  end

  def test_ready_tells_who_is_there
    host = host(EMPTY)
    assert_equal host.pid, host.ready['pid']
    assert_equal "ruby #{RUBY_VERSION}", host.ready['language']
    assert_equal 1, host.ready['threads']
    assert_kind_of Float, host.ready['seconds']
  end

  def test_preload_takes_files_and_libraries
    host = host({ 'lib/app.rb' => 'puts "app loaded"; Thread.new { sleep }' }, preload: ['lib/app', 'English'])
    assert_equal "app loaded\n", host.log
    assert_equal 2, host.ready['threads']
  end

  def test_preload_that_fails_ends_the_host
    host = start_host({ 'app.rb' => 'raise "no database"' }, preload: ['app.rb'])
    message = host.read
    assert_equal %w[failed preload], message.values_at('type', 'stage')
    assert_equal 'no database', message['error']['message']
    assert_match(/app\.rb:1/, message['error']['backtrace'].first)
    assert_equal 1, host.ended.exitstatus
  end

  def test_an_error_larger_than_a_datagram_still_arrives
    body = 'def dive(n); n.zero? ? raise("\\u0001" * 60_000) : dive(n - 1); end; dive(300)'
    host = start_host({ "#{'long' * 50}.rb" => body }, preload: ['long' * 50])
    error = host.read['error']
    assert_match(/\A\u0001{8192}\n\[cut: 60000 bytes/, error['message'])
    assert_equal 20, error['backtrace'].size
    assert_equal 1, host.ended.exitstatus
  end

  def test_a_unit_outside_of_the_workspace_does_not_run
    outside = project('evil_test.rb' => 'File.write("ran", "")')
    runner = runner('a_test.rb' => 'require "minitest/autorun"; class A < Minitest::Test; def test_a; end; end')
    ["#{outside.directory}/evil_test.rb", "../#{File.basename(outside.directory)}/evil_test.rb", '',
     "a_test.rb\0"].each do |file|
      outcome = runner.run(file).messages.last
      assert_equal 'failed', outcome['verdict'], file
      assert_equal "#{file.inspect} is not a path within the workspace", outcome['errors'].first['message']
    end
    refute File.exist?("#{outside.directory}/ran")
    assert_equal 'passed', runner.run('a_test.rb').messages.last['verdict']
  end

  def test_preload_that_exits_is_a_failure
    host = start_host({ 'app.rb' => 'exit 0' }, preload: ['app.rb'])
    assert_equal %w[failed preload], host.read.values_at('type', 'stage')
    assert_equal 1, host.ended.exitstatus
  end

  def test_missing_callbacks_file
    host = start_host(EMPTY, callbacks_class_file: 'callbacks.rb')
    message = host.read
    assert_equal %w[failed callbacks_class_file], message.values_at('type', 'stage')
    assert_equal 'callbacks file callbacks.rb does not exist', message['error']['message']
    assert_equal 1, host.ended.exitstatus
  end

  def test_callbacks_file_that_sets_nothing
    host = start_host({ 'callbacks.rb' => 'class Hooks; end' }, callbacks_class_file: 'callbacks.rb')
    assert_match(/does not set Gorgon.callbacks/, host.read['error']['message'])
  end

  def test_host_callbacks_run_around_the_workers
    host = host(callbacks(<<~RUBY), callbacks_class_file: 'callbacks.rb')
      def before_creating_workers; puts "before in \#{Process.pid}"; end
      def after_creating_workers; puts "after in \#{Process.pid}"; end
    RUBY
    pid = host.pid
    runner = host.fork
    assert_equal({ 'exit' => 0 }, runner.stop.last)
    host.send(type: 'finish')
    assert_equal({ 'type' => 'finished' }, host.read)
    assert_equal 0, host.ended.exitstatus
    assert_equal "before in #{pid}\nafter in #{pid}\n", host.log
  end

  def test_before_creating_workers_that_fails
    host = start_host(callbacks('def before_creating_workers; raise "nope"; end'),
                      callbacks_class_file: 'callbacks.rb')
    message = host.read
    assert_equal %w[failed before_creating_workers nope], [message['type'], message['stage'], message['error']['message']]
    assert_equal 1, host.ended.exitstatus
  end

  def test_after_creating_workers_that_fails
    host = host(callbacks('def after_creating_workers; raise "nope"; end'), callbacks_class_file: 'callbacks.rb')
    host.send(type: 'finish')
    message = host.read
    assert_equal %w[failed after_creating_workers nope], [message['type'], message['stage'], message['error']['message']]
    assert_equal 1, host.ended.exitstatus
  end

  def test_runner_callbacks
    host = host(callbacks(<<~'RUBY'), callbacks_class_file: 'callbacks.rb')
      def before_start; puts "start #{ENV['GORGON_WORKER_ID']} #{ENV['TEST_ENV_NUMBER'].inspect}"; end
      def after_complete; puts 'complete'; raise 'late'; end
    RUBY
    first = host.fork(worker: 1)
    second = host.fork(worker: 2)
    assert_equal "start 1 \"\"\n", first.output
    assert_equal "start 2 \"2\"\n", second.output
    stopped, ending = second.stop
    assert_equal %w[after_complete late], stopped['errors'].first.values_at('stage', 'message')
    assert_equal({ 'exit' => 0 }, ending)
    assert_match(/complete\n\z/, second.output)
  end

  def test_before_start_that_fails
    host = host(callbacks('def before_start; exit 7; end'), callbacks_class_file: 'callbacks.rb')
    runner = host.fork(ready: false)
    message = runner.read
    assert_equal %w[failed before_start SystemExit],
                 [message['type'], message['stage'], message['error']['class']]
    assert_equal({ 'exit' => 1 }, runner.ending)
    assert_nil runner.read
  end

  def test_environment_of_a_runner
    files = { 'print_test.rb' => 'puts ENV.slice("GORGON_JOB_ID", "GORGON_HOST", "GORGON_WORKSPACE", "GORGON_ATTEMPT",
      "TEST_ENV_NUMBER", "GIVEN", "TAKEN", "GORGON_HOST_FD").inspect; require "minitest/autorun"' }
    host = host(files, env: { 'TAKEN' => 'here' })
    runner = host.fork(worker: 3, env: { 'GIVEN' => 'yes', 'TAKEN' => nil, 'TEST_ENV_NUMBER' => '33' })
    runner.run('print_test.rb', attempt: 2)
    assert_equal({ 'GORGON_JOB_ID' => 'job-1', 'GORGON_HOST' => 'here', 'GORGON_WORKSPACE' => host.directory,
                   'GORGON_ATTEMPT' => '2', 'TEST_ENV_NUMBER' => '33', 'GIVEN' => 'yes' }.inspect,
                 runner.output.chomp)
  end

  def test_place_of_a_runner_among_processes
    directory = Dir.mktmpdir
    File.write("#{directory}/cgroup.procs", '')
    runner = host(EMPTY).fork(cgroup: directory)
    assert_equal '0', File.read("#{directory}/cgroup.procs")
    assert_equal runner.pid, Process.getsid(runner.pid)
    assert_equal '/dev/null', File.readlink("/proc/#{runner.pid}/fd/0")
    assert_equal runner.output_path, File.readlink("/proc/#{runner.pid}/fd/1")
    assert_equal runner.output_path, File.readlink("/proc/#{runner.pid}/fd/2")
  ensure
    FileUtils.rm_rf(directory)
  end

  def test_cgroup_that_cannot_be_joined_is_no_obstacle
    host = host(EMPTY)
    host.fork(cgroup: '/dev/null/group')
    assert_match(%r{cannot join /dev/null/group}, host.log)
  end

  def test_runners_share_no_descriptors
    host = host(EMPTY)
    first = host.fork
    second = host.fork
    count = ->(pid) { Dir.children("/proc/#{pid}/fd").map { |fd| File.readlink("/proc/#{pid}/fd/#{fd}") }.grep(/socket/).size }
    assert_equal 1, count[second.pid], 'the conversation only'
    Process.kill('KILL', first.pid)
    assert_equal({ 'signal' => 9 }, first.ending)
    assert_nil first.ending, 'the host closes the status pipe'
    assert alive?(second.pid)
  end

  def test_forks_that_come_early_wait
    host = start_host({ 'app.rb' => 'STDOUT.sync = true; puts "loading"; sleep 0.2' }, preload: ['app.rb'])
    forked = host.fork_only
    host.wait_ready
    runner = Harness::Runner.new(*forked)
    assert_equal 'ready', runner.read['type']
  end

  def test_fork_without_descriptors_and_unknown_types_are_survived
    host = host(EMPTY)
    host.send(type: 'fork', id: 'x', worker: 1, env: {}, cgroup: nil)
    host.send(type: 'from the future')
    host.fork
    assert_match(/came with 0 descriptors/, host.log)
  end

  def test_end_of_file_ends_host_and_runners
    host = host({ 'hang_test.rb' => 'begin; sleep; rescue Exception; retry; end' })
    runner = host.fork
    runner.start_unit('hang_test.rb')
    host.hang_up
    assert host.ended
    assert(eventually { !alive?(runner.pid) })
  end

  def test_term_ends_host_and_runners
    host = host(EMPTY)
    runner = host.fork
    Process.kill('TERM', host.pid)
    assert_equal 15, host.ended.termsig
    assert(eventually { !alive?(runner.pid) })
  end

  def test_runner_dies_with_its_host
    host = host({ 'hang_test.rb' => 'begin; puts "in"; sleep; rescue Exception; retry; end' })
    runner = host.fork
    runner.start_unit('hang_test.rb')
    assert(eventually { runner.output == "in\n" })
    Process.kill('KILL', host.pid)
    assert(eventually { !alive?(runner.pid) })
    assert_nil runner.ending
  end

  def test_runner_ends_when_its_worker_is_gone
    runner = host(EMPTY).fork
    runner.close
    assert_equal({ 'exit' => 1 }, runner.ending)
  end

  def test_orphans_are_reaped_when_the_host_inherits_them
    # prctl(PR_SET_CHILD_SUBREAPER = 36) survives exec, so that the host becomes what the listener would make of it.
    number = { 'x86_64' => 157, 'aarch64' => 167 }[RUBY_PLATFORM[/\A[^-]+/]]
    files = {
      'reap.rb' => "$VERBOSE = nil; syscall(#{number}, 36, 1, 0, 0, 0)",
      'orphan_test.rb' => 'fork { fork { Process.setsid; sleep 0.005 until File.exist?("go") } }; Process.wait'
    }
    host = host(files, preload: ['reap.rb'])
    runner = host.fork
    runner.run('orphan_test.rb', framework: 'minitest')
    children = -> { File.read("/proc/#{host.pid}/task/#{host.pid}/children").split.map(&:to_i) }
    assert(eventually { (children.call - [runner.pid]).any? }, 'the orphan arrives')
    File.write(File.join(host.directory, 'go'), '')
    assert(eventually { (children.call - [runner.pid]).empty? }, 'and is reaped')
    assert_equal({ 'exit' => 0 }, runner.stop.last)
  end
end
