require 'minitest/autorun'
require 'minitest/mock'
