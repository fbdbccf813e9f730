# frozen_string_literal: true

# A pocketful of small tools. They are here to be tested: see README.md.
module Pocket
  autoload :Backoff, 'pocket/backoff'
  autoload :Delimited, 'pocket/delimited'
  autoload :Intervals, 'pocket/intervals'
  autoload :LruCache, 'pocket/lru_cache'
  autoload :Money, 'pocket/money'
  autoload :Queens, 'pocket/queens'
  autoload :Roman, 'pocket/roman'
  autoload :Sieve, 'pocket/sieve'
  autoload :Spelling, 'pocket/spelling'
  autoload :Table, 'pocket/table'
  autoload :Throttle, 'pocket/throttle'
  autoload :Wrap, 'pocket/wrap'
end
