# frozen_string_literal: true

module Pocket
  # Keeps the `limit` values that were used last, each for at most `seconds`.
  class LruCache
    Entry = Struct.new(:value, :expires_at)

    def initialize(limit, seconds: Float::INFINITY, clock: -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) })
      raise ArgumentError, 'limit must be positive' unless limit.positive?

      @limit = limit
      @seconds = seconds
      @clock = clock
      @entries = {} # A Hash remembers the order of insertion: the first entry is the one that was used longest ago.
    end

    def fetch(key)
      entry = @entries.delete(key)
      entry = Entry.new(yield(key), @clock.call + @seconds) if entry.nil? || entry.expires_at <= @clock.call
      @entries[key] = entry
      @entries.shift if @entries.size > @limit
      entry.value
    end

    def key?(key)
      @entries.key?(key) && @entries[key].expires_at > @clock.call
    end

    def keys
      @entries.keys
    end

    def size
      @entries.size
    end
  end
end
