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
      adapter_for(unit).run(unit, report)
    rescue FrameworkMissing => e
      report.error(Wire.plain_error('framework', 'LoadError', e.message))
    end

    # What went wrong at the end of the suite, as error objects.
    def finish
      @adapters.values.flat_map(&:finish)
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
  end
end
