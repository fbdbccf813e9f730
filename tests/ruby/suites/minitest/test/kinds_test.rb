require 'test_helper'

class KindsTest < Minitest::Test
  def setup
    @list = [1, 2]
    raise 'no setup' if name == 'test_setup_fails'
  end

  def teardown
    raise 'no teardown' if name.start_with?('test_teardown')
  end

  def test_passes; assert_equal [1, 2], @list; end
  def test_compares; assert_equal [1, 3], @list; end
  def test_compares_text; assert_equal "one\ntwo\n", "one\nthree\n"; end
  def test_raises; raise ArgumentError, "boom\nand more"; end
  def test_expects_a_raise; assert_raises(ArgumentError) { raise IOError, 'other' }; end
  def test_misses_a_method; nil.no_such_method; end
  def test_skips; skip 'not on this machine'; end
  def test_flunks; flunk; end
  def test_setup_fails; end
  def test_teardown_fails; end
  def test_teardown_fails_too; flunk 'first'; end
  def test_mocks; Minitest::Mock.new.expect(:call, 1).verify; end
end

class ParallelTest < Minitest::Test
  parallelize_me!
  def test_a; end
  def test_b; flunk 'in a thread'; end
end

class InheritedTest < KindsTest
  def test_own; end
end
