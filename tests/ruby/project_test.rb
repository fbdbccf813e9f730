# frozen_string_literal: true

require_relative 'host_case'
require_relative '../../ruby/project'

class ProjectTest < HostCase
  def lock(*gems, dependencies: gems)
    "GEM\n  specs:\n#{gems.map { |name| "    #{name} (1.0)\n" }.join}\nDEPENDENCIES\n#{dependencies.map { |name| "  #{name}\n" }.join}"
  end

  def look(files)
    Gorgon::Project.new(project(files).directory)
  end

  def test_which_frameworks_to_preload
    assert_empty look('README' => '').frameworks
    assert_equal ['rspec'], look('.rspec' => '').frameworks
    assert_equal ['rspec'], look('spec/a_spec.rb' => '', 'test/a_test.rb' => '').frameworks
    assert_empty look('test/a_test.rb' => '').frameworks
    assert_equal ['minitest'], look('test/a_test.rb' => '', 'Gemfile.lock' => lock('minitest')).frameworks
    assert_equal ['test_unit'], look('test/a_test.rb' => '', 'Gemfile.lock' => lock('minitest', 'test-unit')).frameworks
    assert_equal ['minitest'], look('test/a_test.rb' => '', 'Gemfile.lock' =>
      lock('minitest', 'test-unit', dependencies: ['minitest'])).frameworks
    assert_equal [], look('spec/a_spec.rb' => '', 'Gemfile.lock' => lock('minitest')).frameworks
  end

  def test_which_framework_runs_a_file
    plain = look('README' => '')
    assert_equal 'rspec', plain.framework_of('spec/a_spec.rb')
    assert_equal 'xunit', plain.framework_of('test/a_test.rb')
    assert_equal 'xunit', look('Gemfile.lock' => lock('minitest')).framework_of('spec/a_spec.rb')
    assert_equal 'rspec', look('Gemfile.lock' => lock('rspec-core', 'minitest')).framework_of('spec/a_spec.rb')
    assert_equal 'rspec', look('.rspec' => '').framework_of('spec/features/login.feature')
  end

  def test_spec_files_of_minitest_are_told_from_those_of_rspec
    minitest = look('spec/a_spec.rb' => "require 'spec_helper'", 'spec/spec_helper.rb' => "require 'minitest/autorun'",
                    'spec/b_spec.rb' => "# like RSpec\nrequire 'spec_helper'")
    assert_equal 'xunit', minitest.framework_of('spec/a_spec.rb')
    assert_equal 'rspec', minitest.framework_of('spec/b_spec.rb')
    assert_empty minitest.frameworks
    both = look('spec/a_spec.rb' => "require 'spec_helper'", 'spec/spec_helper.rb' => "require 'rspec'; require 'minitest'")
    assert_equal 'rspec', both.framework_of('spec/a_spec.rb')
  end

  def test_which_framework_a_file_speaks_of
    files = { 'a.rb' => 'class A < Test::Unit::TestCase', 'b.rb' => 'class B < Minitest::Test', 'c.rb' => 'class C',
              'd.rb' => "require 'test_helper'", 'test/test_helper.rb' => "require 'test/unit'",
              'test/e.rb' => "require_relative 'help/helper'", 'test/help/helper.rb' => "require 'rails/test_help'" }
    look = look(files)
    assert_equal ['test_unit', 'minitest', nil, 'test_unit', 'minitest', nil],
                 %w[a.rb b.rb c.rb d.rb test/e.rb gone.rb].map { |file| look.xunit_framework_of(file) }
  end

  def test_mocks_that_must_not_be_loaded_ahead
    assert_predicate look('spec/spec_helper.rb' => 'config.mock_with :rspec do'), :rspec_mocks?
    refute_predicate look('spec/spec_helper.rb' => 'config.mock_with(:mocha)'), :rspec_mocks?
    refute_predicate look('spec/support/x.rb' => "require 'puppetlabs_spec_helper'"), :rspec_mocks?
    refute_predicate look('Gemfile.lock' => lock('mocha')), :rspec_mocks?
    refute_predicate look('spec/spec_helper.rb' => 'c.expect_with :minitest'), :rspec_expectations?
  end
end
