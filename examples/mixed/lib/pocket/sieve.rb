# frozen_string_literal: true

module Pocket
  # Primes up to a limit, by Eratosthenes.
  module Sieve
    module_function

    def primes(limit)
      prime = Array.new(limit + 1, true).fill(false, 0, [2, limit + 1].min)
      2.upto(Integer.sqrt(limit)) do |number|
        next unless prime[number]

        (number * number).step(limit, number) { |multiple| prime[multiple] = false }
      end
      prime.each_index.select { |number| prime[number] }
    end
  end
end
