# frozen_string_literal: true

require_relative 'unit_helper'

class ThrottleTest < Test::Unit::TestCase
  def test_rate_over_a_second
    throttle = Pocket::Throttle.new(20)
    ends = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 1
    passed = 0
    while Process.clock_gettime(Process::CLOCK_MONOTONIC) < ends
      throttle.pass
      passed += 1
    end

    assert_operator(passed, :<=, 22)
    assert_operator(passed, :>, 1)
  end
end
