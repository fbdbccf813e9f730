# frozen_string_literal: true

require_relative 'wire'

# What one unit tells the worker while it runs. Adapters call this and nothing else of the protocol.
module Gorgon
  # Sends messages as the runner's own process, and only as that.
  class Channel
    def initialize(io)
      @io = io
      @pid = Process.pid
      @lock = Mutex.new # so that messages of several threads do not mix
    end

    def own_process?
      Process.pid == @pid
    end

    # One message, one write: it is on the wire when this returns, so that whatever kills the process later cannot take
    # it along. A child that a test forked and let fall through ends here, quietly: everything it could report, its
    # parent reports too. When nobody listens any more there is nothing left to do either.
    def tell(type, fields = {})
      Process.exit!(0) unless own_process?
      line = Wire.generate({ 'type' => type }.merge(fields)) << "\n"
      @lock.synchronize { @io.write(line) }
    rescue SystemCallError, IOError
      Process.exit!(1)
    end
  end

  # The cases and errors of one unit.
  class UnitReport
    FAILED = %w[failed error].freeze

    def initialize(channel, output, unit)
      @channel = channel
      @output = output
      @unit = unit
      @open = {}
      @errors = []
      @failed = false
      @cases = 0
      @exit_status = 'error'
    end

    attr_reader :errors
    # What the framework calls a case that ends the process.
    attr_writer :exit_status

    def verdict
      @failed || @errors.any? ? 'failed' : 'passed'
    end

    # No case, no error.
    def silent?
      @cases.zero? && @errors.empty?
    end

    # `id` must be unique within the unit.
    def case_started(id:, name:, location:)
      @cases += 1
      @open[id] = { 'id' => id, 'name' => Wire.text(name, Wire::NAME_BYTES), 'location' => location }
      @open[id][:from] = output_bytes
      @channel.tell('case_started', 'id' => id, 'name' => @open[id]['name'], 'location' => location)
    end

    # `alone` is false for cases that ran beside others: the bytes written meanwhile are not theirs alone.
    def case_finished(id:, name:, location:, status:, seconds:, failure: nil, pending: nil, alone: true)
      @failed ||= FAILED.include?(status)
      from = @open.delete(id)&.fetch(:from)
      to = output_bytes
      @channel.tell('case', 'id' => id, 'name' => Wire.text(name, Wire::NAME_BYTES), 'location' => location,
                            'status' => status, 'seconds' => seconds, 'failure' => failure,
                            'pending' => pending && Wire.text(pending, Wire::MESSAGE_BYTES),
                            'output' => alone && from && from < to ? [from, to] : nil)
    end

    # Something went wrong outside of cases. `error` is an error object (Wire.error).
    def error(error)
      @errors << error
    end

    # A test called `exit`: the cases that were running end here.
    def exited(exception)
      message = "exit(#{exception.status}) was called"
      @open.keys.each do |id|
        open = @open[id]
        case_finished(id: id, name: open['name'], location: open['location'], status: @exit_status, seconds: 0.0,
                      failure: Wire.error('exit', exception, message: message))
      end
      error(Wire.error('exit', exception, message: "#{message} while #{@unit} ran"))
    end

    # The unit is over: a case that started and said no more (a test that ended its thread) has no verdict of its own.
    def close
      @open.each_value do |open|
        error(Wire.plain_error('outside', 'RuntimeError', "\"#{open['name']}\" (#{open['location']}) started and did not end"))
      end
      @open.clear
    end

    private

    def output_bytes
      @output.stat.size
    rescue SystemCallError, IOError
      0
    end
  end
end
