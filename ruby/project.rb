# frozen_string_literal: true

# What a project's files say about its test frameworks. Reads, never loads.
module Gorgon
  class Project
    # Mock libraries that a project uses instead of rspec-mocks, and helpers that choose one on their own.
    OTHER_MOCKS = /mocha|flexmock|\brr\b|mock_with(?!\s*\(?\s*:rspec)|mock_framework|puppetlabs_spec_helper/.freeze
    OTHER_EXPECTATIONS = /expect_with(?!\s*\(?\s*:rspec)/.freeze
    TEST_UNIT = %r{Test::Unit|test[/-]unit}.freeze
    MINITEST = %r{[Mm]ini[Tt]est|ActiveSupport::TestCase|rails/test_help}.freeze
    HELPER = /^\s*(?:require|require_relative|load)\b\s*\(?\s*(?:File\.\w+\()?\s*["']([^"']*helper[^"']*)["']/.freeze
    TEXT_LIMIT = 256 * 1024

    attr_reader :directory

    def initialize(directory)
      @directory = directory
    end

    # Those the host should load ahead, by the look of the project.
    def frameworks
      names = []
      names << 'rspec' if rspec?
      # Both in one process only when a runner meets both: each is visible to code that asks `defined?`.
      names << xunit_preference if names.empty? && directory?('test') && xunit_preference
      names
    end

    # 'rspec', or 'xunit' when the file has to be looked at. Projects with minitest/spec also name files `_spec.rb`.
    def framework_of(file)
      name = File.basename(file)
      if name.end_with?('_spec.rb')
        return may_load?('rspec-core') && !minitest_spec?(file) || !may_load?('minitest') ? 'rspec' : 'xunit'
      end

      file.start_with?('spec/') && rspec? && !name.match?(/_test\.rb\z|\Atest_/) ? 'rspec' : 'xunit'
    end

    # 'minitest', 'test_unit' or nil, from the file itself, else from the helpers it requires, else from the lock file.
    def xunit_framework_of(file)
      text = read(file)
      mentioned(text) || helpers_of(file, text).map { |helper| mentioned(read(helper)) }.compact.first ||
        xunit_preference
    end

    def rspec_mocks?
      !spec_helpers_mention?(OTHER_MOCKS) && %w[mocha flexmock rr].none? { |name| locked?(name) }
    end

    def rspec_expectations?
      !spec_helpers_mention?(OTHER_EXPECTATIONS)
    end

    # False only when a lock file says that the gem is not part of the project.
    def may_load?(gem_name)
      lock.nil? || locked?(gem_name)
    end

    def path(relative)
      File.expand_path(relative, @directory)
    end

    def directory?(name)
      File.directory?(path(name))
    end

    private

    def rspec?
      return false unless may_load?('rspec-core')

      File.file?(path('.rspec')) ||
        directory?('spec') && !(spec_helpers_mention?(MINITEST) && !spec_helpers_mention?(/rspec/i))
    end

    # The file, or a helper it requires, speaks of Minitest, and none of them of RSpec.
    def minitest_spec?(file)
      text = read(file)
      return false if text.match?(/rspec/i)

      texts = [text, *helpers_of(file, text).map { |helper| read(helper) }]
      texts.any? { |one| one.match?(MINITEST) } && texts.none? { |one| one.match?(/rspec/i) }
    end

    def xunit_preference
      return 'test_unit' if lock&.match?(/^DEPENDENCIES\n(?:  .*\n)*?  test-unit\b/)
      return 'minitest' if lock && locked?('minitest')

      'test_unit' if lock && locked?('test-unit')
    end

    def locked?(gem_name)
      !lock.nil? && lock.match?(/^    #{Regexp.escape(gem_name)} \(/)
    end

    def lock
      return @lock if defined?(@lock)

      gemfile = ENV['BUNDLE_GEMFILE']
      names = gemfile && !gemfile.empty? ? ["#{gemfile}.lock"] : []
      names += %w[Gemfile.lock gems.locked]
      name = names.find { |candidate| File.file?(path(candidate)) }
      @lock = name && read(name)
    end

    def mentioned(text)
      return 'test_unit' if text.match?(TEST_UNIT)

      'minitest' if text.match?(MINITEST)
    end

    def helpers_of(file, text)
      text.scan(HELPER).flatten.flat_map do |name|
        name = "#{name}.rb" unless name.end_with?('.rb')
        near = File.expand_path(name, File.dirname(path(file)))
        [near, path("test/#{name}"), path("spec/#{name}"), path(name)].find { |candidate| File.file?(candidate) } || []
      end
    end

    def spec_helpers_mention?(pattern)
      @spec_helpers ||= ['.rspec', *Dir.glob('spec/{*helper*,support/*}.rb', base: @directory)].map { |file| read(file) }
      @spec_helpers.any? { |text| text.match?(pattern) }
    end

    # A buffer as large as the limit would cost each small file a mapping of its own.
    def read(file)
      path = path(file)
      (File.binread(path, [File.size(path), TEXT_LIMIT].min) || +'').force_encoding(Encoding::UTF_8).scrub('?')
    rescue SystemCallError
      ''
    end
  end
end
