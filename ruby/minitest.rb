# frozen_string_literal: true

require_relative 'wire'

# Runs Minitest 5 (and later) classes. Loading files and finding their tests is common with test-unit: see xunit.rb.
module Gorgon
  class MinitestAdapter
    NAME = 'Minitest'

    class << self
      def load_library
        require 'minitest'
        disarm
      end

      def loaded?
        defined?(::Minitest::Runnable) ? true : false
      end

      # `minitest/autorun` registers an at_exit hook that runs everything. Before: tell it that it has done so. After:
      # leave the hook nothing to run.
      def disarm
        return if @disarmed

        @disarmed = true
        if Minitest.class_variable_defined?(:@@installed_at_exit) && Minitest.class_variable_get(:@@installed_at_exit)
          Minitest.define_singleton_method(:run) { |*| true }
        else
          Minitest.class_variable_set(:@@installed_at_exit, true)
        end
        Minitest::Runnable.singleton_class.prepend(MethodRecorder)
      end

      # Minitest does not keep in which order methods were defined: by name is the other order that it has.
      def order_by_name
        return if @by_name

        @by_name = true
        Minitest::Test.singleton_class.prepend(Module.new do
          def test_order
            order = super
            order == :random ? :alpha : order
          end
        end)
      end
    end

    def initialize(settings)
      @settings = settings
    end

    # Of the file at `path`.
    def begin_recording(path)
      known = self.class.loaded? ? Minitest::Runnable.runnables : []
      @recording = RecordedTests.new(known, path)
      MethodRecorder.current = @recording if self.class.loaded?
    end

    # An array of [class, all its test names or those this file added], classes in the order of their definition.
    def recorded
      return [] unless self.class.loaded?

      set_seed(Minitest.seed || 0) if Minitest.respond_to?(:seed) # runnable_methods shuffles with it
      @recording.complete(Minitest::Runnable.runnables)
      tests = @recording.classes.map do |test_class, names|
        methods = test_class.runnable_methods.map(&:to_s)
        [test_class, names == true ? methods : methods.select { |name| names.key?(name) }]
      end
      tests.reject { |_, names| names.empty? }
    end

    def class_lines
      @recording.class_lines
    end

    # Calls the block with class and method name.
    def each_test(tests)
      tests.each { |test_class, names| names.each { |name| yield test_class, name } }
    end

    # `filter` is a MethodFilter; nil: no filter.
    def run(tests, unit, report, filter = nil)
      prepare(unit)
      reporter = self.class.reporter_class.new(report, @settings.workspace)
      wanted = select(tests, unit, reporter, filter)
      # As Minitest orders them: classes shuffled (`--order defined`: as they stand in the file), those that run in threads last.
      wanted = wanted.shuffle unless @settings.order == 'defined'
      parallel, serial = wanted.partition { |test_class, _| reporter.parallel?(test_class) }
      executor = Minitest.parallel_executor
      executor.start if executor.respond_to?(:start)
      begin
        (serial + parallel).each { |test_class, names| run_class(test_class, names, reporter) }
      ensure
        executor.shutdown
      end
    end

    def finish
      return [] unless self.class.loaded? && Minitest.class_variable_defined?(:@@after_run)

      blocks = Minitest.class_variable_get(:@@after_run)
      errors = blocks.reverse.map { |block| Gorgon.failure_of(&block) }
      blocks.clear # a hook of autorun, should it be there, would run them again
      errors.compact.map { |error| Wire.error('suite', error) }
    end

    private

    def prepare(unit)
      @options ||= options
      self.class.order_by_name if @settings.order == 'defined'
      unit.seed = @options[:seed] if @seed_given
      set_seed(unit.seed)
      srand(unit.seed)
    end

    def set_seed(seed)
      Minitest.seed = seed if Minitest.respond_to?(:seed=) # since 5.16
    end

    # Plugins and arguments, once, and after the first file as in a run of Minitest's own. What plugins print goes
    # nowhere: the originator reports.
    def options
      arguments = @settings.arguments.dup
      @seed_given = arguments.any? { |argument| argument.match?(/\A(-s|--seed)/) }
      Minitest.load_plugins unless arguments.delete('--no-plugins') || ENV['MT_NO_PLUGINS'] ||
                                   !Minitest.respond_to?(:load_plugins)
      options = Minitest.process_args(arguments)
      options[:io] = File.open(File::NULL, 'w')
      reporter = Minitest::CompositeReporter.new
      reporter << Minitest::SummaryReporter.new(options[:io], options)
      reporter << Minitest::ProgressReporter.new(options[:io], options)
      Minitest.reporter = reporter
      Minitest.init_plugins(options)
      Minitest.reporter = nil
      options
    end

    # Names every case, and gives [class, names] of those the unit asks for.
    def select(tests, unit, reporter, filter)
      ids = CaseIds.new
      tests.map do |test_class, names|
        chosen = names.sort.select do |name|
          id = ids.id(test_class.name, name)
          unit.selects?(id) && (filter.nil? || filter.selects?(test_class, name, full_name(test_class, name), id)) &&
            reporter.expect(test_class, name, id)
        end
        [test_class, chosen]
      end
    end

    def full_name(test_class, name)
      "#{test_class.name}##{name}"
    end

    # Through the class's own `run`, which a project may have wrapped. It asks our filter for each method name.
    def run_class(test_class, names, reporter)
      return if names.empty?

      filter = NameFilter.new(test_class, names, @options[:filter] || @options[:include])
      options = @options.merge(filter: filter, include: filter)
      if test_class.respond_to?(:run_suite) # Minitest 6
        test_class.run_suite(reporter, options)
      else
        test_class.run(reporter, options)
      end
    end

    # Stands where Minitest expects a pattern. `user_filter` is that of the arguments (`-n`).
    class NameFilter
      def initialize(test_class, names, user_filter)
        @test_class = test_class
        @names = names.to_h { |name| [name, true] }
        pattern = user_filter.is_a?(String) && user_filter[%r{\A/(.*)/\z}m, 1]
        @user_filter = pattern ? Regexp.new(pattern) : user_filter
      end

      def ===(name)
        return false unless @names.key?(name.to_s)

        @user_filter.nil? || @user_filter === name || @user_filter === "#{@test_class}##{name}"
      end
    end

    # A subclass of Minitest's own reporter, made when Minitest is there.
    def self.reporter_class
      @reporter_class ||= Class.new(Minitest::AbstractReporter) { include Events }
    end

    # Minitest calls prerecord before a test and record after it, from several threads when a class asked for that.
    module Events
      def initialize(report, workspace)
        super()
        @report = report
        @workspace = workspace
        @expected = {}
        @open = Hash.new { |hash, key| hash[key] = [] }
      end

      def reporters
        [self]
      end

      def parallel?(test_class)
        test_class.respond_to?(:test_order) && test_class.test_order == :parallel
      end

      def expect(test_class, name, id)
        @expected[[test_class.object_id, name]] = id
      end

      def prerecord(test_class, name)
        id = @expected.fetch([test_class.object_id, name.to_s])
        full_name = "#{test_class.name}##{name}"
        location = SourceLocation.of(test_class.instance_method(name).source_location, @workspace)
        @open[full_name] << [id, location, !parallel?(test_class)]
        @report.case_started(id: id, name: full_name, location: location)
      end

      def record(result)
        name = "#{result.respond_to?(:klass) ? result.klass : result.class.name}##{result.name}"
        id, location, alone = @open[name].shift
        @report.case_finished(id: id, name: name, location: location, status: status(result),
                              seconds: result.time.to_f, failure: failure(result),
                              pending: (result.failure.message if result.skipped?), alone: alone)
      end

      private

      # As Minitest prints it: the first failure decides.
      def status(result)
        if result.passed? then 'passed'
        elsif result.skipped? then 'skipped'
        else unexpected?(result.failure) ? 'error' : 'failed'
        end
      end

      # A test has several failures when its teardown fails too: all are told, the first names the class.
      def failure(result)
        return nil if result.passed? || result.skipped?

        failures = result.failures
        first = failures.first
        Wire.error(unexpected?(first) ? 'case' : 'assertion', cause(first),
                   message: failures.map { |one| Wire.message_of(cause(one)) }.join("\n\n"),
                   backtrace: Minitest.filter_backtrace(first.backtrace || []),
                   display: failures.map { |one| display(one) }.join("\n\n"))
      end

      # Minitest wraps whatever is no assertion.
      def cause(failure)
        unexpected?(failure) ? (failure.respond_to?(:error) ? failure.error : failure.exception) : failure
      end

      def unexpected?(failure)
        failure.is_a?(Minitest::UnexpectedError)
      end

      def display(failure)
        "#{failure.result_label}#{" [#{failure.location}]" unless unexpected?(failure)}:\n" \
          "#{Wire.text(failure.message)}"
      end
    end
  end
end
