RSpec.describe 'hooks' do
  context 'before(:context) fails' do
    before(:context) { raise 'no context' }
    it('one') {}
    context('inner') { it('two') {} }
  end
  context 'after(:each) fails too' do
    after { raise 'after' }
    it('one') { raise 'first' }
    it('two') {}
  end
  context 'around' do
    around { |example| example.run; raise 'around' if example.description == 'one' }
    it('one') {}
    it('two') {}
  end
  context 'skipped as a whole' do
    before(:context) { skip 'no server' }
    it('one') {}
  end
  context('mocks') do
    it('misses a call') { expect(self).to receive(:call).with(1) }
    it('gets a wrong one') { allow(self).to receive(:call).with(1); call(2) }
    it('doubles') { double('thing', size: 1).count }
  end
end
