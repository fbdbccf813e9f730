# frozen_string_literal: true

require_relative 'host_case'

class TestUnitTest < HostCase
  HELPER = "require 'test/unit'\n"
  GOOD = "#{HELPER}class GoodTest < Test::Unit::TestCase; def test_works; assert true; end; end\n"

  def run_then_good(body, **options)
    runner = runner({ 'test/x_test.rb' => HELPER + body, 'test/good_test.rb' => GOOD }, **options)
    outcome = runner.run('test/x_test.rb')
    good = runner.run('test/good_test.rb')
    assert_equal({ 'GoodTest#test_works' => 'passed' }, good.statuses)
    outcome
  end

  def test_every_status
    outcome = run_then_good(<<~RUBY)
      class XTest < Test::Unit::TestCase
        def teardown; raise 'teardown' if method_name == 'test_twice'; end
        def test_passes; assert true; end
        def test_fails; assert_equal 1, 2; end
        def test_raises; raise ArgumentError, 'boom'; end
        def test_omits; omit 'not here'; end
        def test_pends; pend 'not now'; end
        def test_fixed; pend('fixed') { }; end
        def test_notifies; notify 'hear'; end
        def test_twice; flunk 'first'; end
        test('described') { assert true }
      end
    RUBY
    assert_equal({ 'XTest#test_passes' => 'passed', 'XTest#test_fails' => 'failed', 'XTest#test_raises' => 'error',
                   'XTest#test_omits' => 'skipped', 'XTest#test_pends' => 'pending', 'XTest#test_fixed' => 'failed',
                   'XTest#test_notifies' => 'passed', 'XTest#test_twice' => 'error',
                   'XTest#test: described' => 'passed' }, outcome.statuses)
    assert_equal 'not here', outcome.case_named('XTest#test_omits')['pending']
    failed = outcome.case_named('XTest#test_fails')
    assert_equal ['XTest#test_fails', 'test/x_test.rb:5'], failed.values_at('id', 'location')
    assert_equal ['Test::Unit::AssertionFailedError', "<1> expected but was\n<2>."],
                 failed['failure'].values_at('class', 'message')
    assert_match(/x_test.rb:5/, failed['failure']['backtrace'].first)
    raised = outcome.case_named('XTest#test_raises')['failure']
    assert_equal %w[ArgumentError boom], raised.values_at('class', 'message')
    assert_match(/x_test.rb:6/, raised['backtrace'].first)
  end

  def test_startup_and_shutdown
    outcome = run_then_good(<<~RUBY)
      class UpTest < Test::Unit::TestCase
        def self.startup; raise 'no start'; end
        def test_x; end
      end
      class DownTest < Test::Unit::TestCase
        def self.shutdown; raise 'no end'; end
        def test_x; end
      end
    RUBY
    assert_equal({ 'UpTest#test_x' => 'passed', 'DownTest#test_x' => 'passed' }, outcome.statuses)
    assert_equal [['outside', 'no end'], ['outside', 'no start']],
                 outcome.errors.map { |error| error.values_at('stage', 'message') }.sort
    assert_equal 'failed', outcome.verdict
  end

  def test_sub_test_cases_run_inside_their_parent
    outcome = run_then_good(<<~RUBY)
      class XTest < Test::Unit::TestCase
        def self.startup; puts "up \#{name}"; end
        def self.shutdown; puts "down \#{name}"; end
        sub_test_case('a b') { def test_inner; puts 'inner'; end }
        class ClassTest < self; def test_c; end; end
      end
    RUBY
    assert_equal ['XTest::ClassTest#test_c', 'XTest::a b#test_inner'], outcome.statuses.keys.sort
    lines = outcome.runner.output.lines(chomp: true)
    assert_equal ['up XTest', 'down XTest'], [lines.first, lines.last]
    assert_includes lines.each_cons(3).to_a, ['up XTest::a b', 'inner', 'down XTest::a b']
  end

  def test_parent_of_another_file_takes_part_with_its_hooks
    runner = runner('test/base.rb' => <<~RUBY, 'test/a_test.rb' => <<~A, 'test/b_test.rb' => <<~B)
      require 'test/unit'
      class Base < Test::Unit::TestCase
        def self.startup; puts "up \#{name}"; end
      end
    RUBY
      require_relative 'base'
      class ATest < Base; def test_a; end; end
    A
      require_relative 'base'
      class BTest < Base; def test_b; end; end
    B
    assert_equal ['ATest#test_a'], runner.run('test/a_test.rb').statuses.keys
    assert_equal ['BTest#test_b'], runner.run('test/b_test.rb').statuses.keys
    assert_equal "up Base\nup ATest\nup Base\nup BTest\n", runner.output
  end

  def test_data_driven_cases_split_by_label
    runner = runner('test/x_test.rb' => <<~RUBY)
      require 'test/unit'
      class XTest < Test::Unit::TestCase
        data('one' => 1, 'two' => 2, 'three' => 3)
        def test_small(n); assert { n < 3 }; end
      end
    RUBY
    file = 'test/x_test.rb'
    assert_equal({ 'XTest#test_small[one]' => 'passed', 'XTest#test_small[two]' => 'passed',
                   'XTest#test_small[three]' => 'failed' }, runner.run(file).statuses)
    ids = ['XTest#test_small[three]', 'XTest#test_small[gone]']
    assert_equal ['XTest#test_small[three]'], runner.run(file, only: ids).statuses.keys
    assert_equal ['XTest#test_small[one]', 'XTest#test_small[two]'], runner.run(file, except: ids).statuses.keys
    assert_empty runner.run(file, only: []).statuses
  end

  def test_load_errors_exits_and_deaths
    assert_equal 'load', run_then_good('raise "at load"').errors.first['stage']
    outcome = run_then_good('class XTest < Test::Unit::TestCase; def test_leaves; exit 3; end; end')
    assert_equal({ 'XTest#test_leaves' => 'error' }, outcome.statuses)
    assert_equal 'exit(3) was called while test/x_test.rb ran', outcome.errors.first['message']
    assert outcome.replace?
    runner = runner('test/x_test.rb' => "#{HELPER}class XTest < Test::Unit::TestCase; def test_dies; exit!(4); end; end")
    assert_equal ['XTest#test_dies'], runner.run('test/x_test.rb').started.map { |message| message['name'] }
    assert_equal({ 'exit' => 4 }, runner.ending)
  end

  def test_children_of_tests_do_not_speak
    outcome = run_then_good(<<~'RUBY')
      class XTest < Test::Unit::TestCase
        def test_falls_through; pid = fork; Process.wait(pid) if pid; end
        def test_exits_in_child; pid = fork; exit 3 unless pid; Process.wait(pid); assert_equal 3, $?.exitstatus; end
      end
    RUBY
    assert_equal 2, outcome.cases.size
    assert_equal ['passed'], outcome.statuses.values.uniq
  end

  def test_class_opened_again_and_files_run_again
    files = { 'test/a_test.rb' => "#{HELPER}class XTest < Test::Unit::TestCase; def test_a; end; end",
              'test/b_test.rb' => "#{HELPER}class XTest < Test::Unit::TestCase; def test_b; end; def helper; end; end",
              'test/c_test.rb' => "#{HELPER}class XTest; def helper; end; end" }
    runner = runner(files)
    2.times do
      assert_equal ['XTest#test_a'], runner.run('test/a_test.rb').statuses.keys
      assert_equal ['XTest#test_b'], runner.run('test/b_test.rb').statuses.keys
      assert_empty runner.run('test/c_test.rb').statuses
    end
  end

  def test_class_without_tests_fails_as_it_does_alone
    outcome = run_then_good('class XTest < Test::Unit::TestCase; end')
    assert_empty outcome.statuses.reject { |_, status| status == 'failed' }
  end

  def test_hooks_of_the_suite
    runner = runner('test/x_test.rb' => "#{GOOD}Test::Unit.at_start { puts 'start' }; Test::Unit.at_exit { puts 'end'; raise 'late' }",
                    'test/y_test.rb' => "#{HELPER}class YTest < Test::Unit::TestCase; def test_y; end; end")
    runner.run('test/x_test.rb')
    runner.run('test/y_test.rb')
    stopped, ending = runner.stop
    assert_equal %w[suite late], stopped['errors'].first.values_at('stage', 'message')
    assert_equal({ 'exit' => 0 }, ending)
    assert_equal "start\nend\n", runner.output
  end

  def test_order
    body = "#{HELPER}class XTest < Test::Unit::TestCase; 8.downto(1) { |i| define_method(\"test_\#{i}\") {} }; end"
    names = ->(**options) { runner({ 'test/x_test.rb' => body }, **options).run('test/x_test.rb').statuses.keys }
    by_name = (1..8).map { |i| "XTest#test_#{i}" }
    assert_equal by_name, names.call
    shuffled = names.call(order: 'random', seed: 42)
    assert_equal [by_name, shuffled], [shuffled.sort, names.call(order: 'random', seed: 42)]
    refute_equal by_name, shuffled
    assert_equal by_name.reverse, names.call(order: 'defined')
  end

  def test_arguments
    files = { 'test/x_test.rb' => "#{HELPER}class XTest < Test::Unit::TestCase; def test_a; end; def test_b; end; end" }
    assert_equal ['XTest#test_b'], runner(files, arguments: ['-n', 'test_b']).run('test/x_test.rb').statuses.keys
  end

  def test_strings_that_are_no_text
    outcome = run_then_good(<<~'RUBY')
      class XTest < Test::Unit::TestCase
        test("name \xFE".b) { raise "message \xFF".b }
        def test_compare; assert_equal "\xFF".b, "\xFE".b; end
      end
    RUBY
    assert_equal({ "XTest#test: name \uFFFD" => 'error', 'XTest#test_compare' => 'failed' }, outcome.statuses)
  end
end
