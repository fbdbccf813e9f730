# frozen_string_literal: true

require_relative 'minitest_helper'

class IntervalsTest < Minitest::Test
  def setup
    @intervals = Pocket::Intervals.new
  end

  def test_neighbours_become_one
    @intervals.add(1, 3).add(7, 9).add(4, 6)

    assert_equal [1..9], @intervals.to_a
  end

  def test_gaps_stay
    @intervals.add(1, 3).add(5, 9)

    assert_equal [1..3, 5..9], @intervals.to_a
    refute_includes @intervals, 4
    refute_includes @intervals, 10
  end

  def test_order_does_not_matter
    (0...40).map { |index| [index * 3, index * 3 + 1] }.shuffle.each { |first, last| @intervals.add(first, last) }

    assert_equal 40, @intervals.count
    assert_equal 80, @intervals.size
  end

  def test_refuses_a_range_that_ends_before_it_starts
    assert_raises(ArgumentError) { @intervals.add(2, 1) }
  end

  def test_agrees_with_a_plain_set_on_random_input
    random = Random.new(20)
    numbers = {}
    700.times do
      first = random.rand(20_000)
      last = first + random.rand(20)
      @intervals.add(first, last)
      first.upto(last) { |number| numbers[number] = true }
    end

    assert_equal numbers.size, @intervals.size
    assert(20_020.times.all? { |number| @intervals.include?(number) == numbers.key?(number) })
  end
end
