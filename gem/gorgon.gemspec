# frozen_string_literal: true

# Read by script/gem, in a folder where everything that the gem holds is laid out, libexec/gorgon and VERSION included.
Gem::Specification.new do |spec|
  spec.name = 'gorgon'
  spec.version = File.read(File.join(__dir__, 'VERSION')).strip
  spec.platform = Gem::Platform.local
  spec.summary = 'Runs a test suite on every machine a team has'
  spec.description = 'Distributes the test files of a Ruby project (RSpec, Minitest, test-unit) over the cores of one ' \
                     'machine or of many, and gives the verdicts that the framework itself would give.'
  spec.authors = ['The Gorgon developers']
  spec.license = 'MIT'
  spec.required_ruby_version = '>= 2.7'
  spec.files = Dir.glob('{exe,lib,libexec}/**/*', base: __dir__) + %w[CHANGELOG.md LICENSE README.md VERSION]
  spec.bindir = 'exe'
  spec.executables = ['gorgon']
end
