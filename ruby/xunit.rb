# frozen_string_literal: true
module Gorgon
  class Xunit
    def self.preload(project, wanted); end
    def self.disarm; end
  end
end
