# frozen_string_literal: true

require_relative 'host_case'

# What makes RSpec files in one process differ from RSpec files alone, and must not.
class RSpecTest < HostCase
  GOOD = "RSpec.describe('good') { it('works') {} }"

  def spec(body)
    { 'spec/x_spec.rb' => body, 'spec/good_spec.rb' => GOOD }
  end

  # Runs spec/x_spec.rb, then a good file on the same runner, which must not notice.
  def run_then_good(body, **options)
    runner = runner(spec(body), **options)
    outcome = runner.run('spec/x_spec.rb')
    good = runner.run('spec/good_spec.rb')
    assert_equal({ 'good works' => 'passed' }, good.statuses)
    assert_equal 'passed', good.verdict
    outcome
  end

  def test_every_status
    outcome = run_then_good(<<~RUBY)
      RSpec.describe 'all' do
        it('passes') { expect(1).to eq 1 }
        it('fails') { expect(1).to eq 2 }
        it('raises') { raise ArgumentError, 'boom' }
        it('fails and raises') { expect(1).to eq 2 }
        after { |example| raise 'after' if example.description == 'fails and raises' }
        it('aggregates', :aggregate_failures) { expect(1).to eq 2; expect(2).to eq 3 }
        it 'has no body'
        xit('is skipped') {}
        it('skips') { skip 'not now' }
        it('is pending') { pending 'later'; expect(1).to eq 2 }
        it('is fixed') { pending 'later' }
        it { expect(3).to eq 3 }
        it('mocks') { expect(self).to receive(:never) }
      end
    RUBY
    assert_equal({ 'all passes' => 'passed', 'all fails' => 'failed', 'all raises' => 'failed',
                   'all fails and raises' => 'failed', 'all aggregates' => 'failed', 'all has no body' => 'pending',
                   'all is skipped' => 'pending', 'all skips' => 'pending', 'all is pending' => 'pending',
                   'all is fixed' => 'failed', 'all is expected to eq 3' => 'passed', 'all mocks' => 'failed' },
                 outcome.statuses)
    assert_equal 'failed', outcome.verdict
    assert_empty outcome.errors
    assert_equal 'later', outcome.case_named('all is pending')['pending']
    assert_equal 'not now', outcome.case_named('all skips')['pending']
    raised = outcome.case_named('all raises')
    assert_equal ['./spec/x_spec.rb[1:3]', 'spec/x_spec.rb:4'], raised.values_at('id', 'location')
    assert_equal %w[ArgumentError boom], raised['failure'].values_at('class', 'message')
    assert_match(%r{\A./spec/x_spec.rb:4}, raised['failure']['backtrace'].first)
    assert_match(/\AFailure\/Error: it\('raises'\)/, raised['failure']['display'])
    refute outcome.replace?
  end

  def test_every_case_is_announced_before_it_runs
    outcome = run_then_good("RSpec.describe('a') { it('b') {}; it('c') {} }")
    assert_equal %w[case_started case case_started case unit_finished], outcome.messages.map { |m| m['type'] }
  end

  def test_load_errors_do_not_blind_later_files
    ['foo(', 'raise "at load"', 'require "no/such/file"', 'throw :up', 'NoSuchThing.new'].each do |body|
      outcome = run_then_good("RSpec.describe('x') { it('y') {} }\n#{body}")
      assert_equal 'failed', outcome.verdict, body
      assert_equal ['load'], outcome.errors.map { |error| error['stage'] }, body
      assert_empty outcome.cases, 'RSpec alone runs nothing of a file that does not load'
    end
  end

  def test_missing_file
    outcome = runner(spec('')).run('spec/nowhere_spec.rb')
    assert_equal %w[load LoadError], outcome.errors.first.values_at('stage', 'class')
  end

  def test_exit_in_a_case
    { 'exit' => 0, 'exit 3' => 3, 'exit(false)' => 1, 'abort "bye"' => 1,
      'Thread.main.kill' => 0, 'Thread.new { exit 5 }.join; sleep' => 5 }.each do |call, status|
      outcome = run_then_good("RSpec.describe('x') { it('leaves') { #{call} }; it('later') {} }")
      assert_equal ['exit', "exit(#{status}) was called while spec/x_spec.rb ran"],
                   outcome.errors.first.values_at('stage', 'message')
      assert_equal({ 'x leaves' => 'failed' }, outcome.statuses)
      assert outcome.replace?
    end
  end

  def test_exit_at_load_and_in_hooks
    ['exit 2', "RSpec.describe('x') { before(:context) { exit 2 }; it('y') {} }",
     "RSpec.describe('x') { after(:context) { exit 2 }; it('y') {} }"].each do |body|
      outcome = run_then_good(body)
      assert_equal ['exit'], outcome.errors.map { |error| error['stage'] }
      assert_equal 'failed', outcome.verdict
      assert outcome.replace?
    end
  end

  def test_deaths_name_the_case_and_tell_how
    { 'exit!(4)' => { 'exit' => 4 }, 'Process.kill(:KILL, Process.pid); sleep' => { 'signal' => 9 },
      'Process.kill(:TERM, Process.pid); sleep' => { 'signal' => 15 }, 'exec("true")' => { 'exit' => 0 },
      'ObjectSpace.each_object(IO) { |io| io.close if io.fileno > 2 rescue nil }' => { 'exit' => 1 } }.each do |call, ending|
      runner = runner(spec("RSpec.describe('x') { it('first') {}; it('dies') { puts 'last words'; #{call} } }"))
      outcome = runner.run('spec/x_spec.rb')
      assert_nil outcome.finished, call
      assert_equal ending, runner.ending, call
      assert_equal ['x first', 'x dies'], outcome.started.map { |message| message['name'] }
      assert_equal({ 'x first' => 'passed' }, outcome.statuses)
      assert_equal "last words\n", runner.output
    end
  end

  def test_segfault
    runner = runner(spec("RSpec.describe('x') { it('dies') { Process.kill(:SEGV, Process.pid); sleep } }"))
    outcome = runner.run('spec/x_spec.rb')
    assert_nil outcome.finished
    assert_includes [6, 11], runner.ending['signal'] # Ruby prints a report and aborts
    assert_equal ['x dies'], outcome.started.map { |message| message['name'] }
    assert_match(/BUG/, runner.output)
  end

  def test_death_at_load
    { 'exit!(5)' => { 'exit' => 5 }, 'Process.kill(:KILL, Process.pid); sleep' => { 'signal' => 9 } }.each do |body, ending|
      runner = runner(spec(body))
      assert_empty runner.run('spec/x_spec.rb').messages
      assert_equal ending, runner.ending
    end
  end

  def test_endless_loop_is_killed_from_outside_and_the_next_runner_works
    host = host(spec("RSpec.describe('x') { it('loops') { begin; loop {}; rescue Exception; retry; end } }"))
    runner = host.fork
    runner.start_unit('spec/x_spec.rb')
    read_until_started(runner, 'x loops')
    Process.kill('KILL', runner.pid)
    assert_equal({ 'signal' => 9 }, runner.ending)
    assert_equal 'passed', host.fork.run('spec/good_spec.rb').verdict
  end

  def test_children_of_tests_do_not_speak
    outcome = run_then_good(<<~'RUBY')
      RSpec.describe 'forks' do
        it('falls through') { pid = fork; Process.wait(pid) if pid }
        it('fails in the child') { pid = fork; raise 'child' unless pid; Process.wait(pid) }
        it('exits in the child') { pid = fork; exit 3 unless pid; Process.wait(pid); expect($?.exitstatus).to eq 3 }
        it('blocks') { Process.wait(fork { puts 'in a block' }); expect($?).to be_success }
        it('comes last') {}
      end
    RUBY
    assert_equal 5, outcome.cases.size
    assert_equal ['passed'], outcome.statuses.values.uniq
    assert_equal "in a block\n", outcome.output_of('forks blocks')
  end

  def test_output_belongs_to_its_case
    outcome = run_then_good(<<~'RUBY')
      puts 'loading'
      RSpec.describe 'output' do
        before(:context) { puts 'context' }
        it('prints') { puts 'out'; warn 'err'; system('echo child') }
        it('is quiet') {}
        it('prints much') { print 'x' * 3_000_000; $stdout.write('end') }
        it('is binary') { print "\xFF\xFE\x00".b }
      end
    RUBY
    assert_equal "out\nerr\nchild\n", outcome.output_of('output prints')
    assert_nil outcome.case_named('output is quiet')['output']
    assert_equal "#{'x' * 3_000_000}end", outcome.output_of('output prints much')
    assert_equal "\xFF\xFE\x00".b, outcome.output_of('output is binary')
    assert_equal "loading\ncontext\n", outcome.runner.output[0, 16]
  end

  def test_strings_that_are_no_text
    outcome = run_then_good(<<~'RUBY')
      class Silent < StandardError; def message; raise 'no message'; end; end
      class Nil < StandardError; def message; nil; end; end
      RSpec.describe "bytes" do
        it("name \xFE".b) { raise "message \xFF".b }
        it('latin') { raise "caf\xE9".dup.force_encoding('ISO-8859-1') }
        it('wide') { raise 'é'.encode('UTF-16LE') }
        it('long') { raise 'x' * 200_000 }
        it('deep') { def dive(n); n.zero? ? raise('deep') : dive(n - 1); end; dive(500) }
        it('silent') { raise Silent }
        it('nil') { raise Nil }
        it('anonymous') { raise Class.new(StandardError), 'who' }
        it('pending') { skip "why \xFF" }
      end
    RUBY
    failures = outcome.cases.map { |item| item['failure'] }
    assert_equal "bytes name \uFFFD", outcome.cases.first['name']
    assert_equal "message \uFFFD", failures[0]['message']
    assert_equal 'café', failures[1]['message']
    assert_equal 'é', failures[2]['message']
    assert_match(/\Ax{65536}\n\[cut: 200000 bytes, showing the first 65536\]\z/, failures[3]['message'])
    assert_equal 201, failures[4]['backtrace'].size
    assert_match(/\A\[cut: 3\d\d more lines\]/, failures[4]['backtrace'].last)
    assert_equal '(Silent#message raised RuntimeError)', failures[5]['message']
    assert_match(/\A#<Class:/, failures[7]['class'])
    assert_equal "why \uFFFD", outcome.cases.last['pending']
  end

  def test_suite_hooks_run_once_per_runner
    runner = runner('.rspec' => '--require spec_helper',
                    'spec/spec_helper.rb' => <<~RUBY, 'spec/a_spec.rb' => GOOD, 'spec/b_spec.rb' => GOOD)
                      RSpec.configure do |config|
                        config.before(:suite) { puts 'before suite' }
                        config.after(:suite) { puts 'after suite'; raise 'at the end' }
                        config.after(:suite) { puts 'after suite too' }
                      end
                    RUBY
    runner.run('spec/a_spec.rb')
    runner.run('spec/b_spec.rb')
    assert_equal "before suite\n", runner.output
    stopped, ending = runner.stop
    assert_equal "before suite\nafter suite too\nafter suite\n", runner.output
    assert_equal ['suite', "An error occurred in an `after(:suite)` hook.\nat the end"],
                 stopped['errors'].first.values_at('stage', 'message')
    assert_equal 1, stopped['errors'].size
    assert_equal({ 'exit' => 0 }, ending)
  end

  def test_suite_hooks_of_a_helper_that_comes_late
    runner = runner('spec/a_spec.rb' => GOOD, 'spec/late_helper.rb' => <<~RUBY,
      RSpec.configure do |config|
        config.before(:suite) { puts 'late' }
      end
    RUBY
                    'spec/b_spec.rb' => "require 'late_helper'\n#{GOOD}", 'spec/c_spec.rb' => GOOD)
    %w[a b c].each { |name| assert_equal 'passed', runner.run("spec/#{name}_spec.rb").verdict }
    assert_equal "late\n", runner.output
  end

  def test_failing_suite_hook_fails_every_file_of_the_runner
    runner = runner('spec/spec_helper.rb' => <<~RUBY, 'spec/a_spec.rb' => "require 'spec_helper'\n#{GOOD}", 'spec/b_spec.rb' => GOOD)
      RSpec.configure do |config|
        config.before(:suite) { raise 'no server' }
        config.before(:suite) { puts 'not reached' }
      end
    RUBY
    outcomes = %w[a b].map { |name| runner.run("spec/#{name}_spec.rb") }
    outcomes.each do |outcome|
      assert_equal [['suite', "An error occurred in a `before(:suite)` hook.\nno server"]],
                   outcome.errors.map { |error| error.values_at('stage', 'message') }
      assert_empty outcome.cases
    end
    assert_empty runner.output
  end

  def test_required_file_that_fails_fails_every_file
    runner = runner({ '.rspec' => '--require broken_helper', 'spec/broken_helper.rb' => 'raise "broken"' }.merge(spec('')))
    2.times do
      outcome = runner.run('spec/good_spec.rb')
      assert_equal 'failed', outcome.verdict
      assert_match(/broken\z/, outcome.errors.first['message'])
    end
  end

  def test_focus_stays_in_its_file
    helper = 'RSpec.configure { |config| config.filter_run_when_matching :focus }'
    focused = "require 'spec_helper'\nRSpec.describe('f') { fit('focused') {}; it('other') {} }"
    [{ 'spec/spec_helper.rb' => helper }, { 'spec/spec_helper.rb' => helper, '.rspec' => '-r spec_helper' }].each do |files|
      runner = runner(files.merge('spec/f_spec.rb' => focused, 'spec/good_spec.rb' => GOOD, 'spec/g_spec.rb' => focused))
      assert_equal ['f focused'], runner.run('spec/f_spec.rb').statuses.keys
      assert_equal ['good works'], runner.run('spec/good_spec.rb').statuses.keys
      assert_equal ['f focused'], runner.run('spec/g_spec.rb').statuses.keys
    end
  end

  def test_run_all_when_everything_filtered_is_asked_per_file
    helper = 'RSpec.configure { |c| c.filter_run :focus; c.run_all_when_everything_filtered = true }'
    runner = runner('.rspec' => '-r spec_helper', 'spec/spec_helper.rb' => helper, 'spec/good_spec.rb' => GOOD,
                    'spec/f_spec.rb' => "RSpec.describe('f') { it('focused', :focus) {}; it('other') {} }")
    assert_equal ['f focused'], runner.run('spec/f_spec.rb').statuses.keys
    assert_equal ['good works'], runner.run('spec/good_spec.rb').statuses.keys
  end

  def test_exclusions_of_a_helper_hold_for_every_file
    slow = "RSpec.describe('s') { it('slow', :slow) {}; it('quick') {} }"
    runner = runner('spec/spec_helper.rb' => 'RSpec.configure { |config| config.filter_run_excluding :slow }',
                    'spec/a_spec.rb' => "require 'spec_helper'\n#{slow}", 'spec/b_spec.rb' => slow)
    %w[a b].each { |name| assert_equal ['s quick'], runner.run("spec/#{name}_spec.rb").statuses.keys }
  end

  def test_options_come_from_files_environment_and_arguments
    body = "RSpec.describe('t') { it('a', :a) {}; it('b', :b) {}; it('c', :c) {}; it('d') {} }"
    run = ->(files, **options) { runner(spec(body).merge(files), **options).run('spec/x_spec.rb').statuses.keys }
    assert_equal ['t a'], run.call({ '.rspec' => '--tag a' })
    assert_equal ['t b'], run.call({}, env: { 'SPEC_OPTS' => '--tag b' })
    assert_equal ['t c'], run.call({}, arguments: ['--tag', 'c'])
    assert_equal ['t a', 't b', 't d'], run.call({}, arguments: ['--tag', '~c'])
    assert_equal ['t b'], run.call({}, arguments: ['--example', 't b', '--fail-fast', '--format', 'doc', '--profile'])
  end

  def test_invalid_arguments_are_an_error_of_the_unit
    outcome = runner(spec(''), arguments: ['--no-such-option']).run('spec/x_spec.rb')
    assert_equal ['failed', 'exit'], [outcome.verdict, outcome.errors.first['stage']]
    assert_match(/no-such-option/, outcome.runner.output)
  end

  def test_shared_examples_of_support_files_survive
    use = "require 'support'\nRSpec.describe('%s') { it_behaves_like 'shared'; include_context 'given'; it('x') { expect(value).to eq 1 } }"
    runner = runner('spec/support.rb' => <<~RUBY, 'spec/a_spec.rb' => format(use, 'a'), 'spec/b_spec.rb' => format(use, 'b'))
      RSpec.shared_examples('shared') { it('is shared') {} }
      RSpec.shared_context('given') { let(:value) { 1 } }
    RUBY
    %w[a b a].each do |name|
      outcome = runner.run("spec/#{name}_spec.rb")
      assert_equal({ "#{name} x" => 'passed', "#{name} behaves like shared is shared" => 'passed' }, outcome.statuses)
      assert_equal "./spec/#{name}_spec.rb[1:1:1]", outcome.case_named("#{name} behaves like shared is shared")['id']
    end
  end

  def test_context_hooks_that_fail
    outcome = run_then_good(<<~RUBY)
      RSpec.describe('before') { before(:context) { raise 'up' }; it('a') {}; it('b') {} }
      RSpec.describe('after') { after(:context) { raise 'down' }; it('a') {} }
    RUBY
    assert_equal({ 'before a' => 'failed', 'before b' => 'failed', 'after a' => 'passed' }, outcome.statuses)
    assert_equal [['outside', "An error occurred in an `after(:context)` hook.\ndown"]],
                 outcome.errors.map { |error| error.values_at('stage', 'message') }
  end

  def test_only_and_except_split_a_file
    runner = runner('spec/x_spec.rb' => <<~RUBY)
      RSpec.describe 'x' do
        it('one') {}
        it('two') {}
        context('inner') { before(:context) { puts 'inner' }; it('three') {}; it('four') {} }
      end
    RUBY
    file = 'spec/x_spec.rb'
    ids = ["./#{file}[1:1]", "./#{file}[1:3:1]", "./#{file}[9:9]"]
    assert_equal ['x one', 'x inner three'], runner.run(file, only: ids).statuses.keys
    assert_equal "inner\n", runner.output
    assert_equal ['x two', 'x inner four'], runner.run(file, except: ids).statuses.keys
    assert_equal ['x one'], runner.run(file, only: ids.first(1)).statuses.keys
    assert_equal "inner\n" * 2, runner.output, 'no context hooks without a selected case'
    assert_equal [], runner.run(file, only: []).statuses.keys
    assert_equal 4, runner.run(file, except: []).statuses.size
    assert_equal 4, runner.run(file).statuses.size
  end

  def test_selection_respects_filters
    runner = runner(spec("RSpec.describe('x') { it('a', :slow) {}; it('b') {} }"), arguments: ['--tag', '~slow'])
    assert_equal ['x b'], runner.run('spec/x_spec.rb', except: ['./spec/x_spec.rb[9:9]']).statuses.keys
    assert_empty runner.run('spec/x_spec.rb', only: ['./spec/x_spec.rb[1:1]']).statuses
  end

  def test_files_may_carry_a_line_or_ids
    runner = runner(spec("RSpec.describe('x') do\n it('a') {}\n it('b') {}\nend"))
    assert_equal ['x b'], runner.run('spec/x_spec.rb:3').statuses.keys
    assert_equal ['x a'], runner.run('spec/x_spec.rb[1:1]').statuses.keys
  end

  def test_seeds
    body = "RSpec.configure { |c| c.order = :random }\nputs rand(1_000_000)\n" \
           "RSpec.describe('x') { 8.times { |i| it(i.to_s) { puts rand(1_000_000) } } }"
    order = ->(outcome) { outcome.statuses.keys }
    runner = runner(spec(body), seed: 42)
    first, = [runner.run('spec/x_spec.rb'), runner.run('spec/good_spec.rb')]
    size = runner.output.size
    again = runner.run('spec/x_spec.rb')
    assert_equal order[first], order[again]
    assert_equal runner.output[0...size], runner.output[size..-1]
    assert_equal 42, first.finished['seed']
    assert_equal order[first], order[runner(spec(body), arguments: ['--seed', '42']).run('spec/x_spec.rb')]
    drawn = runner(spec(body)).run('spec/x_spec.rb')
    assert_equal order[drawn], order[runner(spec(body), seed: drawn.finished['seed']).run('spec/x_spec.rb')]
    told = runner(spec(body)).run('spec/x_spec.rb', seed: 42)
    assert_equal [order[first], 42], [order[told], told.finished['seed']]
  end

  # What is left of a file keeps its order: so the cases before a failure can be left out one by one.
  def test_a_part_of_a_file_runs_in_the_order_of_the_whole
    body = "RSpec.configure { |c| c.order = :random }\n" \
           "RSpec.describe('x') { 8.times { |i| it(i.to_s) {} }; describe('y') { 4.times { |i| it(i.to_s) {} } } }"
    ids = runner(spec(body)).run('spec/x_spec.rb', seed: 7).cases.map { |one| one['id'] }
    some = ids.each_slice(2).map(&:first)
    part = runner(spec(body)).run('spec/x_spec.rb', seed: 7, only: some)
    assert_equal some, (part.cases.map { |one| one['id'] })
  end

  def test_order
    body = "RSpec.describe('x') { 8.times { |i| it(i.to_s) {} } }"
    order = ->(**options) { runner(spec(body), **options).run('spec/x_spec.rb').statuses.keys }
    defined = (0..7).map { |i| "x #{i}" }
    assert_equal defined, order.call
    refute_equal defined, order.call(order: 'random', seed: 42)
    assert_equal order.call(order: 'random', seed: 42), order.call(arguments: ['--seed', '42'])
    assert_equal defined, order.call(order: 'defined', seed: 42)
    assert_equal defined, order.call(order: 'random', arguments: ['--order', 'defined']), 'arguments win'
  end

  def test_what_tests_leave_behind
    outcome = run_then_good(<<~RUBY)
      RSpec.describe 'x' do
        it('changes directory') { Dir.chdir('/') }
        it('changes the separator') { $VERBOSE = nil; $/ = 'x'; $, = nil }
        it('stubs') { allow(Process).to receive(:clock_gettime).and_return(0); allow(File).to receive(:open) }
        it('steals stdout') { $stdout = StringIO.new }
        it('leaves a thread') { Thread.new { sleep } }
      end
    RUBY
    assert_equal ['passed'], outcome.statuses.values.uniq
    assert_equal({ 'exit' => 0 }, outcome.runner.stop.last)
  end

  def test_at_exit_hooks_run_at_the_end_and_once
    runner = runner(spec(<<~'RUBY'))
      at_exit { puts 'from the file' }
      RSpec.describe('x') { it('y') { at_exit { puts 'from the case' } } }
    RUBY
    runner.run('spec/x_spec.rb')
    assert_empty runner.output
    assert_equal({ 'exit' => 0 }, runner.stop.last)
    assert_equal "from the case\nfrom the file\n", runner.output
  end

  def test_exit_in_a_suite_hook_is_an_error_and_the_rest_is_run
    runner = runner(spec("RSpec.configure { |c| c.after(:suite) { exit 4 } }\nat_exit { puts 'at exit' }\n#{GOOD}"))
    runner.run('spec/x_spec.rb')
    stopped, ending = runner.stop
    assert_equal [%w[suite SystemExit]], stopped['errors'].map { |error| error.values_at('stage', 'class') }
    assert_equal [{ 'exit' => 0 }, "at exit\n"], [ending, runner.output]
  end

  def test_tests_of_another_framework_do_not_pass_unseen
    files = { 'test/x_test.rb' => "require 'minitest/autorun'\nclass XTest < Minitest::Test; def test_x; puts 'ran'; end; end",
              'test/y_test.rb' => "require 'test/unit'\nclass YTest < Test::Unit::TestCase; def test_y; end; end" }
    runner = runner(spec(GOOD).merge(files), framework: 'rspec')
    2.times do
      assert_match(/has tests of Minitest/, runner.run('test/x_test.rb').errors.first['message'])
      assert_match(/has tests of test-unit/, runner.run('test/y_test.rb').errors.first['message'])
    end
    assert_equal 'passed', runner.run('spec/x_spec.rb').verdict
    assert_equal({ 'exit' => 0 }, runner.stop.last)
    assert_empty runner.output
  end

  def test_deprecations_that_a_helper_makes_errors
    runner = runner(spec("require 'spec_helper'\nRSpec.describe('x') { it('y') { RSpec.deprecate('old') } }")
                      .merge('spec/spec_helper.rb' => 'RSpec.configure(&:raise_errors_for_deprecations!)'))
    assert_equal({ 'x y' => 'failed' }, runner.run('spec/x_spec.rb').statuses)
  end

  def test_deprecations_that_go_to_a_file
    runner = runner(spec("require 'spec_helper'\nRSpec.describe('x') { it('y') { RSpec.deprecate('old') } }")
                      .merge('spec/spec_helper.rb' => "RSpec.configure { |c| c.deprecation_stream = 'log/old.txt' }"))
    assert_equal 'passed', runner.run('spec/x_spec.rb').verdict
    assert_empty runner.stop.first['errors']
  end

  def test_base_classes_of_other_frameworks_are_no_tests
    files = { 'spec/helper.rb' => "require 'test/unit'; require 'minitest'; class A < Test::Unit::TestCase; end; class B < Minitest::Test; end",
              'spec/empty_spec.rb' => "require 'helper'\nRSpec.describe('empty') {}" }
    assert_equal 'passed', runner(files).run('spec/empty_spec.rb').verdict
  end

  def test_autorun_does_nothing
    runner = runner(spec("require 'rspec/autorun'\n#{GOOD}"))
    assert_equal 'passed', runner.run('spec/x_spec.rb').verdict
    assert_equal({ 'exit' => 0 }, runner.stop.last)
    refute_match(/examples/, runner.output)
  end

  def test_autorun_in_preload_does_nothing
    host = host(spec(''), framework: 'minitest', preload: ['rspec/autorun'])
    runner = host.fork
    assert_equal 'passed', runner.run('spec/good_spec.rb', framework: 'rspec').verdict
    assert_equal({ 'exit' => 0 }, runner.stop.last)
    host.send(type: 'finish')
    host.read
    assert_equal 0, host.ended.exitstatus
    refute_match(/examples/, host.log + runner.output)
  end

  def test_growth_replaces_the_runner
    runner = runner(spec('$kept = "x" * 60_000_000'), rss_growth_kb: 30_000)
    refute runner.run('spec/good_spec.rb').replace?
    outcome = runner.run('spec/x_spec.rb')
    assert outcome.replace?
    assert_operator outcome.finished['rss_kb'], :>, 60_000
  end

  def test_missing_rspec_is_a_clear_error
    host = host(spec(GOOD).merge('hide.rb' => <<~RUBY), framework: 'minitest', preload: ['hide.rb'])
      module Hidden
        def require(name)
          raise LoadError.new("cannot load such file -- \#{name}").tap { |e| e.define_singleton_method(:path) { name } } if name.start_with?('rspec')
          super
        end
      end
      Object.prepend(Hidden)
    RUBY
    outcome = host.fork.run('spec/x_spec.rb', framework: 'rspec')
    assert_equal ['framework', 'cannot load rspec: cannot load such file -- rspec/core; add it to the Gemfile'],
                 outcome.errors.first.values_at('stage', 'message')
  end
end
