# frozen_string_literal: true

require_relative 'unit_helper'

class RomanTest < Test::Unit::TestCase
  def test_reads_small_letters
    assert_equal(2024, Pocket::Roman.read('mmxxiv'))
  end

  def test_numerals_sort_by_value
    values = Pocket::Roman::NUMERALS.values
    assert_equal(values.sort.reverse, values)
  end
end
