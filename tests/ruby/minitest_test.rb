# frozen_string_literal: true

require_relative 'host_case'

class MinitestTest < HostCase
  HELPER = "require 'minitest/autorun'\n"
  GOOD = "#{HELPER}class GoodTest < Minitest::Test; def test_works; assert true; end; end\n"

  def run_then_good(body, **options)
    runner = runner({ 'test/x_test.rb' => HELPER + body, 'test/good_test.rb' => GOOD }, **options)
    outcome = runner.run('test/x_test.rb')
    good = runner.run('test/good_test.rb')
    assert_equal({ 'GoodTest#test_works' => 'passed' }, good.statuses)
    outcome
  end

  def test_every_status
    outcome = run_then_good(<<~RUBY)
      class XTest < Minitest::Test
        def teardown; raise 'teardown' if name == 'test_twice'; end
        def test_passes; assert true; end
        def test_fails; assert_equal 1, 2; end
        def test_raises; raise ArgumentError, 'boom'; end
        def test_skips; skip 'not now'; end
        def test_twice; flunk 'first'; end
      end
    RUBY
    assert_equal({ 'XTest#test_passes' => 'passed', 'XTest#test_fails' => 'failed', 'XTest#test_raises' => 'error',
                   'XTest#test_skips' => 'skipped', 'XTest#test_twice' => 'failed' }, outcome.statuses)
    assert_equal 'not now', outcome.case_named('XTest#test_skips')['pending']
    failed = outcome.case_named('XTest#test_fails')
    assert_equal ['XTest#test_fails', 'test/x_test.rb:5'], failed.values_at('id', 'location')
    assert_equal ['Minitest::Assertion', "Expected: 1\n  Actual: 2"], failed['failure'].values_at('class', 'message')
    assert_match(/x_test.rb:5/, failed['failure']['backtrace'].first)
    raised = outcome.case_named('XTest#test_raises')['failure']
    assert_equal %w[ArgumentError boom], raised.values_at('class', 'message')
    assert_match(/x_test.rb:6/, raised['backtrace'].first)
    assert_equal "first\n\nteardown", outcome.case_named('XTest#test_twice')['failure']['message']
    assert_equal outcome.started.map { |m| m['id'] }, outcome.cases.map { |m| m['id'] }
  end

  def test_load_errors_do_not_blind_later_files
    ['foo(', 'raise "at load"', 'require "no/such/file"'].each do |body|
      outcome = run_then_good("class YTest < Minitest::Test; def test_y; end; end\n#{body}")
      assert_equal %w[failed load], [outcome.verdict, outcome.errors.first['stage']]
      assert_empty outcome.cases
    end
  end

  def test_a_file_that_failed_to_load_may_load_later
    runner = runner('test/x_test.rb' => "#{HELPER}class XTest < Minitest::Test; def test_x; end; end
      raise 'first time' unless ENV['GORGON_ATTEMPT'] == '2'")
    assert_equal 'failed', runner.run('test/x_test.rb').verdict
    assert_equal({ 'XTest#test_x' => 'passed' }, runner.run('test/x_test.rb', attempt: 2).statuses)
  end

  def test_exit
    { 'exit' => 0, 'abort "bye"' => 1 }.each do |call, status|
      outcome = run_then_good("class XTest < Minitest::Test; def test_leaves; #{call}; end; end")
      assert_equal({ 'XTest#test_leaves' => 'error' }, outcome.statuses)
      assert_equal "exit(#{status}) was called while test/x_test.rb ran", outcome.errors.first['message']
      assert outcome.replace?
    end
    assert_equal ['exit'], run_then_good('exit').errors.map { |error| error['stage'] }
  end

  def test_death_names_the_case
    runner = runner('test/x_test.rb' => "#{HELPER}class XTest < Minitest::Test; def test_dies; exit!(4); end; end")
    outcome = runner.run('test/x_test.rb')
    assert_nil outcome.finished
    assert_equal ['XTest#test_dies'], outcome.started.map { |message| message['name'] }
    assert_equal({ 'exit' => 4 }, runner.ending)
  end

  def test_children_of_tests_do_not_speak
    outcome = run_then_good(<<~'RUBY')
      class XTest < Minitest::Test
        def test_falls_through; pid = fork; Process.wait(pid) if pid; end
        def test_fails_in_child; pid = fork; raise 'child' unless pid; Process.wait(pid); end
        def test_exits_in_child; pid = fork; exit 3 unless pid; Process.wait(pid); assert_equal 3, $?.exitstatus; end
      end
    RUBY
    assert_equal 3, outcome.cases.size
    assert_equal ['passed'], outcome.statuses.values.uniq
  end

  def test_parallel_classes
    outcome = run_then_good(<<~RUBY, env: { 'MT_CPU' => '4' })
      require 'timeout'
      class XTest < Minitest::Test
        parallelize_me!
        ARRIVED = Queue.new
        # Passes only when all four are running at once.
        4.times { |i| define_method("test_\#{i}") { ARRIVED << i; Timeout.timeout(10) { Thread.pass until ARRIVED.size == 4 } } }
      end
    RUBY
    assert_equal({ 'XTest#test_0' => 'passed', 'XTest#test_1' => 'passed', 'XTest#test_2' => 'passed',
                   'XTest#test_3' => 'passed' }, outcome.statuses)
    assert_equal [nil], outcome.cases.map { |item| item['output'] }.uniq
  end

  def test_class_opened_again_in_a_second_file
    files = { 'test/a_test.rb' => "#{HELPER}class XTest < Minitest::Test; def test_a; end; end",
              'test/b_test.rb' => "#{HELPER}class XTest < Minitest::Test; def test_b; end; def helper; end; end",
              'test/c_test.rb' => "#{HELPER}class XTest; def helper; end; end" }
    runner = runner(files)
    assert_equal ['XTest#test_a'], runner.run('test/a_test.rb').statuses.keys
    assert_equal ['XTest#test_b'], runner.run('test/b_test.rb').statuses.keys
    assert_empty runner.run('test/c_test.rb').statuses
    assert_equal ['XTest#test_a'], runner.run('test/a_test.rb').statuses.keys
  end

  def test_a_file_runs_again
    runner = runner('test/x_test.rb' => "#{HELPER}puts 'loaded'\nclass XTest < Minitest::Test; def test_x; puts 'run'; end; end
      describe('spec') { it('y') { puts 'spec' } }")
    first = runner.run('test/x_test.rb')
    second = runner.run('test/x_test.rb', attempt: 2)
    assert_equal first.cases.map { |c| c['id'] }.sort, second.cases.map { |c| c['id'] }.sort
    assert_equal 2, second.cases.size
    assert_equal %w[loaded run run spec spec], runner.output.split.sort
  end

  def test_inherited_and_included_tests
    outcome = run_then_good(<<~RUBY)
      module Shared; def test_shared; end; end
      class BaseTest < Minitest::Test; def test_base; end; end
      class OneTest < BaseTest; include Shared; end
    RUBY
    assert_equal %w[BaseTest#test_base OneTest#test_base OneTest#test_shared], outcome.statuses.keys.sort
  end

  def test_spec_style_with_one_name_twice
    runner = runner('test/x_test.rb' => <<~RUBY)
      require 'minitest/autorun'
      describe('s') { it('a') { _(1).must_equal 1 } }
      describe('s') { it('a') { _(1).must_equal 2 }; describe('n') { it('b') {} } }
    RUBY
    outcome = runner.run('test/x_test.rb')
    prefix = 's'
    statuses = outcome.cases.to_h { |item| [item['id'], item['status']] }
    assert_equal({ "#{prefix}#test_0001_a" => 'passed', "#{prefix}#test_0001_a~2" => 'failed',
                   "#{prefix}::n#test_0001_b" => 'passed' }, statuses)
    assert_equal ["#{prefix}#test_0001_a~2"],
                 runner.run('test/x_test.rb', only: ["#{prefix}#test_0001_a~2"]).cases.map { |item| item['id'] }
  end

  def test_only_and_except_split_a_file
    runner = runner('test/x_test.rb' => "#{HELPER}class XTest < Minitest::Test; %w[a b c].each { |n| define_method(\"test_\#{n}\") {} }; end")
    id = ->(name) { "XTest#test_#{name}" }
    names = ->(**fields) { runner.run('test/x_test.rb', **fields).cases.map { |item| item['name'][-1] }.sort.join }
    assert_equal 'ab', names.call(only: [id['a'], id['b'], id['gone']])
    assert_equal 'bc', names.call(except: [id['a'], id['gone']])
    assert_equal '', names.call(only: [])
    assert_equal 'abc', names.call
  end

  def test_hooks_of_the_suite
    runner = runner('test/x_test.rb' => "#{GOOD}Minitest.after_run { puts 'one' }; Minitest.after_run { puts 'two'; raise 'late' }
                    at_exit { puts 'at exit' }")
    runner.run('test/x_test.rb')
    stopped, ending = runner.stop
    assert_equal %w[suite late], stopped['errors'].first.values_at('stage', 'message')
    assert_equal({ 'exit' => 0 }, ending)
    assert_equal "two\none\nat exit\n", runner.output
  end

  def test_plugins_and_arguments
    files = { 'test/minitest/my_plugin.rb' => <<~RUBY, 'test/x_test.rb' => <<~TEST }
      module Minitest
        def self.plugin_my_options(options, _); options.on('--mine X') { |x| $mine = x }; end
        def self.plugin_my_init(_); puts "plugin \#{$mine}"; end
      end
    RUBY
      #{HELPER}class XTest < Minitest::Test; def test_a; end; def test_b; end; end
    TEST
    runner = runner(files, arguments: ['--mine', '7', '-n', '/_b/'])
    assert_equal ['XTest#test_b'], runner.run('test/x_test.rb').statuses.keys
    assert_equal "plugin 7\n", runner.output
  end

  def test_class_level_run_is_honoured
    outcome = run_then_good(<<~RUBY)
      class XTest < Minitest::Test
        def self.run(*); puts 'around'; super; end
        def test_x; end
      end
    RUBY
    assert_equal ['XTest#test_x'], outcome.statuses.keys
    assert_equal "around\n", outcome.runner.output
  end

  def test_order
    body = "#{HELPER}[3, 1, 2].each { |i| Object.const_set(\"X\#{i}Test\", Class.new(Minitest::Test) { " \
           '[2, 1, 3].each { |j| define_method("test_#{j}") {} } }) }'
    outcome = runner({ 'test/x_test.rb' => body }, order: 'defined').run('test/x_test.rb')
    assert_equal [3, 1, 2].flat_map { |i| [1, 2, 3].map { |j| "X#{i}Test#test_#{j}" } }, outcome.statuses.keys
  end

  def test_seeds
    body = "#{HELPER}class XTest < Minitest::Test; 8.times { |i| define_method(\"test_\#{i}\") { puts rand(1000) } }; end"
    order = ->(outcome) { [outcome.statuses.keys, outcome.runner.output] }
    first = runner({ 'test/x_test.rb' => body }, seed: 42).run('test/x_test.rb')
    assert_equal order[first], order[runner({ 'test/x_test.rb' => body }, seed: 42).run('test/x_test.rb')]
    given = runner({ 'test/x_test.rb' => body }, arguments: ['--seed', '42']).run('test/x_test.rb')
    assert_equal [order[first], 42], [order[given], given.finished['seed']]
    told = runner({ 'test/x_test.rb' => body }).run('test/x_test.rb', seed: 42)
    assert_equal [order[first], 42], [order[told], told.finished['seed']]
  end

  # What is left of a file keeps its order: so the cases before a failure can be left out one by one.
  def test_a_part_of_a_file_runs_in_the_order_of_the_whole
    classes = %w[X Y].map { |name| "class #{name}Test < Minitest::Test; 6.times { |i| define_method(\"test_\#{i}\") {} }; end" }
    files = { 'test/x_test.rb' => "#{HELPER}#{classes.join("\n")}" }
    ids = runner(files).run('test/x_test.rb', seed: 7).cases.map { |one| one['id'] }
    some = ids.each_slice(2).map(&:first)
    part = runner(files).run('test/x_test.rb', seed: 7, only: some)
    assert_equal some, (part.cases.map { |one| one['id'] })
  end

  def test_autorun_before_the_runner_knows_does_nothing
    host = host({ 'app.rb' => 'require "minitest/autorun"; class App < Minitest::Test; def test_x; puts "ran"; end; end',
                  'spec/x_spec.rb' => "RSpec.describe('x') { it('y') {} }" }, preload: ['app.rb'], framework: 'rspec')
    runner = host.fork
    runner.run('spec/x_spec.rb')
    assert_equal({ 'exit' => 0 }, runner.stop.last)
    host.send(type: 'finish')
    host.read
    assert_equal 0, host.ended.exitstatus
    assert_empty host.log + runner.output
  end

  def test_autorun_that_comes_with_a_test_unit_file_does_nothing
    body = "require 'test/unit'\nrequire 'minitest/autorun'\nclass XTest < Minitest::Test; def test_x; end; end
            class YTest < Test::Unit::TestCase; def test_y; end; end"
    runner = runner('test/x_test.rb' => body)
    assert_equal %w[XTest#test_x YTest#test_y], runner.run('test/x_test.rb').statuses.keys.sort
    assert_equal({ 'exit' => 0 }, runner.stop.last)
    assert_empty runner.output
  end

  def test_tests_that_a_later_file_includes
    runner = runner('test/a_test.rb' => "#{HELPER}class XTest < Minitest::Test; def test_a; end; end",
                    'test/b_test.rb' => "module More; def test_b; end; end\nclass XTest; include More; end")
    assert_equal ['XTest#test_a'], runner.run('test/a_test.rb').statuses.keys
    assert_equal ['XTest#test_b'], runner.run('test/b_test.rb').statuses.keys
  end

  def test_module_that_a_class_has_already
    shared = "#{HELPER}module Shared; def test_s; end; end unless defined?(Shared)\nclass XTest < Minitest::Test; include Shared; "
    runner = runner('test/a_test.rb' => "#{shared} end", 'test/b_test.rb' => "#{shared} def test_b; end; end")
    assert_equal ['XTest#test_s'], runner.run('test/a_test.rb').statuses.keys
    assert_equal ['XTest#test_b'], runner.run('test/b_test.rb').statuses.keys
  end

  def test_tests_of_another_framework_do_not_pass_unseen
    runner = runner({ 'test/x_test.rb' => "require 'test/unit'\nclass XTest < Test::Unit::TestCase; def test_x; end; end",
                      'test/y_test.rb' => "require 'rspec'\nRSpec.describe('y') { it('z') {} }" }, framework: 'minitest')
    assert_match(/has tests of test-unit/, runner.run('test/x_test.rb').errors.first['message'])
    assert_match(/has tests of RSpec/, runner.run('test/y_test.rb').errors.first['message'])
  end

  def test_case_that_ends_its_thread_has_no_verdict_and_fails_its_file
    outcome = run_then_good("class XTest < Minitest::Test; parallelize_me!; def test_gone; Thread.current.kill; end; end")
    assert_equal 'failed', outcome.verdict
    assert_match(/"XTest#test_gone" .* started and did not end/, outcome.errors.first['message'])
  end

  def test_missing_framework_is_a_clear_error
    host = host({ 'test/x_test.rb' => '1', 'hide.rb' => <<~RUBY }, framework: 'rspec', preload: ['hide.rb'])
      module Hidden
        def require(name)
          raise LoadError, "cannot load such file -- \#{name}" if name.match?(/minitest|test.unit/)
          super
        end
      end
      Object.prepend(Hidden)
    RUBY
    outcome = host.fork.run('test/x_test.rb', framework: 'minitest')
    assert_equal ['framework', 'cannot load minitest: cannot load such file -- minitest; add it to the Gemfile'],
                 outcome.errors.first.values_at('stage', 'message')
  end
end
