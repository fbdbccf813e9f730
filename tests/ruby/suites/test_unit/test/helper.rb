require 'test/unit'
