# frozen_string_literal: true

require_relative 'host_case'
require 'open3'

class CallbackMainTest < HostCase
  SCRIPT = File.join(Harness::RUBY_DIR, 'callback_main.rb')

  # Gives [answer or nil, exit status, output].
  def call(name, body)
    directory = project('hooks.rb' => body).directory
    read, write = IO.pipe
    output, status = Open3.capture2e({ 'GORGON_CALLBACK_FD' => '7' }, 'ruby', SCRIPT, name, 'hooks.rb',
                                     7 => write, chdir: directory)
    write.close
    line = read.read
    [line.empty? ? nil : JSON.parse(line), status.exitstatus, output]
  ensure
    read.close
  end

  def hooks(body)
    "class Hooks < Gorgon::DefaultCallbacks\n#{body}\nend\nGorgon.callbacks = Hooks.new\n"
  end

  def test_string_result
    answer, status, output = call('before_originate', hooks('def before_originate; puts "hi"; "blue"; end'))
    assert_equal [{ 'result' => 'blue' }, 0, "hi\n"], [answer, status, output]
  end

  def test_other_results_and_missing_hooks_are_null
    assert_equal [{ 'result' => nil }, 0, ''], call('after_sync', hooks('def after_sync; 42; end'))
    assert_equal [{ 'result' => nil }, 0, ''], call('after_sync', hooks(''))
    assert_equal [{ 'result' => nil }, 0, ''], call('after_sync', "Gorgon.callbacks = Object.new\n")
  end

  def test_failures
    answer, status, = call('after_sync', hooks('def after_sync; raise ArgumentError, "no bundle"; end'))
    assert_equal 1, status
    assert_equal %w[after_sync ArgumentError], answer['error'].values_at('stage', 'class')
    assert_equal 'no bundle', answer['error']['message']
    assert_match(/hooks.rb:2/, answer['error']['backtrace'].first)
    answer, status, = call('after_sync', hooks('def after_sync; exit 0; end'))
    assert_equal [1, 'SystemExit'], [status, answer['error']['class']]
    answer, = call('after_sync', 'foo(')
    assert_equal %w[callbacks_class_file SyntaxError], answer['error'].values_at('stage', 'class')
  end

  def test_child_that_falls_through_does_not_answer
    answer, status, = call('after_sync', hooks('def after_sync; pid = fork; Process.wait(pid) if pid; "x"; end'))
    assert_equal [{ 'result' => 'x' }, 0], [answer, status]
  end

  def test_usage
    answer, status, output = call('no_such_hook', hooks(''))
    assert_nil answer
    assert_equal 1, status
    assert_match(/\Ausage:/, output)
  end
end
