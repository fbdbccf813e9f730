// A reporter for `node --test`: the cases of a run as rows [name, status], the oracle for ours. Tests with subtests and
// suites are none, unless they alone failed.
import process from 'node:process';

export default async function* rows(events) {
  const path = [];
  const found = [];
  const inner = []; // By nesting: cases and failures of what has ended there since the last event one level up.
  const add = (nesting, counts) => {
    inner[nesting] ??= { cases: 0, failures: 0 };
    inner[nesting].cases += counts.cases;
    inner[nesting].failures += counts.failures;
  };
  for await (const { type, data } of events) {
    if (type === 'test:start') path[data.nesting] = data.name;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    path[data.nesting] = data.name;
    const below = inner[data.nesting + 1] ?? { cases: 0, failures: 0 };
    inner[data.nesting + 1] = undefined;
    const status = type === 'test:fail' ? (data.todo !== undefined ? 'pending' : 'failed')
      : data.skip !== undefined ? 'skipped' : 'passed';
    const isCase = status === 'failed' ? below.failures === 0 : below.cases === 0 && data.details.type !== 'suite';
    if (isCase) {
      // Node 18 has a test around those of a file; a file that is a test itself has its path for a name.
      const names = path.slice(0, data.nesting + 1).map((name) => name.replace(`${process.cwd()}/`, ''));
      const shown = names.length > 1 && /\.[cm]?js$/.test(names[0]) ? names.slice(1) : names;
      found.push([shown.join(' > '), status]);
    }
    add(data.nesting, { cases: below.cases + isCase, failures: below.failures + (isCase && status === 'failed') });
  }
  yield JSON.stringify(found);
}
