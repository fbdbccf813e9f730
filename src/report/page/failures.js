// What went wrong: units outside their cases, then failed cases, alike ones together.

const failuresAtOnce = 40;
const openAtFirst = 5;

/** Whether its failed cases tell all that went wrong; results::went_wrong_outside(). */
function isToldByCases({verdict, details}, failedCases) {
  const canBe = verdict === "failed" || (verdict === "timed_out" && !details.cut);
  return canBe && !details.errors && failedCases.length > 0;
}

/** As many as the terminal counts: one for each thing that the reader should look at. */
function failuresOf(model) {
  const all = [];
  for (const unit of model.units) {
    const cases = unit.cases.filter((one) => one.status === "f" || one.status === "e");
    if (unit.verdict !== "passed" && unit.letter !== "s" && !isToldByCases(unit, cases))
      all.push({unit, letter: unit.letter, details: unit.details});
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
  const withCourse = testCase || unit.running;
  return el(
      "details", {
        class: "failure-item",
        open: isOpen,
        "data-key": testCase ? `case ${testCase.order}` : `unit ${unit.order}`
      },
      el("summary", {}, dot(letter), el("h3", {}, lineOf(testCase ? testCase.name : unit.title)),
         el("span", {class: "place"},
            testCase ? lineOf(testCase.place) : verdicts[unit.verdict].name),
         runs > 0 && withCourse ? courseStrip(courseOf(withCourse, runs)) : el("span", {}),
         el("span", {class: "time"},
            fineDuration(testCase && !testCase.isOutside ? testCase.seconds : unit.seconds))),
      el("div", {class: "failure-body"}, detailBlocks(details),
         testCase ? unitOutputBlock(testCase) : null, artifactBlock(unit),
         el("p", {class: "note"},
            button(lineOf(unit.title), {class: "link", click: () => openUnit(unit)}),
            unit.host ? `on ${lineOf(unit.host)}:${lineOf(unit.worker)}` : null,
            unit.attempt > 1 ? `, attempt ${unit.attempt}` : null)));
}

/** Some at a time: thousands of failures have, as a rule, few causes. `atLeast`: as many. */
function failureList(failures, runs, openUnit, atLeast) {
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
  do add();
  while (shown < Math.min(atLeast, todo.length));
  return [list, more];
}

function unfinishedList(units, openUnit) {
  const reasonOf = (unit) => lineOf((unit.details.errors || [])[0]?.message || "");
  return el(
      "details", {class: "unfinished", "data-key": "unfinished"},
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

/** Cases, and what went wrong outside of the cases of a file at first. */
function flakyOf(model) {
  return model.cases.filter((testCase) => testCase.letter === "y")
      .map((testCase) => ({unit: testCase.unit, testCase, letter: "y", details: testCase.details}));
}

/** `atLeast`: so many failures are shown already. */
function failureSection(model, openUnit, atLeast = 0) {
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
      (model.head.exit_code === 0 || model.goesOn);
  if (isGood && flaky.length === 0) return null;
  return section(
      "failures",
      isGood           ? "Nothing went wrong in the end" :
          model.goesOn ? "What went wrong so far" :
                         "What went wrong",
      model.head.reason && model.head.exit_code > 1 ?
          el("div", {class: "reason"}, printed(model.head.reason, "Why the run ended so")) :
          null,
      failedHosts.map(
          (host) =>
              el("div", {class: "reason"},
                 el("p", {}, el("strong", {}, lineOf(host.name)), " took no further part"),
                 host.message ? printed(host.message, `Why ${lineOf(host.name)} left`) : null)),
      errors.map((error) => el("div", {class: "reason"}, printed(error.text, "Error"))),
      failures.length > 0 ? failureList(failures, runs, openUnit, atLeast) : null,
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
