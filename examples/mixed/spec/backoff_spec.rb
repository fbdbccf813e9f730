# frozen_string_literal: true

RSpec.describe Pocket::Backoff do
  let(:patient) { described_class.new(tries: 4, first_wait: 0.1) }

  it 'gives what the block gives' do
    expect(patient.call { :done }).to eq(:done)
  end

  it 'waits longer each time, for real' do
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    expect(patient.call { |attempt| attempt == 4 ? :at_last : raise('not yet') }).to eq(:at_last)

    expect(patient.waits).to eq([0.1, 0.2, 0.4])
    expect(Process.clock_gettime(Process::CLOCK_MONOTONIC) - started).to be >= 0.7
  end

  it 'gives up with the last error' do
    attempts = []
    expect { patient.call { |attempt| raise "failure #{attempts.push(attempt).size}" } }
      .to raise_error(RuntimeError, 'failure 4')
  end

  it 'lets a test skip the waiting' do
    sleeper = class_double(Kernel, sleep: 0)
    backoff = described_class.new(tries: 10, first_wait: 60, sleeper: sleeper)

    expect { backoff.call { raise 'no' } }.to raise_error('no')
    expect(sleeper).to have_received(:sleep).exactly(9).times
  end
end
