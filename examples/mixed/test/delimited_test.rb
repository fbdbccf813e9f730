# frozen_string_literal: true

require_relative 'minitest_helper'

class DelimitedTest < Minitest::Test
  def test_plain_fields
    assert_equal [%w[a b], ['c', '']], Pocket::Delimited.parse("a,b\nc,\n")
  end

  def test_quoted_fields_hold_anything
    assert_equal [["a,b", "two\nlines", 'a "word"']], Pocket::Delimited.parse(%("a,b","two\nlines","a ""word"""))
  end

  def test_other_separators
    assert_equal [%w[a,b c]], Pocket::Delimited.parse("a,b;c\r\n", separator: ';')
  end

  def test_a_quote_that_is_never_closed
    error = assert_raises(Pocket::Delimited::Malformed) { Pocket::Delimited.parse('a,"b') }
    assert_equal 'quote at 2 is never closed', error.message
  end

  def test_text_behind_a_quote
    error = assert_raises(Pocket::Delimited::Malformed) { Pocket::Delimited.parse('"a"b') }
    assert_equal 'unexpected "b" at 3', error.message
  end

  def test_a_large_file
    rows = Array.new(20_000) { |index| [index.to_s, "name #{index}", 'x' * (index % 50)] }

    assert_equal rows, Pocket::Delimited.parse(rows.map { |row| row.join(',') }.join("\n"))
  end
end
