# frozen_string_literal: true

require 'minitest/autorun'
require 'json'
require_relative '../../ruby/wire'

class WireTest < Minitest::Test
  W = Gorgon::Wire

  def test_values_come_back
    value = { 'a' => [1, -2.5, nil, true, false, 1e20, {}], 'b' => "q\" b\\ n\n u\u0001 é\u2028 😀", '' => [] }
    assert_equal value, JSON.parse(W.generate(value))
    assert_equal value, W.parse(W.generate(value))
    assert_equal value, W.parse(JSON.pretty_generate(value))
    assert_equal value, W.parse(JSON.generate(value, ascii_only: true))
  end

  def test_generate_never_raises
    assert_equal '[null,null,null]', W.generate([Float::NAN, Float::INFINITY, -Float::INFINITY])
    assert_equal '"sym"', W.generate(:sym)
    assert_equal %({"1":"\uFFFD"}), W.generate(1 => "\xFF")
    assert_equal '"é"', W.generate('é'.encode('UTF-16'))
    assert_equal "\"\uFFFD\"", W.generate("\xFF".b)
    refute_includes W.generate("a\r\nb"), "\n"
  end

  def test_parse_refuses_what_is_no_json
    ['', '{', '[1,]', '{"a" 1}', 'nul', '[1] 2', '"abc', '{,}', '{1:2}', '[1 2]', ']'].each do |text|
      assert_raises(W::ParseError, text) { W.parse(text) }
    end
  end

  def test_parse_stops_at_64_levels
    assert_equal [], W.parse('[' * 64 + ']' * 64).flatten
    assert_raises(W::ParseError) { W.parse('[' * 65 + ']' * 65) }
    assert_raises(W::ParseError) { W.parse('{"a":' * 100_000) }
  end

  def test_of_a_key_that_stands_twice_the_last_value_counts
    assert_equal({ 'a' => 2 }, W.parse('{"a": 1, "a": 2}'))
  end

  def test_parse_survives_half_of_a_surrogate_pair
    assert_equal "\uFFFDx", W.parse('"\ud800x"')
  end

  def test_text_is_cut_between_characters
    assert_equal "é\n[cut: 4 bytes, showing the first 3]", W.text('éé', 3)
  end

  def test_errors_tell_their_causes
    error = begin
      begin
        raise 'inner'
      rescue StandardError
        raise ArgumentError, 'outer'
      end
    rescue StandardError => e
      e
    end
    result = W.error('load', error)
    assert_equal %w[load ArgumentError outer], result.values_at('stage', 'class', 'message')
    assert_match(/inner/, result['display'])
  end

  def test_errors_without_a_backtrace
    assert_equal [], W.error('load', RuntimeError.new('x'))['backtrace']
  end
end
