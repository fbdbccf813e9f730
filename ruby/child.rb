# frozen_string_literal: true

# What a freshly forked process does before it is a runner: its place among processes, its descriptors, its environment.
module Gorgon
  module Child
    PR_SET_PDEATHSIG = 1
    SIGKILL = 9
    # Numbers of prctl(2): arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h (Linux).
    PRCTL = { 'x86_64' => 157, 'aarch64' => 167 }.freeze

    module_function

    def settle(host_pid:, cgroup:, output:)
      join(cgroup) if cgroup
      Process.setsid
      die_with(host_pid)
      STDIN.reopen(File::NULL)
      STDOUT.reopen(output)
      STDERR.reopen(output)
      # What a test prints must be in the file before the next case starts, and when the process is killed.
      STDOUT.sync = STDERR.sync = true
    end

    # The number that parallel test tools expect: empty for the first, then 2, 3, …; the job's own value wins.
    def set_environment(message)
      number = message['worker']
      extra = message['env'] || {}
      ENV['GORGON_WORKER_ID'] = number.to_s
      ENV['TEST_ENV_NUMBER'] = number == 1 ? '' : number.to_s
      # Rails would fork workers of its own below a runner, for files with many cases.
      ENV['PARALLEL_WORKERS'] ||= '1'
      extra.each { |name, value| ENV[name] = value }
    end

    def join(cgroup)
      File.write(File.join(cgroup, 'cgroup.procs'), '0')
    rescue SystemCallError => e
      warn "gorgon: cannot join #{cgroup}: #{e.message}" # killing by process tree remains
    end

    # The kernel kills this process when its parent dies. If the parent died before we asked, we are orphans already.
    def die_with(host_pid)
      prctl_death_signal
      Process.exit!(1) unless Process.ppid == host_pid
    end

    def prctl_death_signal
      number = PRCTL[RUBY_PLATFORM[/\A[^-]+/]]
      return if number && raw_syscall(number, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)

      # Slower to load (about 40 ms), hence second.
      require 'fiddle'
      prctl = Fiddle::Function.new(Fiddle.dlopen(nil)['prctl'], [Fiddle::TYPE_INT] + [Fiddle::TYPE_LONG] * 4,
                                   Fiddle::TYPE_INT)
      prctl.call(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    rescue LoadError, StandardError => e
      warn "gorgon: runners may outlive their host: #{e.message}"
    end

    def raw_syscall(*arguments)
      verbose, $VERBOSE = $VERBOSE, nil # Kernel#syscall warns that it may go away
      Kernel.syscall(*arguments).zero?
    rescue NotImplementedError, NoMethodError, SystemCallError
      false
    ensure
      $VERBOSE = verbose
    end
  end
end
