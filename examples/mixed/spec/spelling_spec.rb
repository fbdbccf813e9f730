# frozen_string_literal: true

RSpec.describe Pocket::Spelling do
  let(:commands) { %w[start listen ping init help version] }

  it 'finds the nearest word' do
    expect(described_class.new(commands).nearest('strat')).to eq('start')
    expect(described_class.new(commands).nearest('lisen')).to eq('listen')
  end

  it 'does not guess wildly' do
    expect(described_class.new(commands).nearest('elephant')).to be_nil
  end

  it 'has nothing to say without words' do
    expect(described_class.new([]).nearest('start')).to be_nil
  end

  it 'measures distance in single letters' do
    expect(described_class.distance('kitten', 'sitting')).to eq(3)
    expect(described_class.distance('', 'abc')).to eq(3)
    expect(described_class.distance('same', 'same')).to eq(0)
  end

  it 'copes with a dictionary' do
    words = Array.new(8_000) { |number| format('w%05x', number * 7919 % 65_536) }

    expect(described_class.new(words).nearest(words[4_321].sub('w', 'v'))).to eq(words[4_321])
  end
end
