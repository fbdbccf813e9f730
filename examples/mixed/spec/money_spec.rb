# frozen_string_literal: true

RSpec.describe Pocket::Money do
  def euros(text)
    described_class.parse("#{text} EUR")
  end

  it 'adds and subtracts without losing coins' do
    expect(euros('0.10') + euros('0.20')).to eq(euros('0.30'))
    expect(euros('1.00') - euros('1.01')).to eq(euros('-0.01'))
  end

  it 'multiplies and rounds to the next coin' do
    expect(euros('0.99') * 1.5).to eq(euros('1.49'))
  end

  it 'refuses to mix currencies' do
    dollars = described_class.parse('1.00 USD')

    expect { euros('1.00') + dollars }.to raise_error(described_class::CurrencyMismatch, /EUR with USD/)
  end

  it 'does not order different currencies' do
    expect(euros('1.00') <=> described_class.parse('1.00 USD')).to be_nil
  end

  describe '#allocate' do
    it 'shares by weight' do
      expect(euros('9.00').allocate([1, 2])).to eq([euros('3.00'), euros('6.00')])
    end

    it 'gives the coins that are left over to the first' do
      expect(euros('1.00').allocate([1, 1, 1])).to eq([euros('0.34'), euros('0.33'), euros('0.33')])
    end
  end

  describe '.parse' do
    it 'reads what #to_s writes' do
      ['0.00 EUR', '-12.05 CHF', '1000000.99 USD'].each do |text|
        expect(described_class.parse(text).to_s).to eq(text)
      end
    end

    ['1', '1.5 EUR', '1.00 eur', '1,00 EUR', ''].each do |text|
      it "refuses #{text.inspect}" do
        expect { described_class.parse(text) }.to raise_error(ArgumentError, /not an amount/)
      end
    end
  end
end
