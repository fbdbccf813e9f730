# frozen_string_literal: true

require_relative 'unit_helper'

class ManyPrimesTest < Test::Unit::TestCase
  # Known counts: sequence A006880 of the On-Line Encyclopedia of Integer Sequences.
  data('thousand' => [1_000, 168], 'ten thousand' => [10_000, 1_229], 'hundred thousand' => [100_000, 9_592],
       'million' => [1_000_000, 78_498], 'a million and a half' => [1_500_000, 114_155])
  test 'how many there are below' do |(limit, count)|
    assert_equal(count, Pocket::Sieve.primes(limit).size)
  end
end
