# frozen_string_literal: true

require_relative 'minitest_helper'

describe Pocket::Wrap do
  it 'breaks between words' do
    _(Pocket::Wrap.lines('the quick brown fox', width: 9)).must_equal ['the quick', 'brown fox']
  end

  it 'keeps empty lines' do
    _(Pocket::Wrap.lines("one\n\ntwo", width: 20)).must_equal ['one', '', 'two']
  end

  it 'cuts a word that is longer than a line' do
    _(Pocket::Wrap.lines('a donaudampfschiff', width: 6)).must_equal ['a', 'donaud', 'ampfsc', 'hiff']
  end

  it 'needs a width' do
    _ { Pocket::Wrap.lines('text', width: 0) }.must_raise ArgumentError
  end
end
