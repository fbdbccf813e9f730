# frozen_string_literal: true

# The runner host: one per job and machine. Loads the application once, then forks a runner from itself whenever the
# listener asks for one. docs/runner_protocol.md is the contract.
#
# Starts with GORGON_HOST_FD naming a SOCK_SEQPACKET socket, and the job's workspace as working directory.
require 'socket'
require_relative 'wire'
require_relative 'callbacks'
require_relative 'runner'
require_relative 'child'

module Gorgon
  class Host
    DATAGRAM_BYTES = 128 * 1024
    # Of an error that does not fit into a datagram as it is.
    CUT_MESSAGE_BYTES = 8 * 1024
    CUT_BACKTRACE_LINES = 20
    CUT_LINE_BYTES = 512
    DESCRIPTORS = 3

    def initialize(control)
      @control = control
      @control.close_on_exec = true
      @runners = {} # pid => the write end of its status pipe
    end

    # Ends the process.
    def run
      init = receive.first or exit(1)
      prepare(init)
      serve
    ensure
      kill_runners if Process.pid == @pid
    end

    private

    def prepare(init)
      @pid = Process.pid
      started = Wire.now
      take_job(init['job'])
      @settings = Settings.new(workspace: Dir.pwd, framework: init['framework'], arguments: init['arguments'] || [],
                               seed: init['seed'], order: init['order'],
                               rss_growth_kb: init['rss_growth_kb'])
      set_environment(init)
      step('preload') { preload(init['preload'] || []) }
      step('callbacks_class_file') { Gorgon.load_callbacks(init['callbacks_class_file']) } if
        init['callbacks_class_file']
      step('before_creating_workers') { Gorgon.run_callback(:before_creating_workers) }
      Frameworks.disarm
      settle_memory
      tell('ready', 'pid' => @pid, 'language' => "ruby #{RUBY_VERSION}", 'threads' => Thread.list.size,
                    'seconds' => Wire.now - started, 'inputs' => write_inputs(init['inputs']))
    end

    # Those of a job are told its id when they are forked.
    def take_job(job)
      ENV['GORGON_JOB_ID'] = job.to_s
      Process.setproctitle(job ? "gorgon host: job #{job}" : 'gorgon host: waits for a job')
    end

    # What this process is made of, for the listener to see whether it would be the same again. Folders count for what
    # comes and goes in them: a gem of another version, a file that would be found before another one.
    def write_inputs(file)
      return '' unless file

      gems = defined?(Gem::Specification) ? Gem::Specification.dirs : []
      paths = [RbConfig.ruby, *$LOADED_FEATURES, *$LOAD_PATH, *gems].map(&:to_s).select { |path| path.start_with?('/') }
      File.binwrite(file, paths.uniq.map { |path| "#{path}\0".b }.join)
      file
    rescue SystemCallError
      '' # a full disk: this host will not be kept, and is as good otherwise
    end

    def set_environment(init)
      ENV['GORGON_HOST'] = init['host'].to_s
      ENV['GORGON_WORKSPACE'] = Dir.pwd
    end

    # An entry is a file of the workspace or a library, as for `ruby -r`.
    def preload(entries)
      Frameworks.new(@settings).preload
      entries.each do |entry|
        file = [entry, "#{entry}.rb"].map { |name| File.expand_path(name) }.find { |name| File.file?(name) }
        require(file || entry)
      end
    end

    # Runs the block; when an exception leaves it, tells the listener and ends the process.
    def step(stage, &block)
      failure = Gorgon.failure_of(&block) or return
      exit!(1) unless Process.pid == @pid

      tell('failed', 'stage' => stage, 'error' => Wire.error(stage, failure))
      exit(1)
    end

    # Garbage that is collected now is not copied by every runner.
    def settle_memory
      Process.respond_to?(:warmup) ? Process.warmup : GC.start
    end

    def serve
      wake_up, @wake_up = IO.pipe
      # Installed after the application, which may have its own idea of SIGCHLD.
      @old_trap = trap('CHLD') { @wake_up.write_nonblock('.', exception: false) }
      @pipes = [wake_up, @wake_up]
      loop do
        ready, = IO.select([@control, wake_up])
        wake_up.read_nonblock(512, exception: false) if ready.include?(wake_up)
        reap
        next unless ready.include?(@control)

        message, descriptors = receive
        return unless message # the listener is gone

        obey(message, descriptors)
      end
    end

    def obey(message, descriptors)
      case message['type']
      when 'fork' then fork_runner(message, descriptors)
      when 'job' then take_job(message['job'])
      when 'finish' then finish
      end
    ensure
      # The runner has its own copies; the status pipe stays in @runners when the fork worked.
      (descriptors - @runners.values).each(&:close)
    end

    def fork_runner(message, descriptors)
      unless descriptors.size == DESCRIPTORS
        warn "gorgon: fork #{message['id'].inspect} came with #{descriptors.size} descriptors instead of #{DESCRIPTORS}"
        return
      end
      conversation, output, status = descriptors
      conversation.sync = status.sync = true
      pid = Process.fork { become_runner(message, conversation, output, status) }
      @runners[pid] = status
      write_status(status, 'pid' => pid)
    rescue SystemCallError, NoMemoryError => e
      warn "gorgon: cannot fork a runner: #{e.message}"
    end

    def become_runner(message, conversation, output, status)
      trap('CHLD', @old_trap || 'DEFAULT')
      [@control, status, *@pipes, *@runners.values].each(&:close)
      Child.settle(host_pid: @pid, cgroup: message['cgroup'], output: output)
      Child.set_environment(message)
      Runner.new(conversation, output, @settings, message['worker']).run
    end

    # Runners, and whoever else became our child: orphans when the listener made this process a subreaper.
    def reap
      while (pid = Process.wait(-1, Process::WNOHANG))
        status = @runners.delete(pid) or next
        write_status(status, $?.signaled? ? { 'signal' => $?.termsig } : { 'exit' => $?.exitstatus })
        status.close
      end
    rescue Errno::ECHILD
      nil
    end

    def write_status(status, fields)
      status.write("#{Wire.generate(fields)}\n")
    rescue SystemCallError, IOError
      nil # the worker that asked is gone; its runner will notice by itself
    end

    def finish
      step('after_creating_workers') { Gorgon.run_callback(:after_creating_workers) }
      tell('finished')
      exit(0)
    end

    # Each runner leads a session and a process group of its own.
    def kill_runners
      @runners.each_key do |pid|
        [-pid, pid].each do |target|
          Process.kill('KILL', target)
        rescue SystemCallError
          nil
        end
      end
    end

    # Gives [message, descriptors]; message is nil at end of file.
    def receive
      data, _, _, *controls = @control.recvmsg(DATAGRAM_BYTES, 0, nil, scm_rights: true)
      return [nil, []] if data.nil? || data.empty?

      descriptors = controls.flat_map { |message| message.unix_rights || [] }
      [Wire.parse(data.force_encoding(Encoding::UTF_8)), descriptors]
    rescue SystemCallError
      [nil, []]
    end

    def tell(type, fields = {})
      message = { 'type' => type }.merge(fields)
      text = Wire.generate(message)
      if text.bytesize > DATAGRAM_BYTES && fields['error']
        text = Wire.generate(message.merge('error' => cut(fields['error'])))
      end
      @control.sendmsg(text)
    rescue SystemCallError
      exit(1)
    end

    def cut(error)
      { 'stage' => error['stage'], 'class' => Wire.text(error['class'], CUT_LINE_BYTES),
        'message' => Wire.text(error['message'], CUT_MESSAGE_BYTES),
        'backtrace' => error['backtrace'].first(CUT_BACKTRACE_LINES).map { |line| Wire.text(line, CUT_LINE_BYTES) } }
    end
  end
end

if $PROGRAM_NAME == __FILE__
  STDOUT.sync = true
  Gorgon::Host.new(Socket.for_fd(Integer(ENV.delete('GORGON_HOST_FD')))).run
end
