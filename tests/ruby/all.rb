# frozen_string_literal: true

# Every test of ruby/, from anywhere: ruby tests/ruby/all.rb [minitest options]
require 'minitest/autorun'
Dir.glob(File.join(__dir__, '*_test.rb')).sort.each { |file| require file }
