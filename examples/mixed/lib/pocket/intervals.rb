# frozen_string_literal: true

module Pocket
  # A set of whole numbers, kept as ranges that neither touch nor overlap.
  class Intervals
    include Enumerable

    def initialize
      @ranges = []
    end

    def add(first, last)
      raise ArgumentError, "#{first} is behind #{last}" if first > last

      touching, apart = @ranges.partition { |range| range.begin <= last + 1 && range.end >= first - 1 }
      merged = [first, *touching.map(&:begin)].min..[last, *touching.map(&:end)].max
      @ranges = [*apart, merged].sort_by(&:begin)
      self
    end

    def include?(number)
      range = @ranges.bsearch { |candidate| candidate.end >= number }
      !range.nil? && range.begin <= number
    end

    def each(&block)
      @ranges.each(&block)
    end

    def size
      @ranges.sum(&:size)
    end
  end
end
