# frozen_string_literal: true

require_relative 'case_filter'
require_relative 'wire'

# Runs RSpec files, many in one process, each as if alone. Never `require`d by the name of its folder: that stays free for
# the gem.
#
# RSpec's own runner works once per process, so this loop stands in its place, between the same two ends: options and
# suite hooks. Internals it touches (rspec-core 3.12): get_files_to_run, run_suite_hooks, @before_suite_hooks,
# @after_suite_hooks, World#@filtered_examples,
# @descending_declaration_line_numbers_by_file, the reporter's start, finish and lists.
module Gorgon
  class RSpecAdapter
    # Options that belong to whoever runs the suite as a whole.
    NOT_OURS = %i[formatters drb drb_port runner profile bisect fail_fast color_mode output_stream].freeze
    INTERNALS = %i[get_files_to_run run_suite_hooks reset_filters static_config_filter_manager ordering_manager].freeze
    FAILURE_CLASSES = %w[RSpec::Expectations::ExpectationNotMetError RSpec::Mocks::MockExpectationError
                         RSpec::Core::Pending::PendingExampleFixedError Minitest::Assertion
                         Test::Unit::AssertionFailedError].freeze

    class << self
      def preload(project)
        project.directory?('lib') && add_load_path(project.path('lib'))
        project.directory?('spec') && add_load_path(project.path('spec'))
        load_core
        preload_expectations if project.rspec_expectations?
        # Loading rspec-mocks puts `stub` and friends on every object, so only for projects that would load it anyway.
        require 'rspec/mocks' if project.rspec_mocks?
      rescue LoadError
        nil # an error only for a unit that needs it
      end

      def load_core
        require 'rspec/core'
        RSpec::Core::Runner.disable_autorun!
        @configuration = RSpec.configuration
        FocusFilters.install(RSpec.configuration)
        DeprecationStream.install(RSpec.configuration)
        RSpec::Support.require_rspec_core 'formatters/base_formatter'
        RSpec::Support.require_rspec_core 'formatters/exception_presenter'
        RSpec::Support.require_rspec_core 'formatters/deprecation_formatter'
      end

      # After each file: what there is to do is done already, unless a file has put another configuration in place.
      def disarm
        return unless defined?(::RSpec::Core::Runner)

        load_core unless @configuration.equal?(RSpec.configuration)
        # The hook of rspec/autorun is in place already when it was loaded before us.
        RSpec::Core::Runner.define_singleton_method(:perform_at_exit) {} if RSpec::Core::Runner.installed_at_exit?
      end

      private

      # Matchers load on first use; a runner should not have to.
      def preload_expectations
        require 'rspec/expectations'
        matchers = RSpec::Matchers::BuiltIn
        matchers.constants.each { |name| matchers.const_get(name) if matchers.autoload?(name) }
      end

      def add_load_path(directory)
        $LOAD_PATH.unshift(directory) unless $LOAD_PATH.include?(directory)
      end
    end

    # `filter_run_when_matching :focus` acts once per process in RSpec: the first match makes a permanent filter, and
    # hides the cases of every later file. Here it is asked again for each file.
    module FocusFilters
      def self.install(configuration)
        configuration.singleton_class.prepend(self) # RSpec has its own idea of `extend`
      end

      def gorgon_focus_filters
        @gorgon_focus_filters ||= []
      end

      def filter_run_when_matching(*arguments)
        metadata = RSpec::Core::Metadata.build_hash_from(arguments)
        gorgon_focus_filters << metadata unless gorgon_focus_filters.include?(metadata)
      end
    end

    # A helper that is loaded with the first file may set the stream of deprecations, and make them errors that way. RSpec
    # alone has no reporter until all files are loaded; here it is there already, and its formatter has to follow.
    module DeprecationStream
      def self.install(configuration)
        configuration.singleton_class.prepend(self)
      end

      def deprecation_stream=(value)
        return @deprecation_stream = value unless @reporter

        value = open_file(value) unless value.respond_to?(:puts)
        @deprecation_stream = value
        return if RSpec.configuration.instance_variable_get(:@preferred_options).key?(:deprecation_stream)

        send(:formatter_loader).formatters.grep(RSpec::Core::Formatters::DeprecationFormatter).each do |formatter|
          formatter.instance_variable_set(:@deprecation_stream, value)
          formatter.instance_variable_set(:@printer, nil)
        end
      end

      private

      def open_file(path)
        require 'fileutils'
        FileUtils.mkdir_p(File.dirname(path))
        File.open(path, 'w')
      end
    end

    # Lets us have the exception itself where RSpec only passes its text on.
    module OutsideErrors
      attr_accessor :gorgon_adapter

      def notify_non_example_exception(exception, description)
        gorgon_adapter.outside_error(exception, description)
        super
      end
    end

    def initialize(settings)
      @settings = settings
      @hooks_run = {}.compare_by_identity
      @suite_errors = []
      @suite_began = false
    end

    def run(unit, report)
      @report = report
      report.exit_status = 'failed' # RSpec knows no "error"
      @stage = 'load'
      boot unless @reporter
      prepare_world(unit)
      files = files_of(unit)
      # A failed --require or suite hook fails every file, as it fails the whole run of `rspec`.
      return report_suite_errors unless @suite_errors.empty? && load_files(files)

      report_empty_places(unit)
      select_examples(unit)
      return report_suite_errors unless run_suite_hooks

      @stage = 'outside'
      @world.ordered_example_groups.each { |group| group.run(@reporter) }
    ensure
      forget_examples if @reporter
    end

    def finish
      return [] unless @reporter

      @late_errors = []
      @stage = 'suite'
      failure = Gorgon.failure_of { run_after_suite_hooks } # RSpec lets an `exit` in one pass
      @late_errors << Wire.error('suite', failure) if failure
      @reporter.finish
      @late_errors
    end

    # What it runs, by their names for people.
    def frameworks
      ['RSpec']
    end

    # Called by the reporter for everything that fails outside of examples.
    def outside_error(exception, description)
      error = Wire.error(@stage, exception, message: "#{description}\n#{Wire.message_of(exception)}")
      case
      when @late_errors then @late_errors << error
      when @stage == 'boot' || @stage == 'suite' then @suite_errors << error
      else @report.error(error)
      end
    end

    # The formatter's side.

    def example_started(example)
      @report.case_started(id: example.id, name: example.full_description, location: location(example))
    end

    def example_finished(example, status, failure: nil, pending: nil)
      @report.case_finished(id: example.id, name: example.full_description, location: location(example),
                            status: status, seconds: example.execution_result.run_time.to_f, failure: failure,
                            pending: pending)
    end

    def example_failed(notification)
      example = notification.example
      exception = example.exception
      # RSpec has one word for both, the stage of the failure tells them apart.
      stage = failure?(exception) ? 'assertion' : 'case'
      example_finished(example, 'failed', failure: failure_of(notification, exception, stage),
                                          pending: example.execution_result.pending_message)
    end

    def example_pending(example)
      example_finished(example, 'pending', pending: example.execution_result.pending_message)
    end

    private

    def boot
      begin
        self.class.load_core
      rescue LoadError => e
        raise unless e.path.to_s.start_with?('rspec')

        raise FrameworkMissing, "cannot load rspec: #{e.message}; add it to the Gemfile"
      end
      check_version
      @config = RSpec.configuration
      @world = RSpec.world
      @options = {} # [names, tags] => ConfigurationOptions
      options = options_for(CaseFilter.new({}))
      configure(options)
    end

    # The arguments with the names and tags of a filter, read as `rspec` would read them.
    def options_for(filter)
      @options[[filter.names, filter.tags]] ||= begin
        more = filter.names.flat_map { |text| ['--example', text] } + filter.tags.flat_map { |tag| ['--tag', tag] }
        order = @settings.order ? ['--order', @settings.order] : [] # arguments behind it win
        options = RSpec::Core::ConfigurationOptions.new(order + @settings.arguments + more)
        NOT_OURS.each { |name| options.options.delete(name) }
        options
      end
    end

    # A version without these is better refused than run half.
    def check_version
      missing = INTERNALS.reject { |name| RSpec.configuration.respond_to?(name, true) }
      return if missing.empty?

      raise FrameworkMissing, "rspec-core #{RSpec::Core::Version::STRING} is not supported (no #{missing.join(', ')})"
    end

    def configure(options)
      null = File.open(File::NULL, 'w')
      @config.error_stream = null
      @config.output_stream = null
      @config.backtrace_exclusion_patterns << /\A#{Regexp.escape(Wire::OWN_FRAMES)}/
      @config.force(fail_fast: false, color_mode: :off) # the originator decides when to stop
      @config.add_formatter(events_formatter, null)
      reporter = @config.reporter
      reporter.extend(OutsideErrors)
      reporter.gorgon_adapter = self
      @stage = 'boot'
      options.configure(@config) # runs the files of --require
      reporter.start(0)
      @reporter = reporter
    end

    # A class per adapter, for RSpec makes the formatter itself.
    def events_formatter
      adapter = self
      formatter = Class.new do
        define_method(:initialize) { |_output| }
        define_method(:example_started) { |event| adapter.example_started(event.example) }
        define_method(:example_passed) { |event| adapter.example_finished(event.example, 'passed') }
        define_method(:example_failed) { |event| adapter.example_failed(event) }
        define_method(:example_pending) { |event| adapter.example_pending(event.example) }
      end
      RSpec::Core::Formatters.register(formatter, :example_started, :example_passed, :example_failed, :example_pending)
      formatter
    end

    # Whatever the file before has left behind that would stop or hide this one: above all `wants_to_quit`, which a load
    # error sets and which makes every later file run nothing and look green.
    def prepare_world(unit)
      @world.reset
      @world.wants_to_quit = false
      @world.non_example_failure = false
      @world.rspec_is_quitting = false if @world.respond_to?(:rspec_is_quitting=)
      # Permanent filters stay (an exclusion from a helper that is loaded only once); those of the file before go.
      @config.reset_filters
      @world.instance_variable_set(:@descending_declaration_line_numbers_by_file, nil) # kept for good by RSpec
      options = options_for(unit.filter)
      filter_examples(unit, options)
      @world.prepare_example_filtering
      share_seed(unit, options)
      @config.files_or_directories_to_run = [unit.file]
    end

    # In the order of `rspec`: a name goes before all else, and a place before tags.
    def filter_examples(unit, options)
      manager = @config.filter_manager
      parts = options.options[:full_description]
      manager.include_only(full_description: Regexp.union(*parts)) if parts
      options.configure_filter_manager(manager)
      lines = unit.filter.lines.values
      manager.add_location(path_of(unit), lines) unless lines.empty?
      ids = unit.filter.ids.values
      manager.add_ids(path_of(unit), ids) unless ids.empty?
    end

    # A place at which nothing is would be no filter that matches nothing, but a slip of the fingers. RSpec runs nothing
    # then, and is content.
    def report_empty_places(unit)
      return if unit.filter.empty?

      applies = ->(key, filter) do
        @world.all_examples.any? { |example| RSpec::Core::MetadataFilter.filter_applies?(key, filter, example.metadata) }
      end
      path = path_of(unit)
      lines = unit.filter.lines.reject { |_, line| applies[:locations, Hash.new([]).merge(path => [line])] }
      ids = unit.filter.ids.reject { |_, id| applies[:ids, { RSpec::Core::Metadata.relative_path(path) => [id] }] }
      texts = lines.keys.map { |place| "#{unit.file}#{place}: there is no example or group at or before this line" } +
              ids.keys.map { |place| "#{unit.file}#{place}: there is no example or group with this id" } +
              unit.filter.unknown_places.map { |place| "#{unit.file}#{place}: this is neither a line nor an id" } +
              [unit.filter.expression&.problem].compact
      texts.each { |text| @report.error(CaseFilter.error(text)) }
    end

    def path_of(unit)
      File.expand_path(unit.file, @settings.workspace)
    end

    # Config#seed= would also switch to random order. A seed in the arguments (`--seed 1`, `--order rand:1`) wins.
    def share_seed(unit, options)
      if options.options[:order].to_s.include?(':')
        srand(unit.seed = @config.seed)
      else
        @config.ordering_manager.instance_variable_set(:@seed, unit.seed)
      end
    end

    # Understands file.rb, file.rb:LINE and file.rb[1:2].
    def files_of(unit)
      path = path_of(unit)
      File.file?(path) ? [path] : @config.send(:get_files_to_run, [unit.file])
    end

    # False when the file did not load. RSpec alone runs nothing then, not even what was defined before the error.
    def load_files(files)
      @stage = 'load'
      files.each do |file|
        load(file)
        @config.loaded_spec_files << file
      end
      true
    rescue SystemExit, SignalException, NoMemoryError
      raise
    rescue Exception => e # rubocop:disable Lint/RescueException
      @report.error(Wire.error('load', e))
      false
    end

    def select_examples(unit)
      @config.gorgon_focus_filters.each do |metadata|
        @config.filter_manager.include_with_low_priority(metadata) if defined_with?(metadata)
      end
      if @config.run_all_when_everything_filtered? && !asked_for_some?(unit) && !@config.only_failures? && @world.example_count.zero?
        @config.filter_manager.inclusions.clear
      end
      return @world.prepare_example_filtering if unit.all? && unit.filter.expression.nil?

      manager = @config.filter_manager
      selected = Hash.new do |hash, group|
        hash[group] = manager.prune(group.examples).select do |example|
          unit.selects?(example.id) && expression_selects?(unit.filter.expression, example)
        end
      end
      @world.instance_variable_set(:@filtered_examples, selected)
    end

    def expression_selects?(expression, example)
      return true if expression.nil?
      return false if expression.problem

      expression.selects?(example.id, example.full_description) { |tag| tagged?(example, tag) }
    end

    # As `rspec --tag` would say.
    def tagged?(example, tag)
      name, value = tag.split(':', 2)
      key = name.to_sym
      RSpec::Core::MetadataFilter.filter_applies?(key, value.nil? ? true : value, example.metadata)
    end

    # Whoever asks for some examples does not want all of a file that has none of them. RSpec means the whole run.
    def asked_for_some?(unit)
      options = options_for(unit.filter)
      !unit.filter.empty? || options.options.key?(:full_description) ||
        options.instance_variable_get(:@filter_manager_options).any? { |command, _| command == :include }
    end

    def defined_with?(metadata)
      (@world.all_example_groups + @world.all_examples).any? do |item|
        RSpec::Core::MetadataFilter.apply?(:any?, metadata, item.metadata)
      end
    end

    # Runs the before(:suite) hooks that have not run yet: each once per process, also those of a helper that some later
    # file is the first to load. False when one failed, now or earlier.
    def run_suite_hooks
      return true if @config.dry_run?

      @stage = 'suite'
      @suite_began = true
      scope(:before_suite_hook)
      @config.instance_variable_get(:@before_suite_hooks).dup.each do |hook|
        next if @hooks_run[hook]

        @hooks_run[hook] = true
        @config.send(:run_suite_hooks, 'a `before(:suite)` hook', [hook])
        break unless @suite_errors.empty?
      end
      @world.wants_to_quit = false
      @suite_errors.empty?
    end

    def run_after_suite_hooks
      return unless @suite_began

      scope(:after_suite_hook)
      hooks = @config.instance_variable_get(:@after_suite_hooks)
      @config.send(:run_suite_hooks, 'an `after(:suite)` hook', hooks)
    end

    def scope(name)
      RSpec.current_scope = name if RSpec.respond_to?(:current_scope=)
    end

    def report_suite_errors
      @suite_errors.each { |error| @report.error(error) }
    end

    # The reporter, its profiler and the shared groups would keep every example of every file alive.
    def forget_examples
      [@reporter.examples, @reporter.failed_examples, @reporter.pending_examples].each(&:clear)
      @reporter.instance_variable_get(:@profiler)&.example_groups&.clear
      shared = @world.shared_example_group_registry
      return unless shared.respond_to?(:shared_example_groups, true)

      shared.send(:shared_example_groups).delete_if do |context, _|
        context.is_a?(Class) && context < RSpec::Core::ExampleGroup
      end
    end

    def failure?(exception)
      return exception.all_exceptions.all? { |one| failure?(one) } if exception.respond_to?(:all_exceptions)

      exception.class.ancestors.any? { |ancestor| FAILURE_CLASSES.include?(ancestor.name) }
    end

    def failure_of(notification, exception, stage)
      display = begin
        notification.message_lines.join("\n")
      rescue StandardError
        nil # printing a failure runs project code: inspect, failure messages
      end
      backtrace = begin
        notification.formatted_backtrace
      rescue StandardError
        exception.backtrace
      end
      Wire.error(stage, exception, backtrace: backtrace, display: display)
    end

    def location(example)
      "#{example.metadata[:file_path].delete_prefix('./')}:#{example.metadata[:line_number]}"
    end
  end
end
