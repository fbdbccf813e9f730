# frozen_string_literal: true

require_relative 'wire'
require_relative 'callbacks'
require_relative 'case_filter'
require_relative 'frameworks'
require_relative 'stacks'
require_relative 'unit_report'

# One runner: the conversation with a worker, from `ready` to `stopped`. Lives in a process of its own, forked by the
# host. What a test file is and how it runs is the business of frameworks.rb and the adapters.
module Gorgon
  # What `init` said, the same for all runners of a host. `seed` is nil when each unit may draw its own, `order` ("random",
  # "defined") when the framework and its arguments decide.
  Settings = Struct.new(:workspace, :framework, :arguments, :seed, :order, :rss_growth_kb, keyword_init: true)

  class Runner
    # A runner that has grown by this much since it was ready is replaced: a fork costs about 20 ms, a machine that swaps
    # costs the run. Plain files leave 3 to 11 KiB each behind (tests/ruby/bench.rb), so that only real leaks and big
    # fixtures reach it.
    RSS_GROWTH_KB = 512 * 1024
    PAGE_KB = 4
    STATM_BYTES = 128 # seven numbers
    SEEDS = 0x10000 # what RSpec and Minitest draw from

    # `conversation` is a stream socket, `output` the file behind standard output. Both belong to the runner.
    def initialize(conversation, output, settings, number)
      @conversation = conversation
      @conversation.set_encoding(Encoding::UTF_8)
      @channel = Channel.new(conversation)
      @output = output
      @settings = settings
      @number = number
      @frameworks = Frameworks.new(settings)
    end

    # Returns after `stop`, so that the process can end normally with its at_exit hooks (coverage tools need them).
    def run
      failure = Gorgon.failure_of { Gorgon.run_callback(:before_start) }
      if failure
        @channel.tell('failed', 'stage' => 'before_start', 'error' => Wire.error('before_start', failure))
        exit(1)
      end
      @base_rss_kb = rss_kb
      @channel.tell('ready', 'pid' => Process.pid, 'stacks_signal' => Stacks.install(@channel))
      converse
    end

    private

    def converse
      while (line = next_line)
        message = Wire.parse(line)
        case message['type']
        when 'run' then run_unit(message)
        when 'stop' then return stop
        end
      end
      Process.exit!(1) # the worker is gone, and with it everybody who could want our hooks
    end

    def next_line
      @conversation.gets("\n")
    rescue SystemCallError, IOError
      nil
    end

    def run_unit(message)
      started = Wire.now
      unit = Unit.new(message, message['seed'] || @settings.seed || Random.new_seed % SEEDS)
      report = UnitReport.new(@channel, @output, unit.file)
      replace = unit.inside? ? prepare_and_run(unit, report) : refuse(unit, report)
      kilobytes = rss_kb
      @channel.tell('unit_finished', 'unit' => unit.id, 'verdict' => report.verdict, 'errors' => report.errors,
                                     'seconds' => Wire.now - started, 'rss_kb' => kilobytes, 'seed' => unit.seed,
                                     'replace' => replace || grown_to?(kilobytes))
    end

    def prepare_and_run(unit, report)
      prepare(unit)
      run_guarded(unit, report)
    end

    # Whoever may name units may run what is in the workspace, and nothing else on this machine.
    def refuse(unit, report)
      report.error(Wire.plain_error('load', 'ArgumentError', "#{unit.file.inspect} is not a path within the workspace"))
      false
    end

    # Undoes what an earlier file may have changed and what every file may count on.
    def prepare(unit)
      Dir.chdir(@settings.workspace)
      ENV['GORGON_ATTEMPT'] = unit.attempt.to_s
      Process.setproctitle("gorgon runner #{@number}: #{unit.file}")
      srand(unit.seed)
    end

    # True when the process should not be used again.
    def run_guarded(unit, report)
      @frameworks.run(unit, report)
      report.close
      false
    rescue SystemExit => e
      raise unless @channel.own_process? # a child of a test that leaves on its own

      report.exited(e)
      true
    rescue SignalException
      raise # it means this process: let it die by it, the host reports the signal
    rescue Exception => e # rubocop:disable Lint/RescueException
      report.error(Wire.error('outside', e))
      true
    end

    def stop
      errors = @frameworks.finish
      failure = Gorgon.failure_of { Gorgon.run_callback(:after_complete) }
      errors << Wire.error('after_complete', failure) if failure
      @channel.tell('stopped', 'errors' => errors)
    end

    def grown_to?(kilobytes)
      kilobytes - @base_rss_kb > (@settings.rss_growth_kb || RSS_GROWTH_KB)
    end

    # 0 where there is no /proc.
    def rss_kb
      @statm ||= File.open('/proc/self/statm')
      @statm.pread(STATM_BYTES, 0).split(' ', 3)[1].to_i * PAGE_KB
    rescue SystemCallError, IOError
      0
    end
  end

  # One `run` message.
  class Unit
    attr_reader :id, :file, :attempt, :framework, :filter
    attr_accessor :seed # an adapter sets it when the arguments name one

    def initialize(message, seed)
      @id = message['unit']
      @file = message.fetch('file')
      @only = index(message['only'])
      @except = index(message['except'])
      @filter = CaseFilter.new(message)
      @attempt = message['attempt'] || 1
      @framework = message['framework']
      @seed = seed
    end

    # Whether the file can only be one of the workspace, links in it aside.
    def inside?
      !file.empty? && !file.start_with?('/') && !file.include?("\0") && !file.match?(%r{(?:\A|/)\.\.(?:/|\z)})
    end

    # As far as case ids say.
    def all?
      @only.nil? && @except.nil?
    end

    def selects?(case_id)
      (@only.nil? || @only.key?(case_id)) && !@except&.key?(case_id)
    end

    private

    def index(ids)
      ids && ids.to_h { |id| [id, true] }
    end
  end
end
