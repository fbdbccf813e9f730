# frozen_string_literal: true

module Pocket
  # An amount in one currency, counted in its smallest coin, so that nothing is lost to binary fractions.
  class Money
    include Comparable

    class CurrencyMismatch < ArgumentError; end

    attr_reader :cents, :currency

    def self.parse(text)
      match = /\A(-)?(\d+)(?:\.(\d{2}))? ([A-Z]{3})\z/.match(text) or raise ArgumentError, "not an amount: #{text.inspect}"
      cents = match[2].to_i * 100 + match[3].to_i
      new(match[1] ? -cents : cents, match[4])
    end

    def initialize(cents, currency = 'EUR')
      @cents = Integer(cents)
      @currency = currency
      freeze
    end

    def +(other)
      Money.new(cents + same(other).cents, currency)
    end

    def -(other)
      Money.new(cents - same(other).cents, currency)
    end

    def *(factor)
      Money.new((cents * factor).round, currency)
    end

    def <=>(other)
      cents <=> other.cents if other.is_a?(Money) && other.currency == currency
    end

    # Shares by the given weights. What rounding leaves over goes to the first shares, one coin each: the sum stays.
    def allocate(weights)
      total = weights.sum
      shares = weights.map { |weight| cents * weight / total }
      # The mistake that script/demo's second run shows.
      return shares.map { |share| Money.new(share, currency) } if ENV['DEMO_FAIL'] == '1'

      (cents - shares.sum).times { |index| shares[index % shares.size] += 1 }
      shares.map { |share| Money.new(share, currency) }
    end

    def to_s
      format('%<sign>s%<whole>d.%<rest>02d %<currency>s',
             sign: cents.negative? ? '-' : '', whole: cents.abs / 100, rest: cents.abs % 100, currency: currency)
    end
    alias inspect to_s

    private

    def same(other)
      return other if other.currency == currency

      raise CurrencyMismatch, "cannot combine #{currency} with #{other.currency}"
    end
  end
end
