# frozen_string_literal: true

# Suites that nobody wrote for us, from Debian packages, and what their own frameworks say of them.
#
#   ruby real_suite.rb prepare NAME FOLDER     makes the project in FOLDER (new)
#   ruby real_suite.rb alone NAME FOLDER       runs it without Gorgon; prints a JSON array of cases, each an array of texts
#   ruby real_suite.rb ours NAME EVENTS        the same rows from the JSON events of a run of Gorgon
#   ruby real_suite.rb junit FILE              name and status of each case in a report of Gorgon
#
# haproxy   RSpec      puppet-module-puppetlabs-haproxy, ruby-rspec-puppet-facts, ruby-puppetlabs-spec-helper
# minitest  Minitest   libruby3.1: the tests of minitest itself that need no Rakefile
# rss       test-unit  libruby3.1: the tests of the rss gem
#
# A row is [id, name, status, message] for RSpec, else [file, name, status].
require 'fileutils'
require 'json'
require 'open3'
require 'rexml/document'

module RealSuite
  GEMS = '/usr/lib/ruby/gems/3.1.0/gems'
  MODULES = '/usr/share/puppet/modules'
  CLEAN = { 'RUBYOPT' => nil, 'SPEC_OPTS' => nil, 'TESTOPTS' => nil, 'SEED' => '7', 'MT_CPU' => '2' }.freeze
  # The base class of rss's helper has a test of its own. It runs with every file that is alone, but once per runner.
  HELPERS = ['default_test'].freeze

  SUITES = {
    'haproxy' => { from: "#{MODULES}/haproxy", files: 'spec/{classes,defines,unit}/**/*_spec.rb' },
    'minitest' => { from: "#{GEMS}/minitest-5.15.0", files: 'test/minitest/test_*.rb' },
    'rss' => { from: "#{GEMS}/rss-0.2.9", files: 'test/test_*.rb' }
  }.freeze

  module_function

  def prepare(name, folder)
    from = SUITES.fetch(name)[:from]
    abort "#{from} is not installed" unless File.directory?(from)
    FileUtils.cp_r("#{File.realpath(from)}/.", folder)
    FileUtils.rm_f(File.join(folder, 'Gemfile')) # its bundle is not what Debian has
    return unless name == 'haproxy'

    modules = File.join(folder, 'spec/fixtures/modules')
    FileUtils.mkdir_p(modules)
    %w[stdlib concat].each { |other| File.symlink("#{MODULES}/#{other}", File.join(modules, other)) }
    # rspec-puppet wants this link to have exactly this target; in a workspace a callback makes it anew.
    File.symlink(folder, File.join(modules, 'haproxy'))
  end

  def alone(name, folder)
    files = Dir.glob(SUITES.fetch(name)[:files], base: folder).sort
    case name
    when 'haproxy' then rspec_alone(folder, files)
    when 'minitest' then files.flat_map { |file| minitest_alone(folder, file) }
    else files.flat_map { |file| test_unit_alone(folder, file) }
    end
  end

  def rspec_alone(folder, files)
    report = File.join(folder, '.alone.json')
    output = capture(folder, 'rspec', '--format', 'json', '--out', report, *files)
    abort output unless File.exist?(report)
    JSON.parse(File.read(report))['examples'].map do |example|
      [example['id'], example['full_description'], example['status'], example.dig('exception', 'message').to_s]
    end
  ensure
    FileUtils.rm_f(report)
  end

  def minitest_alone(folder, file)
    letters = { '.' => 'passed', 'F' => 'failed', 'E' => 'error', 'S' => 'skipped' }
    output = capture(folder, 'ruby', '-Ilib', '-Itest', file, '--verbose')
    # Names and results of tests in threads run into each other; in order they still belong together.
    names = output.scan(/(\w[\w:]*#test_[^\n=]+) = /).flatten
    results = output.scan(/[\d.]+ s = ([.FES])$/).flatten.map { |letter| letters.fetch(letter) }
    names.zip(results).map { |row| [file, *row] }
  end

  def test_unit_alone(folder, file)
    letters = { '.' => 'passed', 'F' => 'failed', 'E' => 'error', 'P' => 'pending', 'O' => 'skipped', 'N' => 'skipped' }
    output = capture(folder, 'ruby', '-Ilib', '-Itest', file, '--verbose=verbose', '--no-use-color')
    cases = output.scan(/^ +(\w[^\n]*?):\t+([.FEPON]): \([\d.]+\)$/)
    cases.reject { |name, _| HELPERS.include?(name) }.map { |name, letter| [file, name, letters.fetch(letter)] }
  end

  def ours(name, events)
    cases = File.foreach(events).map { |line| JSON.parse(line) }.select { |event| event['event'] == 'case_finished' }
    return cases.map { |item| rspec_row(item) } if name == 'haproxy'
    return cases.map { |item| item.values_at('unit', 'name', 'status') } if name == 'minitest'

    rows = cases.map { |item| [item['unit'], item['name'][/#(.*)/m, 1], item['status']] }
    rows.reject { |_, method, _| HELPERS.include?(method) }
  end

  # What a report in JUnit XML says of the cases of an RSpec suite: name and status.
  def junit(file)
    REXML::XPath.match(REXML::Document.new(File.read(file)), '//testcase').map do |item|
      status = { 'failure' => 'failed', 'error' => 'failed', 'skipped' => 'pending' }.find { |element, _| item.elements[element] }
      [item.attributes['name'], status ? status.last : 'passed']
    end
  end

  def rspec_row(item)
    [item['id'], item['name'], item['status'], item.dig('failure', 'message').to_s]
  end

  def capture(folder, *command)
    Open3.capture2e(CLEAN, *command, chdir: folder).first.force_encoding('UTF-8').scrub('?')
  end
end

case ARGV
in ['prepare', name, folder] then RealSuite.prepare(name, folder)
in ['alone', name, folder] then puts JSON.generate(RealSuite.alone(name, folder))
in ['junit', file] then puts JSON.generate(RealSuite.junit(file))
in ['ours', name, events] then puts JSON.generate(RealSuite.ours(name, events))
end
