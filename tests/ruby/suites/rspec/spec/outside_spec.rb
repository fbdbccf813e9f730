RSpec.describe 'outside' do
  after(:context) { raise 'late' }
  it('passes') {}
end
