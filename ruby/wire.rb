# frozen_string_literal: true

# What crosses the process boundary: JSON in and out, text made safe, exceptions as error objects.
# Does not know who is at the other end.
#
# Why not the json library: it is a gem, so that loading it here would pin its version before the project's Gemfile is
# read, would hide a `require 'json'` that the project forgot, and would obey whatever the tests do to to_json. Besides,
# its generator raises on NaN and on invalid bytes, and a result must never be lost over that.
module Gorgon
  module Wire
    MESSAGE_BYTES = 64 * 1024
    NAME_BYTES = 4 * 1024
    BACKTRACE_LINES = 200
    LEVELS = 64
    OWN_FRAMES = "#{__dir__}/"

    TOKEN = /[{}\[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|\S/m.freeze
    LITERALS = { 'true' => true, 'false' => false, 'null' => nil }.freeze
    ESCAPES = { '"' => '\"', '\\' => '\\\\', "\n" => '\n', "\r" => '\r', "\t" => '\t' }.freeze
    UNESCAPES = { 'n' => "\n", 'r' => "\r", 't' => "\t", 'b' => "\b", 'f' => "\f" }.freeze
    # The words of which messages are made, as they are written: each file takes a few dozen of them.
    KEYS = %w[type unit id name location status seconds failure pending output verdict errors rss_kb seed replace
              stage class message backtrace display].to_h { |word| [word, "\"#{word}\":"] }.freeze
    NEEDS_ESCAPE = /["\\\x00-\x1f\u2028\u2029]/.freeze

    # Tests may freeze the clock or stub it; these are the originals.
    CLOCK = Process.method(:clock_gettime)

    class ParseError < StandardError; end

    module_function

    def now
      CLOCK.call(Process::CLOCK_MONOTONIC)
    end

    # One JSON value without line breaks. Never raises for hashes, arrays, numbers and strings; what is none of these is
    # written as its to_s.
    def generate(value)
      add(+'', value)
    end

    # Adds it to `json`, which is given back.
    def add(json, value)
      case value
      when String then add_string(json, text(value))
      when Integer then json << value.to_s
      when Float then json << (value.finite? ? value.round(6).to_s : 'null')
      when true, false then json << value.to_s
      when nil then json << 'null'
      when Hash then add_hash(json, value)
      when Array then add_array(json, value)
      else add_string(json, text(value.to_s))
      end
    end

    def add_hash(json, hash)
      json << '{'
      separator = ''
      hash.each do |key, item|
        json << separator
        known = KEYS[key]
        known ? json << known : add_string(json, text(key.to_s)) << ':'
        add(json, item)
        separator = ','
      end
      json << '}'
    end

    def add_array(json, items)
      json << '['
      items.each_with_index { |item, index| add(index.zero? ? json : json << ',', item) }
      json << ']'
    end

    # Strict enough for a peer we trust: raises ParseError for anything that is not exactly one JSON value, or nests
    # deeper than LEVELS. Of a key that stands twice the last value counts, as in src/base/json.h.
    def parse(source)
      tokens = source.scan(TOKEN)
      value, rest = read_value(tokens, 0)
      raise ParseError, "unexpected #{tokens[rest].inspect} after the JSON value" if rest < tokens.size

      value
    end

    # `value` as valid UTF-8: bytes that are not become U+FFFD, text in other encodings is converted. Longer than `limit`
    # bytes: cut, and says so.
    def text(value, limit = nil)
      string = value.is_a?(String) ? value : value.to_s
      string = to_utf8(string) unless string.encoding == Encoding::UTF_8 && string.valid_encoding?
      return string if limit.nil? || string.bytesize <= limit

      "#{string.byteslice(0, limit).scrub('')}\n[cut: #{string.bytesize} bytes, showing the first #{limit}]"
    end

    # The protocol's error object. `display` is the failure as the framework itself would print it, when it knows better
    # than class and message.
    def error(stage, exception, message: nil, backtrace: nil, display: nil)
      result = {
        'stage' => stage,
        'class' => exception_class(exception),
        'message' => text(message || message_of(exception), MESSAGE_BYTES),
        'backtrace' => backtrace_of(backtrace || exception.backtrace)
      }
      display ||= with_causes(exception)
      result['display'] = text(display, MESSAGE_BYTES) if display
      result
    end

    # An error that no exception stands for.
    def plain_error(stage, error_class, message, backtrace = [])
      { 'stage' => stage, 'class' => error_class, 'message' => text(message, MESSAGE_BYTES),
        'backtrace' => backtrace_of(backtrace) }
    end

    def message_of(exception)
      exception.message.to_s
    rescue StandardError, ScriptError => e
      "(#{exception_class(exception)}#message raised #{exception_class(e)})"
    end

    def exception_class(exception)
      exception.class.to_s
    end

    def backtrace_of(lines)
      lines = Array(lines).reject { |line| line.to_s.start_with?(OWN_FRAMES) }
      cut = lines.size - BACKTRACE_LINES
      result = lines.first(BACKTRACE_LINES).map { |line| text(line, NAME_BYTES) }
      result << "[cut: #{cut} more lines]" if cut.positive?
      result
    end

    def with_causes(exception)
      return nil unless exception.respond_to?(:cause) && exception.cause

      exception.full_message(highlight: false, order: :top)
    rescue StandardError
      nil
    end

    def to_utf8(string)
      case string.encoding
      when Encoding::UTF_8, Encoding::BINARY, Encoding::US_ASCII
        string.dup.force_encoding(Encoding::UTF_8).scrub("\uFFFD")
      else
        string.encode(Encoding::UTF_8, invalid: :replace, undef: :replace, replace: "\uFFFD")
      end
    rescue EncodingError
      string.b.force_encoding(Encoding::UTF_8).scrub("\uFFFD")
    end

    def add_string(json, string)
      if string.match?(NEEDS_ESCAPE)
        string = string.gsub(NEEDS_ESCAPE) { |char| ESCAPES[char] || format('\u%04x', char.ord) }
      end
      json << '"' << string << '"'
    end

    def read_value(tokens, index, level = 0)
      token = tokens[index] or raise ParseError, 'the JSON text ends early'
      case token[0]
      when '{' then read_object(tokens, index + 1, deeper(level))
      when '[' then read_array(tokens, index + 1, deeper(level))
      when '"' then [unquote(token), index + 1]
      when '-', '0'..'9' then [token.match?(/[.eE]/) ? token.to_f : Integer(token, 10), index + 1]
      else
        raise ParseError, "unexpected #{token.inspect}" unless LITERALS.key?(token)

        [LITERALS[token], index + 1]
      end
    end

    def deeper(level)
      raise ParseError, "more than #{LEVELS} levels" if level == LEVELS

      level + 1
    end

    def read_object(tokens, index, level)
      result = {}
      return [result, index + 1] if tokens[index] == '}'

      loop do
        raise ParseError, "expected a key, got #{tokens[index].inspect}" unless tokens[index].to_s.start_with?('"')
        raise ParseError, "expected ':', got #{tokens[index + 1].inspect}" unless tokens[index + 1] == ':'

        key = unquote(tokens[index])
        result[key], index = read_value(tokens, index + 2, level)
        return [result, index + 1] if tokens[index] == '}'

        index = after_comma(tokens, index)
      end
    end

    def read_array(tokens, index, level)
      result = []
      return [result, index + 1] if tokens[index] == ']'

      loop do
        value, index = read_value(tokens, index, level)
        result << value
        return [result, index + 1] if tokens[index] == ']'

        index = after_comma(tokens, index)
      end
    end

    def after_comma(tokens, index)
      return index + 1 if tokens[index] == ','

      raise ParseError, "expected ',', got #{tokens[index].inspect}"
    end

    def unquote(token)
      raise ParseError, 'a string does not end' if token.size < 2

      body = token[1..-2]
      return body unless body.include?('\\')

      body.gsub(/\\(?:u([dD][89abAB]\h\h)\\u([dD][c-fC-F]\h\h)|u(\h{4})|(.))/m) do
        high, low, code, char = $1, $2, $3, $4
        if high then [0x10000 + ((high.hex - 0xD800) << 10) + (low.hex - 0xDC00)].pack('U')
        elsif code then code.hex.between?(0xD800, 0xDFFF) ? "\uFFFD" : [code.hex].pack('U')
        else UNESCAPES.fetch(char, char)
        end
      end
    end
  end
end
