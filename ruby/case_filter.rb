# frozen_string_literal: true

# Which cases of its file a unit is about, as its user has put it. What that means is the framework's business.
module Gorgon
  class CaseFilter
    # Places in the file, as they stand behind its name: ":12" or "[1:2]"; parts of names; tags as RSpec has them.
    attr_reader :places, :names, :tags, :expression

    def initialize(message)
      @places = message['places'] || []
      @names = message['names'] || []
      @tags = message['tags'] || []
      @expression = Expression.new(message['expression']) if message.key?('expression')
    end

    def empty?
      places.empty? && names.empty? && tags.empty? && expression.nil?
    end

    # {":12" => 12}
    def lines
      @lines ||= places.grep(/\A:\d+\z/).to_h { |place| [place, Integer(place.delete_prefix(':'), 10)] }
    end

    # {"[1:2]" => "1:2"}
    def ids
      @ids ||= places.grep(/\A\[[\d:]+\]\z/).to_h { |place| [place, place[1..-2]] }
    end

    # Places that are neither, from a newer Gorgon.
    def unknown_places
      places - lines.keys - ids.keys
    end

    def self.error(text)
      Wire.plain_error('selection', '', text)
    end
  end

  # What is left of `-E` and `-k` for a runner to judge: ["and", …], ["or", …], ["not", …] over ["name", TEXT],
  # ["name_is", TEXT], ["word", TEXT], ["tag", TAG] and ["ids", [ID, …]].
  class Expression
    CHAINS = %w[and or not].freeze
    TERMS = %w[name name_is word tag ids].freeze

    def initialize(term)
      @term = term
    end

    # Why it cannot be obeyed; nil: it can.
    def problem(term = @term)
      word, *rest = term if term.is_a?(Array)
      return rest.filter_map { |one| problem(one) }.first if CHAINS.include?(word)

      "this runner does not understand #{term.inspect}; is it older than your gorgon?" unless TERMS.include?(word)
    end

    # `tagged` says whether the case has a tag.
    def selects?(id, name, term = @term, &tagged)
      word, *rest = term
      case word
      when 'and' then rest.all? { |one| selects?(id, name, one, &tagged) }
      when 'or' then rest.any? { |one| selects?(id, name, one, &tagged) }
      when 'not' then !selects?(id, name, rest.first, &tagged)
      when 'name' then name.include?(rest.first)
      when 'name_is' then name == rest.first
      when 'word' then name.downcase.include?(rest.first.downcase)
      when 'tag' then tagged.call(rest.first)
      when 'ids' then rest.first.include?(id)
      end
    end
  end

  # The filter of a unit over the tests of one file, for frameworks whose tests are methods of classes.
  class MethodFilter
    # A test class or, with its name, one of its tests; where it is declared in the file, nil: elsewhere.
    Declaration = Struct.new(:line, :test_class, :name)

    # `framework` is its name for people.
    def initialize(unit, framework, declarations)
      @unit = unit
      @filter = unit.filter
      @framework = framework
      @declarations = declarations
      @lines = declarations.map(&:line).compact.uniq.sort
    end

    # What makes no sense to these frameworks, or is not there, as error objects.
    def errors
      texts = @filter.tags.map { |tag| "-t #{tag}: #{@framework} has no tags; select by file, by line or with -e" }
      texts += [@filter.expression&.problem].compact
      texts += (@filter.ids.keys + @filter.unknown_places).map do |place|
        "#{@unit.file}#{place}: #{@framework} has no such ids; select by line or with -e"
      end
      texts += @filter.lines.reject { |_, line| declared_line(line) }.map do |place, _|
        "#{@unit.file}#{place}: there is no test at or before this line"
      end
      texts.map { |text| CaseFilter.error(text) }
    end

    # `name` is the method's, `full_name` what people call the case.
    def selects?(test_class, name, full_name, id)
      return false unless @filter.tags.empty? && !@filter.expression&.problem
      # A case of these frameworks has no tag.
      return false unless @filter.expression.nil? || @filter.expression.selects?(id, full_name) { false }
      return false unless @filter.names.empty? || @filter.names.any? { |part| full_name.include?(part) }

      @filter.places.empty? || chosen.key?([test_class, name])
    end

    private

    def declared_line(line)
      @lines.reverse_each.find { |declared| declared <= line }
    end

    def chosen
      @chosen ||= begin
        lines = @filter.lines.values.map { |line| declared_line(line) }.compact
        at_lines = @declarations.select { |one| lines.include?(one.line) }
        classes, tests = at_lines.partition { |one| one.name.nil? }
        tests += classes.flat_map { |one| tests_within(one.test_class) }
        tests.to_h { |one| [[one.test_class, one.name], true] }
      end
    end

    # Those of the class itself, and of the ones that are nested in it. Its other subclasses have places of their own.
    def tests_within(outer)
      @declarations.select do |one|
        one.name && (one.test_class.equal?(outer) || outer.name && one.test_class.name.to_s.start_with?("#{outer.name}::"))
      end
    end
  end
end
