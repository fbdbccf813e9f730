# frozen_string_literal: true

require_relative 'wire'
require_relative 'project'
require_relative 'rspec'
require_relative 'xunit'

# Which framework runs which file, and which ones the host loads ahead.
module Gorgon
  class FrameworkMissing < StandardError; end

  class Frameworks
    NAMES = %w[rspec minitest test_unit].freeze

    def initialize(settings)
      @settings = settings
      @project = Project.new(settings.workspace)
      @adapters = {}
    end

    # In the host, before the application: makes the project's helpers loadable and loads what every runner would load
    # anyway. A framework that cannot be loaded is no error yet, a unit that needs it will say so.
    def preload
      wanted = @settings.framework ? [@settings.framework] : @project.frameworks
      RSpecAdapter.preload(@project) if wanted.include?('rspec')
      Xunit.preload(@project, wanted) unless (wanted - ['rspec']).empty?
    end

    # In the host, after the application: `minitest/autorun` and its like, met on the way, would run tests when the host
    # or a runner exits.
    def self.disarm
      RSpecAdapter.disarm
      Xunit.disarm
    end

    def run(unit, report)
      strays = StrayTests.new
      adapter = adapter_for(unit)
      adapter.run(unit, report)
      report_strays(unit, report, strays.framework(adapter)) if report.silent?
    rescue FrameworkMissing => e
      report.error(Wire.plain_error('framework', 'LoadError', e.message))
    ensure
      self.class.disarm # the file may have required an autorun of any framework
    end

    # What went wrong at the end of the suite, as error objects.
    def finish
      @adapters.values.flat_map do |adapter|
        errors = []
        failure = Gorgon.failure_of { errors = adapter.finish }
        failure ? errors << Wire.error('suite', failure) : errors
      end
    end

    private

    def adapter_for(unit)
      name = unit.framework || @settings.framework || @project.framework_of(unit.file)
      raise FrameworkMissing, "unknown framework #{name.inspect}" unless name == 'xunit' || NAMES.include?(name)

      kind = name == 'rspec' ? 'rspec' : 'xunit'
      @adapters[kind] ||= kind == 'rspec' ? RSpecAdapter.new(@settings) : Xunit.new(@settings, @project)
      @adapters[kind].only_framework = (name unless name == 'xunit') if kind == 'xunit'
      @adapters[kind]
    end

    def report_strays(unit, report, framework)
      # A file that is sent again is not always loaded again.
      @strays ||= {}
      framework = @strays[unit.file] ||= framework
      return unless framework

      report.error(Wire.plain_error('framework', 'LoadError',
                                    "#{unit.file} has tests of #{framework}, which the runner of this file leaves alone; " \
                                    'take "runner" out of the configuration, or the file out of "files"'))
    end
  end

  # Tests that a file gave to a framework other than the one that runs it: it would pass with no cases.
  class StrayTests
    SOURCES = {
      'RSpec' => -> { defined?(::RSpec::Core::World) ? RSpec.world.example_groups : [] },
      'Minitest' => -> { MinitestAdapter.loaded? ? Minitest::Runnable.runnables : [] },
      'test-unit' => -> { TestUnitAdapter.loaded? ? Test::Unit::TestCase::DESCENDANTS : [] }
    }.freeze

    # Before the file is loaded.
    def initialize
      @known = SOURCES.transform_values { |source| source.call.size }
    end

    # Which framework, by its name for people, has got tests since that `adapter` does not run; nil: none.
    def framework(adapter)
      (SOURCES.keys - adapter.frameworks).find do |name|
        SOURCES[name].call.drop(@known[name]).any? { |group| tests?(name, group) }
      end
    end

    private

    def tests?(name, group)
      case name
      when 'RSpec' then group.descendants.any? { |one| one.examples.any? }
      when 'Minitest' then group.public_instance_methods.any? { |method| method.start_with?('test_') }
      else group.public_instance_methods.any? { |method| Test::Unit::TestSuiteCreator.test_method?(group, method.to_s) }
      end
    end
  end
end
