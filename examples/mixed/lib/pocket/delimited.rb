# frozen_string_literal: true

require 'strscan'

module Pocket
  # Comma separated values: fields in double quotes may hold commas, newlines and doubled quotes.
  class Delimited
    class Malformed < StandardError; end

    def self.parse(text, separator: ',')
      new(text, separator).rows
    end

    def initialize(text, separator)
      @scanner = StringScanner.new(text)
      @separator = Regexp.new(Regexp.escape(separator))
      @plain = Regexp.new("[^#{Regexp.escape(separator)}\"\r\n]*")
    end

    def rows
      rows = []
      rows << row until @scanner.eos?
      rows
    end

    private

    def row
      fields = [field]
      fields << field while @scanner.skip(@separator)
      return fields if @scanner.skip(/\r?\n/) || @scanner.eos?

      raise Malformed, "unexpected #{@scanner.peek(1).inspect} at #{@scanner.pos}"
    end

    def field
      return @scanner.scan(@plain) unless @scanner.skip(/"/)

      start = @scanner.pos - 1
      text = @scanner.scan(/(?:[^"]|"")*/)
      raise Malformed, "quote at #{start} is never closed" unless @scanner.skip(/"/)

      text.gsub('""', '"')
    end
  end
end
