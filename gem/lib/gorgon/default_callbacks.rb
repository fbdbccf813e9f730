# frozen_string_literal: true

# The class that a callbacks file extends, for the moments when the application loads that file without Gorgon, such as
# eager loading. Runners bring definitions of their own and count this file as loaded.
module Gorgon
  # The hooks of a run. Each does nothing until a subclass says otherwise.
  class DefaultCallbacks
    def before_originate; end

    def after_sync; end

    def before_creating_workers; end

    def before_start; end

    def after_complete; end

    def after_creating_workers; end

    def after_job_finishes; end
  end

  class << self
    attr_writer :callbacks

    def callbacks
      @callbacks ||= DefaultCallbacks.new
    end
  end
end
