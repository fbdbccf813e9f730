# frozen_string_literal: true

require_relative 'host_case'

# What a runner says of its threads when it is asked, in the middle of a case.
class StacksTest < HostCase
  # Starts a case with this body. Gives [runner, the answer to the signal].
  def stacks_of(body, signals: 1)
    runner = runner('a_spec.rb' => "RSpec.describe('x') do\n  it('hangs') do\n#{body}\n  end\nend\n")
    runner.start_unit('a_spec.rb')
    read_until_started(runner, 'x hangs')
    assert_equal "here\n", eventually { runner.output.empty? ? nil : runner.output }
    answers = Array.new(signals) do
      Process.kill(runner.messages.first['stacks_signal'], runner.pid)
      runner.read
    end
    answers.each { |answer| assert_equal 'stacks', answer['type'] }
    [runner, answers.last['threads']]
  end

  def main_lines(threads)
    assert threads.first['main']
    threads.first['backtrace'].grep(/a_spec\.rb/)
  end

  def test_a_case_that_sleeps
    _, threads = stacks_of("puts 'here'\nsleep")
    assert_equal 1, threads.size
    assert_match(/a_spec\.rb:4:in `sleep'/, main_lines(threads).first)
    assert_empty threads.first['backtrace'].grep(%r{/ruby/(stacks|runner)\.rb}), 'frames of Gorgon itself'
  end

  def test_a_case_that_loops
    _, threads = stacks_of("puts 'here'\nloop do\n1 + 1\nend")
    assert_match(/a_spec\.rb:[456]/, main_lines(threads).first)
  end

  def test_a_case_that_waits_for_itself_with_a_lock_held
    _, threads = stacks_of(<<~RUBY)
      lock = Mutex.new
      lock.lock
      other = Thread.new { Thread.current.name = 'other'; lock.synchronize { 1 } }
      puts 'here'
      sleep
    RUBY
    assert_match(/a_spec\.rb:7:in `sleep'/, main_lines(threads).first)
    other = threads.find { |thread| thread['name'] == 'other' }
    assert_match(/a_spec\.rb:5/, other['backtrace'].grep(/a_spec/).first)
    assert_equal 'sleep', other['status']
  end

  def test_a_case_that_waits_for_a_lock_or_a_child
    ["lock = Mutex.new; Thread.new { lock.lock; sleep }.then { |t| sleep 0.001 until t.stop? }\nputs 'here'; lock.lock",
     "\nputs 'here'; system('exec sleep 60')"].each do |body|
      _, threads = stacks_of(body)
      assert_match(/a_spec\.rb:4/, main_lines(threads).first)
    end
  end

  def test_the_case_goes_on_and_may_be_asked_again
    runner, threads = stacks_of("puts 'here'\nsleep 0.01 until File.exist?('go')", signals: 3)
    assert_match(/a_spec\.rb:4/, main_lines(threads).first)
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
    refute_empty main_lines(threads)
  end

  def test_many_threads_fit_into_one_message
    _, threads = stacks_of(<<~RUBY)
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
