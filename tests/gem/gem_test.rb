# frozen_string_literal: true

# The gem, as a project uses it: built, installed and bundled without a network, then run.
#   GORGON=build/release/gorgon ruby tests/gem/gem_test.rb
require 'fileutils'
require 'minitest/autorun'
require 'open3'
require 'rubygems/package'
require 'tmpdir'

class GemTest < Minitest::Test
  ROOT = File.expand_path('../..', __dir__)
  GORGON = File.expand_path(ENV.fetch('GORGON', 'build/release/gorgon'), ROOT)

  # Built and bundled once: that is the slow part.
  class << self
    attr_reader :folder, :gem_file

    def prepare
      return if @folder

      @folder = File.realpath(Dir.mktmpdir('gorgon-gem'))
      Minitest.after_run { FileUtils.rm_rf(@folder) }
      @gem_file = sh("#{ROOT}/script/gem", '--program', GORGON, '--output', "#{@folder}/built").strip
      sh('gem', 'install', '--local', '--no-document', '--quiet', @gem_file)
      write_project
      sh('bundle', 'install', '--local', '--quiet')
    end

    # Gives what the command prints; raises with all of it when it fails.
    def sh(*command)
      output, code = try(*command)
      raise "#{command.join(' ')} exited with #{code}:\n#{output}" unless code.zero?

      output
    end

    def try(*command)
      output, status = Open3.capture2e(environment, *command, chdir: project, stdin_data: '')
      [output, status.exitstatus]
    end

    private

    def project
      "#{@folder}/project".tap { |path| FileUtils.mkdir_p(path) }
    end

    # Nothing of a bundle that this test itself may run in, and of the user's own gems and settings.
    def environment
      bundled = ENV.keys.grep(/\A(BUNDLE|BUNDLER|RUBY|GEM)_?/).to_h { |name| [name, nil] }
      bundled.merge('HOME' => "#{@folder}/home", 'GEM_HOME' => "#{@folder}/gems", 'BUNDLE_SILENCE_ROOT_WARNING' => '1',
                    'PATH' => "#{@folder}/gems/bin:#{ENV.fetch('PATH')}")
    end

    def write_project
      File.write("#{project}/Gemfile", <<~RUBY)
        source 'https://rubygems.org'
        gem 'gorgon'
        gem 'minitest'
      RUBY
      FileUtils.mkdir_p("#{project}/test")
      File.write("#{project}/test/bundle_test.rb", <<~RUBY)
        require 'minitest/autorun'
        require 'bundler'
        Bundler.require

        class BundleTest < Minitest::Test
          def test_runs_in_the_bundle
            assert_equal File.expand_path('Gemfile'), ENV['BUNDLE_GEMFILE']
            assert_includes Bundler.load.specs.map(&:name), 'gorgon'
            assert_raises(LoadError) { require 'rspec/core' }
          end

          def test_bundler_require_gives_the_callbacks_class
            assert_respond_to Gorgon::DefaultCallbacks.new, :after_sync
          end

          def test_environment
            refute_equal '1', ENV['FAIL']
          end
        end
      RUBY
    end
  end

  def setup
    self.class.prepare
  end

  def sh(*command)
    self.class.sh(*command)
  end

  def test_the_gem_is_for_this_platform_and_version
    spec = Gem::Package.new(self.class.gem_file).spec

    assert_equal 'gorgon', spec.name
    assert_equal Gem::Platform.local, spec.platform
    assert_includes sh(GORGON, 'version'), spec.version.to_s
  end

  def test_bundle_exec_starts_the_program
    assert_equal sh(GORGON, 'version'), sh('bundle', 'exec', 'gorgon', 'version')
  end

  def test_exit_codes_pass_through
    assert_equal 64, self.class.try('bundle', 'exec', 'gorgon', '--no-such-option').last
  end

  def test_tests_run_in_the_same_bundle
    output, code = self.class.try('bundle', 'exec', 'gorgon', 'start')

    assert_equal 0, code, output
  end

  def test_requiring_the_gem_defines_the_hooks_that_runners_know
    gem_hooks, runner_hooks = [%w[-r gorgon], ['-r', "#{ROOT}/ruby/callbacks.rb"]].map do |arguments|
      sh('ruby', '-w', *arguments, '-e', 'puts Gorgon::DefaultCallbacks.instance_methods(false).sort')
    end

    assert_equal runner_hooks, gem_hooks
  end
end
