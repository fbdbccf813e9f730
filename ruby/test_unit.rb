# frozen_string_literal: true

require_relative 'wire'

# Runs test-unit 3 classes. Loading files and finding their tests is common with Minitest: see xunit.rb.
module Gorgon
  class TestUnitAdapter
    NAME = 'test-unit'
    STATUSES = { 'Test::Unit::Error' => 'error', 'Test::Unit::Failure' => 'failed', 'Test::Unit::Pending' => 'pending',
                 'Test::Unit::Omission' => 'skipped' }.freeze
    # The first of these among a test's faults is its status; a notification is none.
    PRECEDENCE = %w[error failed pending skipped].freeze

    class << self
      def load_library
        require 'test/unit'
        load_parts
        disarm
      end

      # What test-unit's own runner loads when it runs.
      def load_parts
        require 'test/unit/testresult'
        require 'test/unit/collector'
      end

      # ActiveSupport and others define Test::Unit::TestCase over Minitest; the real one keeps its descendants.
      def loaded?
        defined?(::Test::Unit::TestCase::DESCENDANTS) && defined?(::Test::Unit::AutoRunner) ? true : false
      end

      def test?(test_class, name)
        name == 'default_test' || Test::Unit::TestSuiteCreator.test_method?(test_class, name)
      end

      def disarm
        Test::Unit::AutoRunner.need_auto_run = false
        return if @recording

        @recording = true
        Test::Unit::TestCase.singleton_class.prepend(MethodRecorder)
      end
    end

    def initialize(settings)
      @settings = settings
      @started = false
    end

    # Of the file at `path`.
    def begin_recording(path)
      known = self.class.loaded? ? Test::Unit::TestCase::DESCENDANTS : []
      @recording = RecordedTests.new(known, path)
      MethodRecorder.current = @recording if self.class.loaded?
    end

    # A RecordedTests. Known classes count once they have got a test, any other method is no reason to run them. New ones
    # count with the methods they have now: a later file may add more, which are not this file's.
    def recorded
      return [] unless self.class.loaded?

      classes = @recording.complete(Test::Unit::TestCase::DESCENDANTS).classes
      classes.each_key do |test_class|
        next unless classes[test_class] == true

        classes[test_class] = test_class.public_instance_methods.to_h { |name| [name.to_s, true] }
      end
      classes.delete_if { |test_class, names| names.each_key.none? { |name| self.class.test?(test_class, name) } }
      @recording
    end

    def class_lines
      @recording.class_lines
    end

    # Calls the block with class and method name.
    def each_test(tests)
      tests.classes.each do |test_class, names|
        names.each_key { |name| yield test_class, name if self.class.test?(test_class, name) && test_class.method_defined?(name) }
      end
    end

    # `filter` is a MethodFilter; nil: no filter.
    def run(tests, unit, report, filter = nil)
      start
      suite = suite_of(tests, unit, filter)
      @report = report
      @faults = []
      @current = nil
      result = Test::Unit::TestResult.new
      result.add_listener(Test::Unit::TestResult::FAULT) { |fault| @faults << fault }
      catch do |stop_tag|
        result.stop_tag = stop_tag
        suite.run(result) { |event, value| on_event(event, value) }
      end
      report_class_faults
    end

    def finish
      return [] unless @started

      failure = Gorgon.failure_of { Test::Unit.run_at_exit_hooks }
      failure ? [Wire.error('suite', failure)] : []
    end

    private

    # Arguments (`-n`, `-t`, …) and start hooks, once and after the first file as in a run of test-unit's own.
    def start
      return if @started

      self.class.load_parts
      runner = Test::Unit::AutoRunner.new(false)
      runner.prepare
      runner.process_args(@settings.arguments.dup)
      @filters = runner.filters
      Test::Unit::TestCase.test_order = @settings.order.to_sym if @settings.order # a class may have its own
      @started = true
      Test::Unit.run_at_start_hooks
    end

    # test-unit's own collector builds the tree, for sub test cases run inside of their parent's startup and shutdown.
    # The parents from other files take part with nothing but those.
    def suite_of(tests, unit, filter)
      @ids = {}.compare_by_identity
      ids = CaseIds.new
      wanted = lambda do |test|
        next false unless tests.include?(test.class, test.method_name)

        id = @ids[test] = ids.id(test.class.name, test.local_name)
        unit.selects?(id) && (filter.nil? || filter.selects?(test.class, test.method_name, name(test), id)) &&
          @filters.none? { |filter| filter[test] == false }
      end
      suite = Test::Unit::TestSuite.new(unit.file)
      collector = Collector.build(wanted)
      collector.add_test_cases(suite, with_parents(tests.classes.keys))
      suite
    end

    def with_parents(classes)
      parents = classes.flat_map do |test_class|
        test_class.ancestors.select { |one| one.is_a?(Class) && one < Test::Unit::TestCase }
      end
      (parents + classes).uniq
    end

    # The module needs test-unit, so the class is made late.
    module Collector
      def self.build(wanted)
        @class ||= Class.new { include Test::Unit::Collector }
        collector = @class.new
        collector.filter = [wanted]
        collector
      end
    end

    def on_event(event, value)
      case event
      when Test::Unit::TestCase::STARTED_OBJECT
        report_class_faults
        @current = value
        @report.case_started(id: @ids[value], name: name(value), location: location(value))
      when Test::Unit::TestCase::FINISHED_OBJECT
        finish_case(value)
      end
    end

    def finish_case(test)
      by_status = @faults.group_by { |fault| STATUSES[fault.class.name] }
      @faults.clear
      @current = nil
      status = PRECEDENCE.find { |one| by_status.key?(one) } || 'passed'
      bad = %w[error failed].flat_map { |one| by_status[one] || [] }
      pending = %w[pending skipped].include?(status) ? by_status[status].first.message : nil
      @report.case_finished(id: @ids[test], name: name(test), location: location(test), status: status,
                            seconds: test.elapsed_time.to_f, failure: (failure(bad) unless bad.empty?),
                            pending: pending)
    end

    # A fault outside of tests comes from startup (before the first test of the class) or shutdown (after the last).
    def report_class_faults
      return if @current

      bad = @faults.select { |fault| %w[error failed].include?(STATUSES[fault.class.name]) }
      bad.each { |fault| @report.error(failure([fault]).merge('stage' => 'outside')) }
      @faults.clear
    end

    # A test has several faults when its teardown fails too: all are told, the first names the class.
    def failure(faults)
      first = faults.first
      message = faults.map { |fault| error?(fault) ? Wire.message_of(fault.exception) : fault.message }.join("\n\n")
      display = faults.map { |fault| Wire.text(fault.long_display) }.join("\n\n")
      if error?(first)
        Wire.error('case', first.exception, message: message, backtrace: first.location, display: display)
      else
        Wire.plain_error('assertion', 'Test::Unit::AssertionFailedError', message, first.location)
            .merge('display' => Wire.text(display, Wire::MESSAGE_BYTES))
      end
    end

    def error?(fault)
      fault.is_a?(Test::Unit::Error)
    end

    def name(test)
      "#{test.class.name}##{test.local_name}"
    end

    def location(test)
      source = test[:source_location] || test.method(test.method_name).source_location
      SourceLocation.of(source, @settings.workspace)
    end
  end
end
