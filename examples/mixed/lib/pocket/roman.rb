# frozen_string_literal: true

module Pocket
  # Roman numerals from 1 to 3999, in the form that is used today: IV, not IIII.
  module Roman
    NUMERALS = {
      'M' => 1000, 'CM' => 900, 'D' => 500, 'CD' => 400, 'C' => 100, 'XC' => 90,
      'L' => 50, 'XL' => 40, 'X' => 10, 'IX' => 9, 'V' => 5, 'IV' => 4, 'I' => 1
    }.freeze
    RANGE = (1..3999).freeze

    module_function

    def write(number)
      raise RangeError, "#{number} has no Roman numeral" unless RANGE.cover?(number)

      NUMERALS.reduce([+'', number]) do |(text, rest), (numeral, value)|
        [text << numeral * (rest / value), rest % value]
      end.first
    end

    def read(text)
      rest = text.upcase
      number = NUMERALS.sum do |numeral, value|
        count = 0
        count += 1 while rest.delete_prefix!(numeral)
        count * value
      end
      return number if RANGE.cover?(number) && write(number) == text.upcase

      raise ArgumentError, "not a Roman numeral: #{text.inspect}"
    end
  end
end
