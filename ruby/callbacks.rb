# frozen_string_literal: true

# The project's hooks: the classes that a callbacks file extends, and how one hook is run.
# A callbacks file may say `require 'gorgon'` or `require 'gorgon/default_callbacks'`, as it had to with the gem of that
# name. Everything it can mean is here, so both count as loaded.
$LOADED_FEATURES.push('gorgon.rb', 'gorgon/default_callbacks.rb')

module Gorgon
  # Every hook does nothing until a subclass says otherwise.
  class DefaultCallbacks
    def before_originate; end

    def after_sync; end

    def before_creating_workers; end

    def before_start; end

    def after_complete; end

    def after_creating_workers; end

    def after_job_finishes; end
  end

  class CallbacksFileError < StandardError; end

  class << self
    attr_writer :callbacks

    def callbacks
      @callbacks ||= DefaultCallbacks.new
    end

    # Loads the callbacks file, whose last line must set Gorgon.callbacks. `path` may be relative to the working
    # directory.
    def load_callbacks(path)
      full_path = File.expand_path(path)
      raise CallbacksFileError, "callbacks file #{path} does not exist" unless File.file?(full_path)

      @callbacks = nil
      load(full_path)
      return if @callbacks

      raise CallbacksFileError, "#{path} does not set Gorgon.callbacks: end it with `Gorgon.callbacks = YourClass.new`"
    end

    # A project may use any object as its callbacks, with only the hooks it needs.
    def run_callback(name)
      callbacks.public_send(name) if callbacks.respond_to?(name)
    end

    # Runs the block. Gives nil, or the exception that left it. An `exit` in a project's hook is a failure like any other;
    # signals pass, for they mean this process.
    def failure_of
      yield
      nil
    rescue SignalException
      raise
    rescue Exception => e # rubocop:disable Lint/RescueException
      e
    end
  end
end
