# frozen_string_literal: true

module Pocket
  # The nearest known word, by the number of letters to insert, remove or replace.
  class Spelling
    def self.distance(left, right)
      row = (0..right.length).to_a
      left.each_char.with_index(1) do |letter, line|
        diagonal = row[0]
        row[0] = line
        right.each_char.with_index(1) do |other, column|
          diagonal, row[column] = row[column], [row[column] + 1, row[column - 1] + 1,
                                                diagonal + (letter == other ? 0 : 1)].min
        end
      end
      row.last
    end

    def initialize(words)
      @words = words
    end

    def nearest(word, within: 2)
      best = @words.min_by { |known| self.class.distance(word, known) }
      best if best && self.class.distance(word, best) <= within
    end
  end
end
