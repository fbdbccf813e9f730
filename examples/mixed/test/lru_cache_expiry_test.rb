# frozen_string_literal: true

require_relative 'minitest_helper'

# The same promises with the real clock, which takes its time.
class LruCacheExpiryTest < Minitest::Test
  def test_keeps_a_value_for_its_time
    cache = Pocket::LruCache.new(2, seconds: 5)
    cache.fetch('a') { 1 }
    sleep 0.5

    assert_equal(1, cache.fetch('a') { 2 })
  end

  def test_forgets_it_afterwards
    cache = Pocket::LruCache.new(2, seconds: 0.4)
    cache.fetch('a') { 1 }
    sleep 0.6

    assert_equal(2, cache.fetch('a') { 2 })
  end
end
