RSpec.configure do |config|
  config.order = :random
  Kernel.srand config.seed
  config.filter_run_when_matching :focus
  config.filter_run_excluding :slow
  config.before(:suite) { $suite = :ready }
  config.before(:each, :logged) { |example| puts "logged #{example.description}" }
end

RSpec.shared_examples 'a collection' do |size|
  it("has #{size} items") { expect(subject.size).to eq size }
  context('when cleared') { it('is empty') { expect(subject.clear).to be_empty } }
end

RSpec::Matchers.define(:be_even_ish) { match { |number| number.abs % 2 < 0.5 } }
