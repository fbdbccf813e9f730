# frozen_string_literal: true

module Pocket
  # Rows of values as aligned plain text. Numbers stand to the right, everything else to the left.
  class Table
    def initialize(headers)
      @headers = headers.map(&:to_s)
      @rows = []
    end

    def add(*values)
      raise ArgumentError, "#{@headers.size} columns, but #{values.size} values" unless values.size == @headers.size

      @rows << values
      self
    end

    def to_s
      widths = [@headers, *@rows].map { |row| row.map { |value| value.to_s.length } }.transpose.map(&:max)
      [@headers, widths.map { |width| '-' * width }, *@rows].map { |row| line(row, widths) }.join("\n")
    end

    private

    def line(row, widths)
      row.zip(widths).map { |value, width| aligned(value, width) }.join('  ').rstrip
    end

    def aligned(value, width)
      value.is_a?(Numeric) ? value.to_s.rjust(width) : value.to_s.ljust(width)
    end
  end
end
