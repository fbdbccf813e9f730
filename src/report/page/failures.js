// What went wrong: units outside their cases, then failed cases, alike ones together.

const failuresAtOnce = 40;
const openAtFirst = 5;
const mostListed = 300;  // Of what is in the list of all anyway.

/** A test that calls `exit` fails, and so does its unit, for the same reason. */
function outsideErrors(unit, failedCases) {
  const isTold =
      failedCases.some((one) => (one.details.errors || []).some((error) => error.stage === "exit"));
  return (unit.details.errors || []).filter((error) => !(isTold && error.stage === "exit"));
}

/** As many as the terminal counts: one for each thing that the reader should look at. */
function failuresOf(model) {
  const all = [];
  for (const unit of model.units) {
    const cases = unit.cases.filter((one) => one.status === "f" || one.status === "e");
    const errors = outsideErrors(unit, cases);
    const isTold = unit.verdict === "failed" && errors.length === 0 && cases.length > 0;
    if (unit.verdict !== "passed" && unit.letter !== "s" && !isTold)
      all.push({unit, letter: unit.letter, details: {...unit.details, errors}});
    for (const testCase of cases)
      all.push({unit, testCase, letter: testCase.status, details: testCase.details});
  }
  return all;
}

/** What failures of one cause have in common: class and first line, whatever the numbers in it. */
function causeOf({unit, details}) {
  const failure = (details.errors || [])[0];
  if (!failure) return details.cut ? "" : unit.verdict;
  const line = lineOf((failure.message || "").trim().split("\n")[0]);
  return [failure.class || failure.stage || "", line].filter(Boolean).join(": ");
}

function grouped(failures) {
  const groups = new Map();
  for (const failure of failures) {
    const cause = causeOf(failure);
    const key = cause.replace(/0x[0-9a-f]+|\d+/gi, "#") || `${groups.size}`;
    if (!groups.has(key)) groups.set(key, {cause, failures: []});
    groups.get(key).failures.push(failure);
  }
  return [...groups.values()];
}

function failureArticle({unit, testCase, letter, details}, {isOpen, runs, openUnit}) {
  const course = testCase ? courseOf(testCase, runs) : "";
  return el(
      "details", {class: "failure-item", open: isOpen},
      el("summary", {}, dot(letter), el("h3", {}, lineOf(testCase ? testCase.name : unit.title)),
         el("span", {class: "place"},
            testCase ? lineOf(testCase.place) : verdicts[unit.verdict].name),
         runs > 0 && testCase ? courseStrip(course) : el("span", {}),
         el("span", {class: "time"}, fineDuration(testCase ? testCase.seconds : unit.seconds))),
      el("div", {class: "failure-body"}, detailBlocks(details),
         el("p", {class: "note"},
            button(lineOf(unit.title), {class: "link", click: () => openUnit(unit)}),
            unit.host ? `on ${lineOf(unit.host)}:${lineOf(unit.worker)}` : null,
            unit.attempt > 1 ? `, attempt ${unit.attempt}` : null)));
}

/** Some at a time: thousands of failures have, as a rule, few causes. */
function failureList(failures, runs, openUnit) {
  const list = el("div", {class: "failures"});
  const more = button("", {class: "more", click: () => add()});
  const todo = grouped(failures).flatMap(
      ({cause, failures: alike}) =>
          alike.map((failure, i) => ({
                      failure,
                      title: i === 0 && alike.length > 1 ? `${alike.length} alike: ${cause}` : "",
                      isFirst: i === 0,
                      isAlike: alike.length > 1
                    })));
  let shown = 0;
  let opened = 0;
  function add() {
    const next = todo.slice(shown, shown + failuresAtOnce);
    for (const {failure, title, isFirst, isAlike} of next) {
      if (title) list.append(el("p", {class: "cause"}, title));
      const isOpen = isFirst && opened < openAtFirst;
      if (isOpen) ++opened;
      const item = failureArticle(failure, {isOpen, runs, openUnit});
      if (isAlike) item.classList.add("is-alike");
      list.append(item);
    }
    shown += next.length;
    const rest = todo.length - shown;
    more.hidden = rest === 0;
    more.textContent =
        `Show ${Math.min(rest, failuresAtOnce)} more of ${count(todo.length, "failure")}`;
  }
  add();
  return [list, more];
}

function unfinishedList(units, openUnit) {
  const reasonOf = (unit) => lineOf((unit.details.errors || [])[0]?.message || "");
  return el(
      "details", {class: "unfinished"},
      el("summary", {},
         `${count(units.length, "file")} without a verdict: cancelled, or nobody could run it`),
      el("ul", {},
         units.slice(0, mostListed)
             .map(
                 (unit) =>
                     el("li", {},
                        button(lineOf(unit.title), {class: "link", click: () => openUnit(unit)}),
                        ` ${verdicts[unit.verdict].name}`,
                        reasonOf(unit) ? `: ${reasonOf(unit)}` : ""))),
      moreNote(units.length, "in the list of all files"));
}

/** Cases, and files that went wrong outside of their cases at first. */
function flakyOf(model) {
  const units = model.units.filter((unit) => unit.letter === "p" && unit.details.earlier);
  const cases = model.cases.filter((testCase) => testCase.letter === "y");
  return [
    ...units.map((unit) => ({unit, letter: "y", details: unit.details})),
    ...cases.map(
        (testCase) => ({unit: testCase.unit, testCase, letter: "y", details: testCase.details})),
  ];
}

function moreNote(length, where) {
  return length > mostListed ?
      el("p", {class: "note"}, `and ${length - mostListed} more, ${where}`) :
      null;
}

function failureSection(model, openUnit) {
  const failures = failuresOf(model);
  const runs = model.head.past.length;
  const unfinished = model.units.filter((unit) => unit.letter === "s");
  const flaky = flakyOf(model);
  // What ended the run is its reason; once is enough.
  const isTold = (text) => text !== "" && model.head.reason.includes(text);
  const failedHosts =
      [...model.hosts.values()].filter((host) => host.state === "failed" && !isTold(host.message));
  const errors = model.notices.filter((notice) => notice.level === "error" && !isTold(notice.text));
  const isGood = failures.length + unfinished.length + failedHosts.length + errors.length === 0 &&
      model.head.exit_code === 0;
  if (isGood && flaky.length === 0) return null;
  return section(
      "failures", isGood ? "Nothing went wrong" : "What went wrong",
      model.head.reason && model.head.exit_code > 1 ?
          el("div", {class: "reason"}, printed(model.head.reason, "Why the run ended so")) :
          null,
      failedHosts.map(
          (host) =>
              el("div", {class: "reason"},
                 el("p", {}, el("strong", {}, lineOf(host.name)), " took no further part"),
                 host.message ? printed(host.message, `Why ${lineOf(host.name)} left`) : null)),
      errors.map((error) => el("div", {class: "reason"}, printed(error.text, "Error"))),
      failures.length > 0 ? failureList(failures, runs, openUnit) : null,
      unfinished.length > 0 ? unfinishedList(unfinished, openUnit) : null,
      flaky.length > 0 ?
          [
            el("h3", {class: "sub"}, `Flaky: ${flaky.length} passed only when tried again`),
            flaky.slice(0, mostListed)
                .map((one) => failureArticle(one, {isOpen: false, runs, openUnit})),
            moreNote(flaky.length, "in the list of all cases"),
          ] :
          null,
      model.isCut ? el("p", {class: "note"},
                       "Some texts were left out: together they are more than a page can hold.") :
                    null);
}
