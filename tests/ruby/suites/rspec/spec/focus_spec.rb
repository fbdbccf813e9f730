RSpec.describe 'focus' do
  fit('alone') {}
  it('not run') { raise 'never' }
  fdescribe('with friends') { it('a') {}; it('b') { expect(1).to be > 2 } }
end
