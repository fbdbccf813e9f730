# frozen_string_literal: true

require_relative 'unit_helper'

class SieveTest < Test::Unit::TestCase
  data('none' => [1, []], 'the first' => [2, [2]], 'a few' => [20, [2, 3, 5, 7, 11, 13, 17, 19]])
  test 'primes up to' do |(limit, expected)|
    assert_equal(expected, Pocket::Sieve.primes(limit))
  end

  test 'a limit that is prime belongs to them' do
    assert_equal(97, Pocket::Sieve.primes(97).last)
  end
end
