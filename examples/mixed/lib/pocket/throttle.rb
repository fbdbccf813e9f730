# frozen_string_literal: true

module Pocket
  # Lets a caller through at most `rate` times a second, evenly.
  class Throttle
    def initialize(rate)
      @gap = 1.0 / rate
      @next = now
    end

    # Waits for its turn. Gives the seconds waited.
    def pass
      wait = [@next - now, 0].max
      @next = [@next, now].max + @gap
      sleep(wait) if wait.positive?
      wait
    end

    private

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
