RSpec.describe 'kinds' do
  it('passes') { expect($suite).to eq :ready }
  it('compares') { expect([1, { a: 2 }]).to eq [1, { a: 3 }] }
  it('compares text') { expect("one\ntwo\n").to eq "one\nthree\n" }
  it('raises') { raise ArgumentError, "boom\nand more" }
  it('raises with a cause') do
    begin
      Integer('x')
    rescue ArgumentError
      raise IOError, 'wrapped'
    end
  end
  it('misses a method') { nil.no_such_method }
  it('uses a matcher') { expect(3).to be_even_ish }
  it { expect(4).to be_even_ish }
  it { is_expected.to eq 'other' }
  it('aggregates', :aggregate_failures) do
    expect(1).to eq 2
    expect(3).to eq 4
  end
  it('aggregates errors', :aggregate_failures) do
    expect(1).to eq 2
    raise 'in the middle'
  end
  it('is excluded', :slow) { raise 'never' }
  it 'has no body'
  xit('is crossed out') { raise 'never' }
  it('skips') { skip 'not on this machine' }
  it('pends') { pending('a bug'); expect(1).to eq 2 }
  it('pends in vain') { pending('a bug') }
  pending('pends as a whole') { raise 'yes' }
  it('is logged', :logged) {}
end
