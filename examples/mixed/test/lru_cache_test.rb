# frozen_string_literal: true

require_relative 'minitest_helper'

class LruCacheTest < Minitest::Test
  def test_asks_once_for_each_key
    asked = []
    cache = Pocket::LruCache.new(2)
    3.times { assert_equal 'A', cache.fetch('a') { |key| asked.push(key) && key.upcase } }

    assert_equal ['a'], asked
  end

  def test_forgets_what_was_used_longest_ago
    cache = Pocket::LruCache.new(2)
    %w[a b a c].each { |key| cache.fetch(key, &:itself) }

    assert_equal %w[a c], cache.keys
  end

  def test_forgets_after_a_while_by_a_clock_of_our_own
    now = 0
    cache = Pocket::LruCache.new(2, seconds: 60, clock: -> { now })
    cache.fetch('a') { 1 }
    now = 59
    assert cache.key?('a')
    now = 60
    refute cache.key?('a')
    assert_equal 2, cache.fetch('a') { 2 }
  end

  def test_needs_room
    assert_raises(ArgumentError) { Pocket::LruCache.new(0) }
  end
end
