# frozen_string_literal: true

# Known counts: sequence A000170 of the On-Line Encyclopedia of Integer Sequences.
RSpec.describe Pocket::Queens do
  { 1 => 1, 2 => 0, 3 => 0, 4 => 2, 5 => 10, 6 => 4, 7 => 40, 8 => 92, 9 => 352, 10 => 724, 11 => 2680, 12 => 14_200 }
    .each do |size, ways|
    it "finds #{ways} ways for #{size} queens" do
      expect(described_class.count(size)).to eq(ways)
    end
  end
end
