# frozen_string_literal: true

require_relative 'wire'

# Where every thread of a runner is at this moment. The worker asks before it kills a unit that hangs.
#
# A signal asks, not a message: the main thread is inside a test and reads none, and a thread that waits for one would
# be seen by tests that count threads, and would keep Ruby from finding deadlocks, which then would hang instead of fail.
module Gorgon
  class Stacks
    # A real-time signal: no library traps one, and Signal.list does not name it, so that tests leave it alone.
    SIGNAL = 57
    TOTAL_BYTES = 64 * 1024
    NAME_BYTES = 256

    # Tests may stub these; these are the originals.
    LIST = Thread.method(:list)
    START = Thread.method(:start)
    BACKTRACE = Thread.instance_method(:backtrace)

    # The number of the signal that makes the process tell, or nil where the system has none to spare.
    def self.install(channel)
      stacks = new(channel)
      Signal.trap(SIGNAL) { stacks.tell }
      SIGNAL
    rescue ArgumentError, SystemCallError
      nil
    end

    def initialize(channel)
      @channel = channel
    end

    # Called by the trap, in the main thread, wherever that is. It may be in the middle of a message, and a trap must not
    # wait for it to end: a thread of its own does, once the stacks have been taken.
    def tell
      return unless @channel.own_process?

      threads = take
      START.call { @channel.tell('stacks', 'threads' => threads) }
    end

    private

    # The main thread first.
    def take
      left = TOTAL_BYTES
      LIST.call.map { |thread| describe(thread) }.take_while do |thread|
        left -= thread['backtrace'].sum(&:bytesize)
        left.positive? || thread['main']
      end
    end

    def describe(thread)
      lines = BACKTRACE.bind(thread).call
      { 'main' => thread == Thread.main, 'name' => Wire.text(thread.name || '', NAME_BYTES),
        'status' => (thread.status || 'dead').to_s, 'backtrace' => Wire.backtrace_of(lines) }
    end
  end
end
