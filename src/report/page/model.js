// The data of the page (src/report/html_records.cc has its grammar) as what the sections show.

const statuses = {
  f: {name: "failed", sign: "✗"},
  e: {name: "error", sign: "!"},
  y: {name: "flaky", sign: "~"},
  s: {name: "skipped", sign: "–"},
  w: {name: "pending", sign: "…"},
  q: {name: "in quarantine", sign: "q"},
  p: {name: "passed", sign: "✓"},
  r: {name: "running", sign: "●"},
};
const verdicts = {
  failed: {letter: "f", name: "failed"},
  crashed: {letter: "e", name: "crashed"},
  timed_out: {letter: "e", name: "timed out"},
  lost: {letter: "s", name: "lost"},
  cancelled: {letter: "s", name: "cancelled"},
  passed: {letter: "p", name: "passed"},
};

function readModel(data) {
  const model = {
    head: data.head,
    units: [],
    cases: [],
    notices: [],
    hosts: new Map(),
    workers: [],
    unfinished: [],
    end: data.head.seconds,
    goesOn: data.head.exit_code === null,
    isCut: false,
  };
  const clock = new WorkerClock(model);
  for (const [kind, ...fields] of data.records) {
    if (kind === "unit")
      addUnit(model, clock, fields);
    else if (kind === "start")
      clock.start(...fields);
    else if (kind === "tried")
      clock.tried(...fields.slice(0, 4), verdicts[fields[4]]);
    else if (kind === "host")
      clock.host(...fields);
    else if (kind === "notice")
      model.notices.push({level: fields[0], text: fields[1]});
  }
  clock.finish();
  return model;
}

/** Null: the page does not know where it lies. */
function artifactHref(artifacts, path) {
  if (!artifacts?.link || !path.startsWith(`${artifacts.folder}/`)) return null;
  const link = artifacts.link + path.slice(artifacts.folder.length);
  return link.split("/").map(encodeURIComponent).join("/");
}

function addUnit(model, clock, fields) {
  const [at, id, file, part, verdict, attempt, seconds, host, worker, cases, details] = fields;
  const unit = {
    id,
    file,
    part,
    verdict,
    attempt,
    seconds,
    host,
    worker,
    at,
    details: details || {},
    cases: [],
    letter: verdicts[verdict].letter,
    order: model.units.length,
    start: null,
    title: part ? `${file} (${part})` : file,
  };
  unit.artifacts = (unit.details.artifacts ||
                    []).map((path) => ({path, href: artifactHref(model.head.artifacts, path)}));
  for (const [name, place, status, caseSeconds, caseDetails, course] of cases) {
    const testCase = {
      unit,
      name,
      status: status === "y" ? "p" : status,
      letter: status,
      seconds: caseSeconds,
      details: caseDetails || {},
      course,
      order: model.cases.length,
      place: typeof place === "number" ? `${file}:${place}` : place || file,
    };
    unit.cases.push(testCase);
    model.cases.push(testCase);
    if (testCase.details.cut) model.isCut = true;
  }
  if (unit.details.running) addRunningCase(model, unit);
  if (unit.details.flaky) addOutside(model, unit);
  if (unit.details.cut) model.isCut = true;
  model.units.push(unit);
  clock.finishUnit(unit);
}

/** The case that was running when its unit ended is listed, and counts as its unit. */
function addRunningCase(model, unit) {
  const {running, place, course, errors} = unit.details;
  unit.running = {
    unit,
    name: running,
    status: "e",
    letter: "e",
    seconds: 0,
    details: {errors, unit_output: true},
    course: course || 0,
    order: model.cases.length,
    place: typeof place === "number" ? `${unit.file}:${place}` : place || unit.file,
    isCutOff: true,  // How long it ran, nobody knows.
  };
  model.cases.push(unit.running);
}

/** What went wrong outside of the cases of a file that passed in the end: flaky as a case is. */
function addOutside(model, unit) {
  model.cases.push({
    unit,
    name: "(outside of the cases)",
    status: "p",
    letter: "y",
    seconds: 0,
    details: unit.details,
    course: unit.details.course || 0,
    order: model.cases.length,
    place: unit.file,
    isCutOff: true,
    isOutside: true,
  });
}

/** Who did what, and when: bars on the rows of workers. */
class WorkerClock {
  constructor(model) {
    this.model = model;
    this.workers = new Map();
    this.open = new Map();  // Unit's id to its attempts without an end.
    this.firstPreparing = null;
    this.firstReady = null;
  }

  hostOf(name) {
    if (!this.model.hosts.has(name))
      this.model.hosts.set(
          name,
          {name, state: "", message: "", preparing: null, ready: null, left: null, workers: []});
    return this.model.hosts.get(name);
  }

  workerOf(hostName, number) {
    const key = JSON.stringify([hostName, number]);
    if (!this.workers.has(key)) {
      const host = this.hostOf(hostName);
      const worker = {host, number, name: `${hostName}:${number}`, bars: []};
      host.workers.push(worker);
      this.workers.set(key, worker);
    }
    return this.workers.get(key);
  }

  host(at, name, state, workers, message) {
    const host = this.hostOf(name);
    host.state = state;
    if (message) host.message = message;
    if (state === "preparing" && host.preparing === null) host.preparing = at;
    if (state === "ready" && host.ready === null) host.ready = at;
    if (state !== "left" && state !== "failed") return;
    host.left = at;
    for (const attempts of this.open.values())
      for (const attempt of attempts)
        if (attempt.worker.host === host) attempt.end ??= at;
  }

