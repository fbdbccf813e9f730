# frozen_string_literal: true

module Pocket
  # How many ways there are to place n queens on an n by n board, none in reach of another.
  module Queens
    module_function

    def count(size, columns = 0, rising = 0, falling = 0)
      full = (1 << size) - 1
      return 1 if columns == full

      free = full & ~(columns | rising | falling)
      ways = 0
      until free.zero?
        queen = free & -free
        free ^= queen
        ways += count(size, columns | queen, (rising | queen) << 1, (falling | queen) >> 1)
      end
      ways
    end
  end
end
