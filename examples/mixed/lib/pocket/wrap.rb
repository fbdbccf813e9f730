# frozen_string_literal: true

module Pocket
  # Breaks text into lines of at most `width` characters, between words where it can.
  module Wrap
    module_function

    def lines(text, width: 72)
      raise ArgumentError, 'width must be positive' unless width.positive?

      text.split("\n", -1).flat_map { |paragraph| wrap(paragraph.split, width) }
    end

    def wrap(words, width)
      lines = [+'']
      words.flat_map { |word| word.scan(/.{1,#{width}}/) }.each do |word|
        lines << +'' if lines.last.length + 1 + word.length > width && !lines.last.empty?
        lines.last << ' ' unless lines.last.empty?
        lines.last << word
      end
      lines
    end
    private_class_method :wrap
  end
end
