# frozen_string_literal: true

require_relative 'host_case'

# What a runner says of its threads when it is asked, in the middle of a case.
class StacksTest < HostCase
  # Starts a case with this body, and asks until its main thread is at `place`: it says "here" a moment before it gets
  # there. Gives [runner, the last answer].
  def stacks_of(body, place: /a_spec/)
    runner = runner('a_spec.rb' => "RSpec.describe('x') do\n  it('hangs') do\n#{body}\n  end\nend\n")
    runner.start_unit('a_spec.rb')
    read_until_started(runner, 'x hangs')
    assert_equal "here\n", eventually { runner.output.empty? ? nil : runner.output }
    threads = nil
    arrived = eventually { (threads = ask(runner)).first['backtrace'].grep(/a_spec/).first&.match?(place) }
    assert arrived, "never at #{place.inspect}, last at #{threads.first['backtrace'].first(3)}"
    [runner, threads]
  end

  def ask(runner)
    Process.kill(runner.messages.first['stacks_signal'], runner.pid)
    answer = runner.read
    assert_equal 'stacks', answer['type']
    assert answer['threads'].first['main']
    answer['threads']
  end

  def test_a_case_that_sleeps
    _, threads = stacks_of("puts 'here'\nsleep", place: /a_spec\.rb:4:in `sleep'/)
    assert_equal 1, threads.size
    assert_empty threads.first['backtrace'].grep(%r{/ruby/(stacks|runner)\.rb}), 'frames of Gorgon itself'
  end

  def test_a_case_that_loops
    stacks_of("puts 'here'\nloop do\n1 + 1\nend", place: /a_spec\.rb:[456]/)
  end

  def test_a_case_that_waits_for_itself_with_a_lock_held
    _, threads = stacks_of(<<~RUBY, place: /a_spec\.rb:7:in `sleep'/)
      lock = Mutex.new
      lock.lock
      other = Thread.new { Thread.current.name = 'other'; lock.synchronize { 1 } }.tap { |it| sleep 0.001 until it.stop? }
      puts 'here'
      sleep
    RUBY
    other = threads.find { |thread| thread['name'] == 'other' }
    assert_match(/a_spec\.rb:5/, other['backtrace'].grep(/a_spec/).first)
    assert_equal 'sleep', other['status']
  end

  def test_a_case_that_waits_for_a_lock_or_a_child
    ["lock = Mutex.new; Thread.new { lock.lock; sleep }.then { |t| sleep 0.001 until t.stop? }\nputs 'here'; lock.lock",
     "\nputs 'here'; system('exec sleep 60')"].each { |body| stacks_of(body, place: /a_spec\.rb:4:in `(lock|system)'/) }
  end

  def test_the_case_goes_on_and_may_be_asked_again
    runner, = stacks_of("puts 'here'\nsleep 0.01 until File.exist?('go')", place: /a_spec\.rb:4/)
    3.times { ask(runner) }
    File.write(File.join(runner.directory, 'go'), '')
    assert_equal %w[case unit_finished], [runner.read, runner.read].map { |message| message['type'] }
    assert_equal 'passed', runner.messages.last['verdict']
  end

  def test_what_the_test_stubs_is_no_obstacle
    _, threads = stacks_of(<<~RUBY)
      Thread.define_singleton_method(:start) { |*| raise 'stubbed' }
      Thread.define_singleton_method(:list) { |*| [] }
      puts 'here'
      sleep
    RUBY
    assert_equal 1, threads.size
  end

  def test_many_threads_fit_into_one_message
    _, threads = stacks_of(<<~RUBY, place: /`sleep'/)
      dive = lambda { |n| n.zero? ? sleep : dive.call(n - 1) }
      others = Array.new(200) { Thread.new { dive.call(150) } }
      sleep 0.001 until others.all?(&:stop?)
      puts 'here'
      dive.call(400)
    RUBY
    assert_operator threads.sum { |thread| thread['backtrace'].sum(&:bytesize) }, :<, 128 * 1024
    assert_equal 201, threads.first['backtrace'].size
    assert_match(/\A\[cut: /, threads.first['backtrace'].last)
  end

  def test_a_child_of_a_test_does_not_speak
    runner, = stacks_of("pid = fork { puts 'here'; sleep }\nFile.write('child', pid)\nProcess.wait(pid)")
    child = Integer(File.read(File.join(runner.directory, 'child')))
    Process.kill(runner.messages.first['stacks_signal'], child)
    Process.kill('KILL', child)
    assert_equal 'case', runner.read['type']
  end

  # No thread waits for the question: Ruby still finds deadlocks, and tests that count threads are right.
  def test_nothing_changes_for_the_tests
    files = { 'a_spec.rb' => "RSpec.describe('x') do\n it('counts') { expect(Thread.list.size).to eq 1 }\n " \
                             "it('is stuck') { expect { Queue.new.pop }.to raise_error(/No live threads left/) }\nend\n" }
    assert_equal({ 'x counts' => 'passed', 'x is stuck' => 'passed' }, runner(files).run('a_spec.rb').statuses)
  end
end
