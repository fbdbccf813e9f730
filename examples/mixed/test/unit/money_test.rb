# frozen_string_literal: true

require_relative 'unit_helper'

class MoneyTest < Test::Unit::TestCase
  def test_amounts_of_one_currency_can_be_sorted
    amounts = ['3.00 EUR', '-1.00 EUR', '2.50 EUR'].map { |text| Pocket::Money.parse(text) }
    assert_equal(['-1.00 EUR', '2.50 EUR', '3.00 EUR'], amounts.sort.map(&:to_s))
  end

  def test_amounts_do_not_change
    assert_predicate(Pocket::Money.new(1), :frozen?)
  end

  def test_conversion_to_other_currencies
    pend('there are no exchange rates yet')
    assert_equal(Pocket::Money.new(100, 'USD'), Pocket::Money.new(90).to('USD'))
  end
end
