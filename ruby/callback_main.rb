# frozen_string_literal: true

# Runs one hook in a process of its own: before_originate, after_sync, after_job_finishes.
#
#   ruby callback_main.rb NAME CLASS_FILE
#
# Writes one JSON line to the descriptor in GORGON_CALLBACK_FD: {"result": string or null}, or {"error": {...}} and exits
# with 1. Standard output and standard error belong to the hook.
require_relative 'wire'
require_relative 'callbacks'

module Gorgon
  module CallbackMain
    NAMES = %w[before_originate after_sync before_creating_workers before_start after_complete after_creating_workers
               after_job_finishes].freeze

    def self.run(arguments)
      abort "usage: ruby callback_main.rb #{NAMES.join('|')} CLASS_FILE" unless
        arguments.size == 2 && NAMES.include?(arguments[0])
      answer = IO.for_fd(Integer(ENV.delete('GORGON_CALLBACK_FD')), 'w')
      answer.close_on_exec = true
      pid = Process.pid
      reply = reply_of(*arguments)
      exit!(0) unless Process.pid == pid # a hook forked and let its child fall through

      answer.write("#{Wire.generate(reply)}\n")
      answer.close
      exit(!reply.key?('error'))
    end

    def self.reply_of(name, class_file)
      stage = 'callbacks_class_file'
      result = nil
      failure = Gorgon.failure_of do
        Gorgon.load_callbacks(class_file)
        stage = name
        result = Gorgon.run_callback(name)
      end
      return { 'error' => Wire.error(stage, failure) } if failure

      { 'result' => result.is_a?(String) ? result : nil }
    end
  end
end

ARGV.freeze
Gorgon::CallbackMain.run(ARGV) if $PROGRAM_NAME == __FILE__
