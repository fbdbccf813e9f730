# frozen_string_literal: true

require_relative 'case_filter'
require_relative 'minitest'
require_relative 'test_unit'

# Runs files of the frameworks whose tests are classes: Minitest and test-unit. Loads a file once and lets each framework
# run what the file brought it. So a file that turns out to belong to the other framework does not pass with no cases.
module Gorgon
  class Xunit
    ADAPTERS = { 'minitest' => MinitestAdapter, 'test_unit' => TestUnitAdapter }.freeze
    LOAD_PATH_FOLDERS = %w[lib test].freeze # as Rake::TestTask and Rails have it

    class << self
      def preload(project, wanted)
        LOAD_PATH_FOLDERS.each do |name|
          directory = project.path(name)
          $LOAD_PATH.unshift(directory) if File.directory?(directory) && !$LOAD_PATH.include?(directory)
        end
        wanted.each { |name| ADAPTERS[name]&.load_library }
      rescue LoadError
        nil # an error only for a unit that needs it
      end

      def disarm
        ADAPTERS.each_value { |adapter| adapter.disarm if adapter.loaded? }
      end
    end

    # 'minitest' or 'test_unit' when the configuration says so, else nil.
    attr_accessor :only_framework

    def initialize(settings, project)
      @settings = settings
      @project = project
      @adapters = ADAPTERS.map { |name, adapter| [name, adapter.new(settings)] }.to_h
      @tests = {} # file => [[adapter, tests]]
      @class_lines = {} # file => {test class => line}
    end

    def run(unit, report)
      tests = @tests[unit.file] || load_file(unit, report) or return
      filter = method_filter(unit, tests) unless unit.filter.empty?
      filter&.errors&.each { |error| report.error(error) }
      tests.each { |adapter, found| adapter.run(found, unit, report, filter) }
    end

    def finish
      @adapters.values.flat_map(&:finish)
    end

    # What it runs, by their names for people.
    def frameworks
      adapters.map { |adapter| adapter.class::NAME }
    end

    private

    # What the file defines, for each framework; nil when it did not load. Kept for the next time: loading a file twice
    # would define nothing new.
    def load_file(unit, report)
      load_framework(unit) unless adapters.any? { |adapter| adapter.class.loaded? }
      path = full_path(unit)
      adapters.each { |adapter| adapter.begin_recording(path) }
      without_rspec_words { load(path) }
      @class_lines[unit.file] = adapters.map(&:class_lines).reduce({}.compare_by_identity, :merge!)
      found = adapters.map { |adapter| [adapter, adapter.recorded] }
      @tests[unit.file] = found.reject { |_, tests| tests.empty? }
    rescue FrameworkMissing, SystemExit, SignalException, NoMemoryError
      raise
    rescue Exception => e # rubocop:disable Lint/RescueException
      report.error(Wire.error('load', e))
      nil
    ensure
      self.class.disarm # before a test forks a child that ends in autorun's at_exit
    end

    def full_path(unit)
      File.expand_path(unit.file, @settings.workspace)
    end

    def method_filter(unit, tests)
      path = full_path(unit)
      declarations = @class_lines[unit.file].map { |test_class, line| MethodFilter::Declaration.new(line, test_class) }
      tests.each do |adapter, found|
        adapter.each_test(found) do |test_class, name|
          source, line = test_class.instance_method(name).source_location
          declarations << MethodFilter::Declaration.new((line if source == path), test_class, name)
        end
      end
      MethodFilter.new(unit, tests.map { |adapter, _| adapter.class::NAME }.join(' and '), declarations)
    end

    # In a project that also has RSpec files, RSpec's `describe` stands at the top level and in modules, before the one of
    # minitest/spec in Kernel: a file's cases would go to RSpec, and it would pass with none. Where a spec_helper has turned
    # RSpec's off, it left the name undefined there, which hides Kernel's as well. Afterwards all is as RSpec had it.
    def without_rspec_words
      return yield unless defined?(RSpec::Core::DSL)

      words = RSpec::Core::DSL
      exposed = words.exposed_globally?
      begin
        # Defined first, because an undefined name cannot be removed.
        each_rspec_word { |name| words.change_global_dsl { define_method(name) {} && remove_method(name) } }
        yield
      ensure
        each_rspec_word do |name|
          exposed ? words.expose_example_group_alias_globally(name) : words.change_global_dsl { undef_method(name) }
        rescue NameError
          nil # Nothing of that name left to hide.
        end
      end
    end

    def each_rspec_word(&block)
      RSpec::Core::DSL.example_group_aliases.each(&block)
    end

    def adapters
      only_framework ? [@adapters.fetch(only_framework)] : @adapters.values
    end

    # Most files load their framework on their own. Ours comes first all the same, so that autorun finds it disarmed, and
    # for projects that leave it to `ruby -rminitest/autorun`.
    def load_framework(unit)
      self.class.preload(@project, [])
      names = [only_framework || @project.xunit_framework_of(unit.file) || ADAPTERS.keys].flatten
      failures = names.map do |name|
        ADAPTERS.fetch(name).load_library
        return
      rescue LoadError => e
        "cannot load #{name.tr('_', '-')}: #{e.message}"
      end
      raise FrameworkMissing, "#{failures.join('; ')}; add it to the Gemfile"
    end
  end

  # Which classes and methods appear while a file loads. A framework's base class is extended with this once.
  module MethodRecorder
    class << self
      attr_accessor :current
    end

    def method_added(name)
      super
      MethodRecorder.current&.note(self, name)
    end

    # A class of the framework, by `class` or by what the framework has for it (`describe`, `sub_test_case`).
    def inherited(test_class)
      super
      MethodRecorder.current&.note_class(test_class, caller_locations)
    end

    def include(*modules)
      fresh = modules - ancestors # a class may say again what it has
      super.tap do
        fresh.flat_map(&:public_instance_methods).each { |name| MethodRecorder.current&.note(self, name) }
      end
    end
  end

  # The tests of one file: {class => {method name => true}, or true for all of a new class}, classes in the order of their
  # definition. A class from an earlier file that this one opens again counts with its new methods only.
  class RecordedTests
    LOADING = %w[require require_relative load].freeze

    # Where the file declares its new classes: {class => line}.
    attr_reader :classes, :class_lines

    # `path` is that of the file, as it is loaded.
    def initialize(known, path)
      @path = path
      @class_lines = {}.compare_by_identity
      @known = {}.compare_by_identity
      known.each { |test_class| @known[test_class] = true }
      @classes = {}.compare_by_identity
    end

    def empty?
      @classes.empty?
    end

    def note(test_class, name)
      return unless @known[test_class]

      names = (@classes[test_class] ||= {})
      names[name.to_s] = true
    end

    def note_class(test_class, callers)
      # Not the line that has loaded another file with classes.
      near = callers.take_while { |frame| !LOADING.include?(frame.base_label) }
      place = near.find { |frame| frame.path == @path }
      @class_lines[test_class] = place.lineno if place
    end

    def complete(all)
      all.each { |test_class| @classes[test_class] = true unless @known[test_class] }
      self
    end

    def include?(test_class, name)
      @classes[test_class]&.key?(name) || false
    end
  end

  # Gives every case of a file an id that is unique there and the same in each run of the unchanged file: class, method,
  # and a number for the ones that share both (two blocks of minitest/spec with one name, two data sets).
  class CaseIds
    def initialize
      @used = Hash.new(0)
    end

    def id(class_name, case_name)
      base = "#{class_name || 'anonymous'}##{case_name}"
      count = (@used[base] += 1)
      Wire.text(count == 1 ? base : "#{base}~#{count}", Wire::NAME_BYTES)
    end
  end

  module SourceLocation
    module_function

    # `path:line`, the path within the workspace if possible.
    def of(location, workspace)
      path, line = location
      return '' unless path

      "#{File.expand_path(path, workspace).delete_prefix("#{workspace}/")}:#{line}"
    end
  end
end
