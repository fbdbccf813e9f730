# frozen_string_literal: true

module Pocket
  # Tries again after an error, waiting twice as long each time.
  class Backoff
    attr_reader :waits

    def initialize(tries:, first_wait:, sleeper: Kernel)
      @tries = tries
      @first_wait = first_wait
      @sleeper = sleeper
      @waits = []
    end

    def call
      @waits = []
      begin
        yield @waits.size + 1
      rescue StandardError
        raise if @waits.size + 1 >= @tries

        @waits << @first_wait * 2**@waits.size
        @sleeper.sleep(@waits.last)
        retry
      end
    end
  end
end
