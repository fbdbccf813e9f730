# frozen_string_literal: true

require_relative 'host_case'
require 'open3'

# Units of which only some cases are wanted: by place, by name, by tag, in all three frameworks.
class CaseFilterTest < HostCase
  SPEC = <<~RUBY
    require 'rspec'
    RSpec.configure { |c| c.filter_run_excluding(:hidden); c.run_all_when_everything_filtered = true }
    RSpec.describe 'x' do
      it('one', :slow) {}
      it 'two' do
        expect(1).to eq 2
      end

      context 'inner', db: 'mysql' do
        it('three') {}
        it('four', :hidden) {}
      end
      [5, 6].each { |n| it("number \#{n}") {} }
    end
    RSpec.describe('y') { it('one') {} }
  RUBY
  FILE = 'spec/x_spec.rb'

  # What `rspec` itself runs for these words, {full description => status}.
  def rspec_alone(directory, *words)
    clean = { 'RUBYOPT' => nil, 'SPEC_OPTS' => nil, 'BUNDLE_GEMFILE' => nil }
    output, = Open3.capture2(clean, 'rspec', '--format', 'json', *words, chdir: directory)
    JSON.parse(output[/\{.*\}/m])['examples'].to_h { |one| [one['full_description'], one['status']] }
  end

  def assert_as_rspec(words, **fields)
    @project ||= project(FILE => SPEC, 'spec/good_spec.rb' => "RSpec.describe('good') { it('works') {} }")
    @runner ||= runner(@project)
    assert_equal rspec_alone(@project.directory, *words), @runner.run(FILE, **fields).statuses, words.join(' ')
  end

  def test_rspec_runs_what_rspec_alone_runs
    [4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 16, 99, 3].each do |line|
      assert_as_rspec(["#{FILE}:#{line}"], places: [":#{line}"])
    end
    assert_as_rspec(["#{FILE}:4:10"], places: [':4', ':10'])
    assert_as_rspec(["#{FILE}[1:1,1:3]"], places: ['[1:1]', '[1:3]'])
    assert_as_rspec(["#{FILE}[2]", "#{FILE}:5"], places: ['[2]', ':5'])
    assert_as_rspec(['-e', 'one', FILE], names: ['one'])
    assert_as_rspec(['-e', 'x one', '-e', 'four', FILE], names: ['x one', 'four'])
    assert_as_rspec(['-t', 'slow', FILE], tags: ['slow'])
    assert_as_rspec(['-t', '~slow', FILE], tags: ['~slow'])
    assert_as_rspec(['-t', 'db:mysql', '-t', '~hidden', FILE], tags: ['db:mysql', '~hidden'])
    assert_as_rspec(['-t', 'slow', "#{FILE}:10"], tags: ['slow'], places: [':10'])
    assert_as_rspec(['-e', 'one', "#{FILE}:10"], names: ['one'], places: [':10'])
    assert_as_rspec([FILE])
    assert_equal({ 'good works' => 'passed' }, @runner.run('spec/good_spec.rb', places: [':1']).statuses)
  end

  def test_expressions
    runner = runner({ FILE => SPEC, 'test/m_test.rb' => <<~RUBY, 'test/u_test.rb' => <<~RUBY })
      require 'minitest/autorun'
      class MTest < Minitest::Test; def test_one; end; def test_two; end; end
    RUBY
      require 'test/unit'
      class UTest < Test::Unit::TestCase; def test_one; end; def test_two; end; end
    RUBY
    names = ->(file, term) { runner.run(file, expression: term).statuses.keys.sort }
    assert_equal ['x one'], names[FILE, %w[tag slow]]
    assert_equal ['x inner three'], names[FILE, %w[tag db:mysql]]
    assert_equal ['x one', 'y one'], names[FILE, %w[name one]]
    assert_equal ['x one'], names[FILE, ['name_is', 'x one']]
    assert_equal ['x number 5', 'x number 6'], names[FILE, ['and', %w[word number], ['not', %w[tag slow]]]]
    assert_equal ['x two', 'y one'], names[FILE, ['or', ['ids', ['./spec/x_spec.rb[1:2]']], ['name_is', 'y one']]]
    { 'test/m_test.rb' => 'MTest', 'test/u_test.rb' => 'UTest' }.each do |file, name|
      assert_equal ["#{name}#test_two"], names[file, ['not', %w[word one]]]
      assert_equal ["#{name}#test_one"], names[file, ['ids', ["#{name}#test_one"]]]
      assert_equal [], names[file, %w[tag slow]], 'it has no tags'
    end
    [FILE, 'test/m_test.rb', 'test/u_test.rb'].each do |file|
      [nil, ['magic', 'x'], ['not', ['magic']]].each do |term|
        result = runner.run(file, expression: term)
        assert_equal 'failed', result.verdict, term.inspect
        assert_equal({}, result.statuses)
      end
    end
  end

  def test_names_stand_beside_those_of_the_arguments
    runner = runner({ FILE => SPEC }, arguments: ['--example', 'two'])
    assert_equal ['x two'], runner.run(FILE).statuses.keys
    assert_equal ['x two', 'x inner three'], runner.run(FILE, names: ['three']).statuses.keys
    assert_equal ['x two'], runner.run(FILE).statuses.keys
  end

  def test_arguments_without_a_match_run_nothing
    [['--tag', 'gone'], ['--example', 'gone']].each do |arguments|
      assert_empty runner({ FILE => SPEC }, arguments: arguments).run(FILE).statuses
    end
  end

  def test_a_file_without_a_match_runs_nothing_and_passes
    runner = runner(FILE => SPEC)
    [{ names: ['gone'] }, { tags: ['gone'] }].each do |fields|
      outcome = runner.run(FILE, **fields)
      assert_equal [{}, 'passed', []], [outcome.statuses, outcome.verdict, outcome.errors]
    end
  end

  def test_places_where_nothing_is
    runner = runner(FILE => SPEC)
    outcome = runner.run(FILE, places: [':1', ':4', '[7:1]', '<new>'])
    assert_equal [{ 'x one' => 'passed' }, 'failed'], [outcome.statuses, outcome.verdict]
    assert_equal ['spec/x_spec.rb:1: there is no example or group at or before this line',
                  'spec/x_spec.rb[7:1]: there is no example or group with this id',
                  'spec/x_spec.rb<new>: this is neither a line nor an id'],
                 outcome.errors.map { |error| error['message'] }
    assert_equal ['selection'], outcome.errors.map { |error| error['stage'] }.uniq
  end

  def test_places_and_case_ids_must_both_hold
    runner = runner(FILE => SPEC)
    ids = ["./#{FILE}[1:1]", "./#{FILE}[1:3:1]"]
    assert_equal ['x inner three'], runner.run(FILE, places: [':9', ':5'], only: ids).statuses.keys
    assert_equal ['x two', 'x inner four'], runner.run(FILE, places: [':9', ':5'], except: ids).statuses.keys
    assert_equal 'passed', runner.run(FILE, places: [':4'], except: ids).verdict, 'the rest of a unit may be empty'
  end

  # ---- frameworks whose tests are methods ----

  MINITEST = <<~RUBY
    require 'minitest/autorun'
    class ATest < Minitest::Test
      def test_one; end

      def test_two
        flunk
      end
      %w[x y].each { |name| define_method("test_\#{name}") {} }
    end
    class BTest < ATest
      def test_one; end
    end
    describe 'outer' do
      it('is') {}
      describe 'inner' do
        it('too') {}
      end
    end
  RUBY
  TEST_UNIT = <<~RUBY
    require 'test/unit'
    class ATest < Test::Unit::TestCase
      def test_one; end

      test 'with words' do
        flunk
      end
      data('a' => 1, 'b' => 2)
      def test_data(n); end
      sub_test_case 'inner' do
        test('too') {}
      end
    end
  RUBY

  def names_run(runner, **fields)
    outcome = runner.run('test/x_test.rb', **fields)
    assert_equal [], outcome.errors
    outcome.statuses.keys.sort
  end

  def test_minitest_by_line
    runner = runner('test/x_test.rb' => MINITEST)
    at = ->(*lines) { names_run(runner, places: lines.map { |line| ":#{line}" }) }
    a = %w[ATest#test_one ATest#test_two ATest#test_x ATest#test_y]
    inner = ['outer::inner#test_0001_too']
    assert_equal a, at[2]
    assert_equal ['ATest#test_one'], at[3]
    assert_equal ['ATest#test_one'], at[4], 'the test before the line'
    # A subclass runs the tests that it inherits, and so does their line.
    assert_equal %w[ATest#test_two BTest#test_two], at[6]
    assert_equal %w[ATest#test_x ATest#test_y BTest#test_x BTest#test_y], at[8]
    assert_equal ['ATest#test_one', 'BTest#test_one', *inner], at[3, 11, 16]
    assert_equal ['BTest#test_one', 'BTest#test_two', 'BTest#test_x', 'BTest#test_y'], at[10]
    assert_equal ['outer#test_0001_is', *inner].sort, at[13].sort
    assert_equal inner, at[15]
    assert_equal inner, at[99]
  end

  def test_test_unit_by_line
    runner = runner('test/x_test.rb' => TEST_UNIT)
    at = ->(line) { names_run(runner, places: [":#{line}"]) }
    data = ['ATest#test_data[a]', 'ATest#test_data[b]']
    inner = ['ATest::inner#test: too']
    assert_equal ['ATest#test: with words', 'ATest#test_one', *data, *inner].sort, at[2].sort
    assert_equal ['ATest#test_one'], at[4]
    assert_equal ['ATest#test: with words'], at[6]
    assert_equal data, at[9]
    assert_equal inner, at[10]
    assert_equal inner, at[11]
  end

  def test_methods_by_name
    runner = runner('test/x_test.rb' => MINITEST)
    assert_equal ['ATest#test_one', 'BTest#test_one'], names_run(runner, names: ['Test#test_one'])
    assert_equal ['ATest#test_x', 'outer#test_0001_is'], names_run(runner, names: ['ATest#test_x', '_is'])
    assert_equal [], names_run(runner, names: ['gone'])
    assert_equal ['ATest#test_one'], names_run(runner, names: ['test_one'], places: [':2'])
    runner = runner('test/x_test.rb' => TEST_UNIT)
    assert_equal ['ATest#test: with words', 'ATest#test_data[b]'], names_run(runner, names: ['words', '[b]'])
  end

  def test_what_methods_do_not_have
    { 'Minitest' => MINITEST, 'test-unit' => TEST_UNIT }.each do |framework, text|
      outcome = runner('test/x_test.rb' => text).run('test/x_test.rb', places: [':1', '[1:2]'], tags: ['~slow'])
      assert_empty outcome.statuses
      assert_equal ["-t ~slow: #{framework} has no tags; select by file, by line or with -e",
                    "test/x_test.rb[1:2]: #{framework} has no such ids; select by line or with -e",
                    'test/x_test.rb:1: there is no test at or before this line'],
                   outcome.errors.map { |error| error['message'] }
    end
  end
end
