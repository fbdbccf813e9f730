require_relative 'helper'

class KindsTest < Test::Unit::TestCase
  def setup
    raise 'no setup' if method_name == 'test_setup_fails'
  end

  def teardown
    raise 'no teardown' if method_name.start_with?('test_teardown')
  end

  cleanup { flunk 'not clean' if method_name == 'test_cleanup_fails' }

  def test_passes; assert_equal 1, 1; end
  def test_compares; assert_equal [1, 3], [1, 2]; end
  def test_compares_text; assert_equal "one\ntwo\n", "one\nthree\n"; end
  def test_raises; raise ArgumentError, "boom\nand more"; end
  def test_expects_a_raise; assert_raise(ArgumentError) { raise IOError, 'other' }; end
  def test_misses_a_method; nil.no_such_method; end
  def test_omits; omit 'not on this machine'; end
  def test_pends; pend 'a bug'; end
  def test_pends_in_vain; pend('a bug') {}; end
  def test_notifies; notify 'hear'; end
  def test_setup_fails; end
  def test_teardown_fails; end
  def test_teardown_fails_too; flunk 'first'; end
  def test_cleanup_fails; end
  def test_power_asserts; assert { [1, 2].sum == 4 }; end

  test('in words') { assert_true(true) }
  test('in failing words') { assert_true(false) }

  data('one' => 1, 'two' => 2)
  def test_data(number); assert_equal 1, number; end

  sub_test_case 'below' do
    def test_below; end
    sub_test_case('deeper') { def test_deeper; flunk; end }
  end
end

class StartupTest < Test::Unit::TestCase
  def self.startup; raise 'no start'; end
  def test_runs; end
end
