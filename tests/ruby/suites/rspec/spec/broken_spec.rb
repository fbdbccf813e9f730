RSpec.describe('broken') { it('is not run') {} }
raise 'while loading'
