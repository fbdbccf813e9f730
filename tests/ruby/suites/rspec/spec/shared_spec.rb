RSpec.describe Array do
  subject { [1, 2, 3] }
  it_behaves_like 'a collection', 3
  it_behaves_like 'a collection', 4
  3.times { |i| specify("number #{i}") { expect(subject[i]).to eq i + 1 } }
end

RSpec.describe(Hash, '#size') { it_behaves_like('a collection', 1) { subject { { a: 1 } } } }
