require 'test_helper'

describe Array do
  let(:list) { [3] }
  before { list << 4 }
  it('grows') { _(list.size).must_equal 2 }
  it('fails') { _(list).must_be_empty }
  it 'has no body'
  describe('nested') { it('sees it') { _(list.first).must_equal 3 } }
end
