# frozen_string_literal: true

RSpec.describe Pocket::Table do
  subject(:table) { described_class.new(%w[host slots]) }

  it 'aligns text to the left and numbers to the right' do
    table.add('alpha', 8).add('be', 16)

    expect(table.to_s).to eq(<<~TEXT.chomp)
      host   slots
      -----  -----
      alpha      8
      be        16
    TEXT
  end

  it 'shows its headers when it has no rows' do
    expect(table.to_s).to eq("host  slots\n----  -----")
  end

  it 'refuses a row of another length' do
    expect { table.add('alpha') }.to raise_error(ArgumentError, '2 columns, but 1 values')
  end

  it 'prints a thousand rows' do
    1_000.times { |index| table.add("host#{index}", index) }

    expect(table.to_s.lines.size).to eq(1_002)
  end
end
