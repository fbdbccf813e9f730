# frozen_string_literal: true

# Drives the real host.rb as the listener does: a SEQPACKET control socket, forks with three descriptors by SCM_RIGHTS,
# conversations with runners. Every wait has a limit, after which the harness raises with what the host printed.
require 'json'
require 'socket'
require 'tmpdir'
require 'fileutils'

module Harness
  RUBY_DIR = File.expand_path('../../ruby', __dir__)
  LIMIT = Integer(ENV.fetch("HARNESS_LIMIT", 20))

  class TimedOut < StandardError; end

  def self.wait_readable(io, limit, what)
    return if io.wait_readable(limit)

    raise TimedOut, "waited #{limit} s for #{what}"
  end

  # A runner process and our end of its conversation.
  class Runner
    attr_reader :pid, :output_path, :status, :messages
    attr_accessor :directory

    def initialize(io, status, output_path)
      @io = io
      @status = status
      @output_path = output_path
      @buffer = +''
      @messages = []
      @pid = JSON.parse(status_line)['pid']
    end

    # The next message, or nil at end of file.
    def read(limit = LIMIT)
      until (line = @buffer.slice!(/\A[^\n]*\n/))
        Harness.wait_readable(@io, limit, "a message of runner #{@pid}; its output: #{output}")
        begin
          @buffer << @io.readpartial(65_536)
        rescue EOFError, Errno::ECONNRESET
          return nil
        end
      end
      line.force_encoding(Encoding::UTF_8)
      raise "invalid UTF-8 from the runner: #{line.inspect}" unless line.valid_encoding?

      JSON.parse(line).tap { |message| @messages << message }
    end

    def send(message)
      @io.write("#{JSON.generate(message)}\n")
    rescue Errno::EPIPE
      nil
    end

    def start_unit(file, **fields)
      send({ type: 'run', unit: file, file: file, only: nil, except: nil, attempt: 1, framework: nil }.merge(fields))
    end

    # Runs a unit to its end. Gives an Outcome; its `finished` is nil when the process ended instead.
    def run(file, **fields)
      start_unit(file, **fields)
      messages = []
      while (message = read)
        messages << message
        break if message['type'] == 'unit_finished'
      end
      Outcome.new(messages, self)
    end

    # Gives the `stopped` message and how the process ended.
    def stop
      send({ type: 'stop' })
      [read, ending]
    end

    # {"exit" => n} or {"signal" => n}, or nil when the host closed the pipe without one.
    def ending
      line = status_line
      line && JSON.parse(line)
    end

    def output
      File.binread(@output_path)
    end

    def close
      @io.close
    end

    private

    def status_line
      Harness.wait_readable(@status, LIMIT, 'a line on the status pipe')
      @status.gets
    end
  end

  # What came back for one unit.
  class Outcome
    attr_reader :messages, :runner

    def initialize(messages, runner)
      @messages = messages
      @runner = runner
    end

    def finished
      @messages.last if @messages.last && @messages.last['type'] == 'unit_finished'
    end

    def verdict
      finished && finished['verdict']
    end

    def errors
      finished['errors']
    end

    def replace?
      finished['replace']
    end

    def cases
      @messages.select { |message| message['type'] == 'case' }
    end

    def started
      @messages.select { |message| message['type'] == 'case_started' }
    end

    # {name => status}
    def statuses
      cases.to_h { |item| [item['name'], item['status']] }
    end

    def case_named(name)
      cases.find { |item| item['name'] == name } or raise "no case #{name.inspect} in #{statuses}"
    end

    def output_of(name)
      from, to = case_named(name)['output']
      from ? @runner.output[from...to] : ''
    end
  end

  class Host
    attr_reader :pid, :directory, :ready

    def initialize(directory, env: {}, options: [], **init)
      @directory = directory
      @count = 0
      @scratch = Dir.mktmpdir('gorgon-host')
      @control, theirs = UNIXSocket.pair(:SEQPACKET)
      @log = File.join(@scratch, 'host.log')
      # Outside bundler and rubygems options of whoever runs these tests.
      clean = { 'GORGON_HOST_FD' => '3', 'RUBYOPT' => nil, 'SPEC_OPTS' => nil, 'BUNDLE_GEMFILE' => nil,
                'TESTOPTS' => nil, 'SEED' => nil }
      @pid = Process.spawn(clean.merge(env), 'ruby', *options, File.join(RUBY_DIR, 'host.rb'), chdir: directory,
                           3 => theirs, in: File::NULL, %i[out err] => [@log, 'a'], pgroup: true)
      theirs.close
      send({ type: 'init', v: 1, job: 'job-1', host: 'here', workspace: directory, framework: nil, preload: [],
             callbacks_class_file: nil, arguments: [], seed: nil }.merge(init))
    end

    # `ready`, `failed` or `finished`; nil at end of file.
    def read(limit = LIMIT)
      Harness.wait_readable(@control, limit, "a message of the host; its output: #{log}")
      data = @control.recvmsg(131_072).first
      data.nil? || data.empty? ? nil : JSON.parse(data)
    rescue Errno::ECONNRESET
      nil
    end

    def wait_ready
      @ready = read
      raise "the host is not ready: #{@ready.inspect}\n#{log}" unless @ready && @ready['type'] == 'ready'

      self
    end

    def send(message)
      @control.send(JSON.generate(message), 0)
    end

    def fork_only(worker: @count + 1, env: {}, cgroup: nil)
      ours, theirs = UNIXSocket.pair
      path = File.join(@scratch, "output.#{@count += 1}")
      output = File.open(path, 'a')
      status, status_write = IO.pipe
      message = JSON.generate(type: 'fork', id: @count.to_s, worker: worker, env: env, cgroup: cgroup)
      rights = Socket::AncillaryData.unix_rights(theirs, output, status_write)
      @control.sendmsg(message, 0, nil, rights)
      [theirs, output, status_write].each(&:close)
      [ours, status, path]
    end

    # A runner that is ready. With `ready: false` its first message is left to the caller.
    def fork(ready: true, **options)
      runner = Runner.new(*fork_only(**options))
      runner.directory = @directory
      if ready
        message = runner.read
        raise "the runner is not ready: #{message.inspect}\n#{runner.output}" unless
          message && message['type'] == 'ready'
      end
      runner
    end

    def log
      File.read(@log)
    end

    def hang_up
      @control.close
    end

    # The host's exit status, waited for.
    def ended(limit = LIMIT)
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + limit
      until (status = Process.wait2(@pid, Process::WNOHANG))
        raise TimedOut, "the host did not end; its output: #{log}" if
          Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

        sleep 0.005
      end
      @pid = nil
      status.last
    end

    def close
      @control.close unless @control.closed?
      if @pid
        begin
          ended(5)
        rescue TimedOut
          Process.kill('KILL', @pid)
          Process.wait(@pid)
        end
      end
      FileUtils.rm_rf(@scratch)
    end
  end

  # A project in a directory of its own.
  class Project
    attr_reader :directory

    def initialize(files)
      @directory = File.realpath(Dir.mktmpdir('gorgon-project'))
      files.each { |name, text| write(name.to_s, text) }
    end

    def write(name, text)
      path = File.join(@directory, name)
      FileUtils.mkdir_p(File.dirname(path))
      File.binwrite(path, text)
    end

    def path(name)
      File.join(@directory, name)
    end

    def remove
      FileUtils.rm_rf(@directory)
    end
  end
end