  start(at, unit, file, host, number, attempt) {
    const worker = this.workerOf(host, number);
    const before = worker.bars.at(-1);
    if (before) before.end ??= at;  // Its worker has died, and another has its number now.
    const bar = {worker, file, start: at, end: null, ran: 0, unit: null, letter: "s", attempt};
    worker.bars.push(bar);
    if (!this.open.has(unit)) this.open.set(unit, []);
    this.open.get(unit).push(bar);
  }

  /** A try that was not the last. */
  tried(at, unit, host, number, verdict) {
    const worker = this.workerOf(host, number);
    const bar = (this.open.get(unit) || []).findLast((attempt) => attempt.worker === worker);
    if (bar)
      Object.assign(
          bar, {end: at, ran: at - bar.start, letter: verdict.letter, tried: verdict.name});
  }

  finishUnit(unit) {
    const attempts = this.open.get(unit.id) || [];
    this.open.delete(unit.id);
    if (unit.host === "" || unit.worker === "") return;  // Nobody ran it.
    const worker = this.workerOf(unit.host, unit.worker);
    let bar = attempts.findLast((attempt) => attempt.worker === worker);
    if (!bar) {
      bar = {
        worker,
        file: unit.file,
        start: Math.max(0, unit.at - unit.seconds),
        attempt: unit.attempt
      };
      worker.bars.push(bar);
    }
    Object.assign(bar, {
      end: unit.at,
      ran: Math.min(unit.seconds, unit.at - bar.start),
      unit,
      letter: unit.letter
    });
    unit.start = bar.start;
    for (const attempt of attempts) attempt.end ??= unit.at;
  }

  finish() {
    const {model} = this;
    for (const host of model.hosts.values()) {
      host.workers.sort((a, b) => a.number.localeCompare(b.number, "en", {numeric: true}));
      model.workers.push(...host.workers);
    }
    for (const worker of model.workers) {
      worker.bars.sort((a, b) => a.start - b.start);
      for (const bar of worker.bars) {
        bar.isRunning = model.goesOn && bar.end === null && worker.host.left === null;
        if (bar.isRunning) bar.letter = "r";
        bar.end ??= worker.host.left ?? model.end;
      }
    }
  }
}

/** The wall time in phases: what the run as a whole waited for. */
function phasesOf(model) {
  const least = (values) =>
      values.filter((value) => value !== null).reduce((a, b) => Math.min(a, b), Infinity);
  const hosts = [...model.hosts.values()];
  const bars = model.workers.flatMap((worker) => worker.bars);
  const marks = [
    [
      "plan", "Plan and send", "until the first machine answered",
      least(hosts.map((host) => host.preparing ?? host.ready))
    ],
    [
      "prepare", "Prepare", "until one was ready: tree, callbacks, preloading",
      least(hosts.map((host) => host.ready))
    ],
    [
      "boot", "Start workers", "until the first file started",
      bars.reduce((a, bar) => Math.min(a, bar.start), Infinity)
    ],
    [
      "run", "Run", "until the last file was handed out",
      model.goesOn && bars.length > 0 ? model.end :
                                        bars.reduce((a, bar) => Math.max(a, bar.start), -Infinity)
    ],
    [
      "tail", "Tail", "nothing left to hand out: until the last file ended",
      bars.reduce((a, bar) => Math.max(a, bar.end), -Infinity)
    ],
    ["close", "Close", "goodbyes, callbacks, reports", model.end],
  ];
  let from = 0;
  const phases = [];
  for (const [key, name, meaning, mark] of marks) {
    const to = Number.isFinite(mark) ? Math.min(Math.max(mark, from), model.end) : from;
    phases.push({key, name, meaning, from, to, seconds: to - from});
    from = to;
  }
  return phases;
}

/** The time of all slots, of each from the start of the run to its end. */
function slotTimeOf(model) {
  const sums = {prepare: 0, boot: 0, run: 0, deliver: 0, wait: 0, tail: 0};
  for (const worker of model.workers) {
    const first = worker.bars.length > 0 ? worker.bars[0].start : model.end;
    const ready = Math.min(worker.host.ready ?? first, first);
    sums.prepare += ready;
    sums.boot += first - ready;
    let until = first;
    for (const bar of worker.bars) {
      sums.wait += Math.max(0, bar.start - until);
      const from = Math.max(bar.start, until);
      const busy = Math.max(0, bar.end - from);
      const ran = bar.unit || bar.ran > 0 ? Math.min(bar.ran, busy) : busy;
      sums.run += ran;
      sums.deliver += busy - ran;
      until = Math.max(until, bar.end);
    }
    sums.tail += Math.max(0, model.end - until);
  }
  return [
    {
      key: "prepare",
      name: "Machine prepares",
      meaning: "before the slot's machine was ready",
      seconds: sums.prepare
    },
    {key: "boot", name: "Boot", meaning: "from then to its first file", seconds: sums.boot},
    {key: "run", name: "Run", meaning: "test files ran", seconds: sums.run},
    {
      key: "deliver",
      name: "Deliver",
      meaning: "a result on its way, a killed test going down",
      seconds: sums.deliver
    },
    {key: "wait", name: "Queue wait", meaning: "between two files", seconds: sums.wait},
    {
      key: "tail",
      name: "Idle",
      meaning: "after its last file, to the end of the run",
      seconds: sums.tail
    },
  ];
}
