# frozen_string_literal: true

RSpec.describe Pocket::Throttle do
  def seconds
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    yield
    Process.clock_gettime(Process::CLOCK_MONOTONIC) - started
  end

  it 'lets the first caller through at once' do
    expect(described_class.new(1).pass).to eq(0)
  end

  it 'spreads callers evenly' do
    throttle = described_class.new(10)

    expect(seconds { 16.times { throttle.pass } }).to be >= 1.5
  end

  it 'does not save up turns that nobody took' do
    throttle = described_class.new(4)
    throttle.pass
    sleep 0.6

    expect(throttle.pass).to eq(0)
    expect(seconds { 2.times { throttle.pass } }).to be >= 0.4
  end
end
