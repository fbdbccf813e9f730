# frozen_string_literal: true

RSpec.describe Pocket::Roman do
  { 1 => 'I', 4 => 'IV', 9 => 'IX', 40 => 'XL', 90 => 'XC', 400 => 'CD', 1994 => 'MCMXCIV', 3999 => 'MMMCMXCIX' }
    .each do |number, numeral|
    it "writes #{number} as #{numeral}" do
      expect(described_class.write(number)).to eq(numeral)
    end

    it "reads #{numeral} as #{number}" do
      expect(described_class.read(numeral)).to eq(number)
    end
  end

  it 'reads back every number it can write' do
    expect(described_class::RANGE.map { |number| described_class.read(described_class.write(number)) })
      .to eq(described_class::RANGE.to_a)
  end

  it 'refuses forms that nobody writes' do
    %w[IIII VX IC MMMM ABC].each do |text|
      expect { described_class.read(text) }.to raise_error(ArgumentError), text
    end
  end

  it 'has no numeral for zero' do
    expect { described_class.write(0) }.to raise_error(RangeError)
  end
end
