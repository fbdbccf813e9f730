// The page as a whole: its head, the sections in order, and what happens once it is loaded.

function outcomeOf({exit_code: code}) {
  if (code === null) return {word: "Running", kind: "r"};
  if (code === 0) return {word: "Passed", kind: "p"};
  if (code === 1) return {word: "Failed", kind: "f"};
  const words = {4: "Nothing ran", 6: "Incomplete", 130: "Interrupted", 143: "Interrupted"};
  return {word: `${words[code] || "Stopped"} (exit ${code})`, kind: "e"};
}

function bigFailures(head) {
  return head.cases.failed + head.cases.error + head.outside;
}

function headline(head) {
  const total = Object.values(head.cases).reduce((a, b) => a + b, 0);
  const bad = bigFailures(head);
  const cases = count(total, "case");
  if (head.exit_code === null) {
    const failures = bad > 0 ? `${count(bad, "failure")} so far` : "No failure so far";
    const files = head.planned ?
        `${integers.format(head.files)} of ${count(head.planned, "file")}` :
        count(head.files, "file");
    return `${failures}: ${files} done, ${cases}`;
  }
  if (bad > 0)
    return `${count(bad, "failure")} in ${integers.format(head.failing_files)} of ${
        count(head.files, "file")}, ${cases}`;
  if (head.files === 0) return head.reason || "no file to run";
  return `${cases} in ${count(head.files, "file")}`;
}

function themeButton() {
  const root = document.documentElement;
  const isDark = () =>
      (root.dataset.theme ||
       (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const label = () => (isDark() ? "Light" : "Dark");
  const control = button("", {
    class: "quiet",
    id: "theme",
    click: () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      update();
    },
  });
  const update = () => {
    control.textContent = label();
    control.setAttribute("aria-label", `${label()} colours`);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
  update();
  return control;
}

function quoted(word) {
  return /^[\w@%+=:,./~^-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function headOf(model) {
  const {head} = model;
  const outcome = outcomeOf(head);
  const shares = [
    ["p", head.cases.passed - head.flaky_cases], ["y", head.flaky], ["w", head.cases.pending],
    ["q", head.cases.quarantined], ["s", head.cases.skipped],
    ["e", head.cases.error + head.outside], ["f", head.cases.failed]
  ];
  const used = model.workers.filter((worker) => worker.bars.some((bar) => bar.unit || bar.tried));
  const hosts = new Set(used.map((worker) => worker.host)).size;
  return [
    el("div", {class: "head-row"}, el("p", {class: `outcome is-${outcome.kind}`}, outcome.word),
       el("p", {class: "command"},
          el("code", {}, lineOf(["gorgon", "start", ...head.arguments.map(quoted)].join(" ")))),
       themeButton()),
    el("h1", {}, lineOf(headline(head))),
    el("p", {class: "lede"},
       head.started_at > 0 ? el("time", {datetime: new Date(head.started_at * 1000).toISOString()},
                                dateText(head.started_at)) :
                             null,
       elapsed(head),
       used.length > 0 ?
           el("span", {},
              `${duration(head.unit_seconds)} in tests, on ${count(used.length, "worker")}${
                  hosts > 1 ? ` of ${count(hosts, "host")}` : ""}`) :
                              null,
       head.job ? el("span", {}, "job ", el("code", {}, lineOf(head.job))) : null,
       keptText(head) ? el("span", {}, keptText(head)) : null),
    el("div", {class: "share", "aria-hidden": "true"},
       shares.filter(([, cases]) => cases > 0).map(([letter, cases]) => el("span", {
                                                     class: `fill-${letter}`,
                                                     style: {"flex-grow": String(cases)}
                                                   }))),
    totals(head),
  ];
}

/** As the terminal says it. */
function keptText({artifacts}) {
  if (!artifacts || artifacts.files + artifacts.left_out === 0) return "";
  const leftOut = artifacts.left_out > 0 ? `, ${integers.format(artifacts.left_out)} left out` : "";
  return `${count(artifacts.files, "artifact")} in ${lineOf(artifacts.folder)}${leftOut}`;
}

/** How long a run has taken, or takes so far. */
function elapsed({seconds, exit_code: code}) {
  if (code !== null) return el("span", {}, duration(seconds));
  return el("span", {"data-since": sinceOf(seconds)}, duration(seconds));
}

function totals(head) {
  const sum = Object.values(head.cases).reduce((a, b) => a + b, 0);
  const rows = [
    ["cases", "Cases", sum, ""],
    ["passed", "Passed", head.cases.passed, "p"],
    ["failed", "Failed", head.cases.failed, "f"],
    ["error", "Errors", head.cases.error, "e"],
    ["outside", "Outside cases", head.outside, "e"],
    ["flaky", "Flaky", head.flaky, "y"],
    ["skipped", "Skipped", head.cases.skipped, "s"],
    ["pending", "Pending", head.cases.pending, "w"],
    ["quarantined", "In quarantine", head.cases.quarantined, "q"],
    ["files", "Files", head.files, ""],
  ];
  return el(
      "dl", {class: "totals"},
      rows.map(
          ([key, name, number, letter]) =>
              el("div", {class: number > 0 && letter ? `has-${letter}` : ""}, el("dt", {}, name),
                 el("dd", {"data-total": key}, integers.format(number)))));
}

/** A bar of parts, and the same as a table. */
function breakdown(title, whole, parts, prefix) {
  const shown = parts.filter((part) => part.seconds > 0);
  return el(
      "div", {class: "breakdown"},
      el("h3", {}, title, " ", el("span", {class: "number"}, duration(whole))),
      el("div", {class: "stack", "aria-hidden": "true"},
         shown.map((part) => el("span", {
                     class: `${prefix}-${part.key}`,
                     title: part.name,
                     style: {width: `${(100 * part.seconds) / whole}%`}
                   }))),
      el("table", {}, el("caption", {class: "hidden"}, title),
         el("thead", {class: "hidden"},
            el("tr", {},
               ["Part", "Meaning", "Time", "Share"].map((name) => el("th", {scope: "col"}, name)))),
         el("tbody", {},
            parts.map(
                (part) => el(
                    "tr", {},
                    el("th", {scope: "row"},
                       el("span", {class: `swatch ${prefix}-${part.key}`, "aria-hidden": "true"}),
                       part.name),
                    el("td", {class: "meaning"}, part.meaning),
                    el("td", {class: "time"}, duration(part.seconds)),
                    el("td", {class: "time"}, percent(part.seconds, whole)))))));
}

function timePair(model) {
  const phases = phasesOf(model);
  const slots = slotTimeOf(model);
  const whole = slots.reduce((sum, part) => sum + part.seconds, 0);
  return el(
      "div", {class: "pair"}, breakdown("Wall time", model.end, phases, "phase"),
      breakdown(`Time of ${count(model.workers.length, "slot")}`, whole, slots, "slot"));
}

function timeSection(model, timeline) {
  return section(
      "time", "Where the time went", timePair(model),
      el("div", {class: "timeline-head"}, el("h3", {}, "Timeline"),
         el("p", {class: "legend", "aria-hidden": "true"},
            [
              ["prepare", "prepares"], ["boot", "boots"], ["p", "ran"], ["f", "failed"],
              ["e", "crashed, timed out"], ["s", "no result"], ["track", "waits"],
              ...(timeline.model.goesOn ? [["r", "runs"]] : [])
            ].map(([key,
                    name]) => el("span", {}, el("span", {class: `swatch fill-${key}`}), name))),
         timeline.controls()),
      timeline.element);
}

function slowestList(title, items, open, nameOf, belowOf) {
  const most = items[0]?.seconds || 0;
  return el(
      "div", {}, el("h3", {}, title),
      el("ol", {class: "slowest"},
         items.map(
             (item) =>
                 el("li", {}, el("span", {class: "time"}, fineDuration(item.seconds)),
                    el("span", {class: "slow-name"},
                       button(lineOf(nameOf(item)), {class: "link", click: () => open(item)}),
                       belowOf ? el("span", {class: "below"}, lineOf(belowOf(item))) : null),
                    el("span", {
                      class: `slow-bar fill-${item.letter}`,
                      "aria-hidden": "true",
                      style: {width: `${most > 0 ? (100 * item.seconds) / most : 0}%`}
                    })))));
}

/** The ten that took longest, without sorting all. */
function slowestOf(items) {
  const slowest = [];
  for (const item of items) {
    if (slowest.length === 10 && item.seconds <= slowest[9].seconds) continue;
    slowest.push(item);
    slowest.sort((a, b) => b.seconds - a.seconds);
    slowest.length = Math.min(10, slowest.length);
  }
  return slowest;
}

function slowSection(model, sheet) {
  return section(
      "slow", "Slowest",
      el("div", {class: "pair"},
         slowestList(
             "Files", slowestOf(model.units), (unit) => sheet.openUnit(unit), (unit) => unit.title,
             (unit) => count(unit.cases.length, "case")),
         slowestList(
             "Cases", slowestOf(model.cases), (one) => sheet.openCase(one), (one) => one.name,
             (one) => one.place)));
}

function hostSection(model) {
  const rows = [...model.hosts.values()].map((host) => {
    const all = host.workers.flatMap((worker) => worker.bars);
    const bars = all.filter((bar) => bar.unit);
    const tries = all.filter((bar) => bar.tried).length;
    const ran = all.reduce((sum, bar) => sum + bar.ran, 0);
    const cases = bars.reduce((sum, bar) => sum + bar.unit.cases.length, 0);
    const wall = host.workers.length * model.end;
    const prepared =
        host.ready === null ? "–" : duration(host.ready - (host.preparing ?? host.ready));
    return el(
        "tr", {}, el("th", {scope: "row"}, lineOf(host.name)),
        el("td", {}, host.state === "left" ? "worked to the end" : host.state || "worked"),
        [host.workers.length, bars.length, tries, cases].map(
            (number) => el("td", {class: "time"}, integers.format(number))),
        el("td", {class: "time"}, prepared), el("td", {class: "time"}, duration(ran)),
        el("td", {}, meter(ran, wall), percent(ran, wall)));
  });
  if (rows.length === 0) return null;
  const heads = [
    "Host", "State", "Workers", "Files", "Tried again", "Cases", "Prepared in", "In tests",
    "Slots busy"
  ];
  return section(
      "hosts", "Hosts",
      el("div", {class: "wide"},
         el("table", {class: "grid", "aria-labelledby": "hosts-title"},
            el("thead", {},
               el("tr", {},
                  heads.map(
                      (name, i) =>
                          el("th", {scope: "col", class: i >= 2 && i <= 7 ? "time" : ""}, name)))),
            el("tbody", {}, rows))));
}

function pastSection(model) {
  const {head} = model;
  if (head.past.length === 0) return null;
  const sum = Object.values(head.cases).reduce((a, b) => a + b, 0);
  const runs = [
    ...head.past, {
      number: null,
      started_at: head.started_at,
      seconds: head.seconds,
      exit_code: head.exit_code,
      cases: sum,
      failed: bigFailures(head),
      flaky: head.flaky
    }
  ];
  const most = runs.reduce((a, run) => Math.max(a, run.seconds || 0), 0);
  const outcome = (run) =>
      (run.exit_code === null && run.number !== null ? {word: "Cut off, or going on", kind: "s"} :
                                                       outcomeOf(run));
  const nameOf = ({number}) => {
    if (number === null) return "this";
    return model.urlOfRun ? el("a", {href: model.urlOfRun(number)}, String(number)) :
                            String(number);
  };
  return section(
      "past", "Earlier runs",
      el("div", {class: "wide"},
         el("table", {class: "grid past", "aria-labelledby": "past-title"},
            el("thead", {},
               el("tr", {},
                  ["Run", "Started", "Result", "Cases", "Failed", "Flaky", "Wall time"].map(
                      (name, i) =>
                          el("th", {scope: "col", class: i >= 3 && i <= 5 ? "time" : ""}, name)))),
            el("tbody", {},
               runs.reverse().map(
                   (run) =>
                       el("tr", {class: run.number === null ? "is-this" : ""},
                          el("th", {scope: "row"}, nameOf(run)),
                          el("td", {}, run.started_at > 0 ? dateText(run.started_at) : "–"),
                          el("td", {}, badge(outcome(run).kind, outcome(run).word)),
                          [run.cases, run.failed, run.flaky].map(
                              (number) => el("td", {class: "time"}, integers.format(number))),
                          el("td", {class: "past-time"},
                             run.seconds === null ?
                                 "–" :
                                 el("div", {}, el("span", {class: "time"}, duration(run.seconds)),
                                    meter(run.seconds, most)))))))));
}

function noticeSection(model) {
  if (model.notices.length === 0) return null;
  return section(
      "notices", "Notices",
      el("ul", {class: "notices"},
         model.notices.map(
             ({level, text}) =>
                 el("li", {class: `level-${level}`}, el("strong", {}, level),
                    printed(text, "Notice")))));
}

function navigation(sections) {
  return el("nav", {"aria-label": "Sections"}, el("ul", {}, sections.map((one) => {
              const {textContent} = one.querySelector("h2");
              return el("li", {}, el("a", {href: `#${one.id}`}, textContent));
            })));
}

/** A worker and its file, as the key of the case that runs there. */
function inHand(worker, file) {
  return JSON.stringify([worker, file]);
}

/** What runs now, of a run that goes on. `cases`: by inHand(). */
function runningSection(model, cases) {
  const bars = model.workers.flatMap((worker) => worker.bars.filter((bar) => bar.isRunning));
  if (bars.length === 0) return null;
  bars.sort((a, b) => a.start - b.start);
  return section(
      "running", `Running now: ${count(bars.length, "file")}`,
      el("ul", {class: "running"},
         bars.map(
             (bar) =>
                 el("li", {}, dot("r"), el("span", {class: "running-file"}, lineOf(bar.file)),
                    el("span", {class: "running-case"},
                       lineOf(cases.get(inHand(bar.worker.name, bar.file)) || "")),
                    el("span", {class: "place"}, lineOf(bar.worker.name)),
                    el("span", {class: "time", "data-since": sinceOf(model.end - bar.start)},
                       duration(model.end - bar.start))))));
}

function showHead(parts) {
  parts.forEach((part, i) => (part.id ||= `head-${i}`));
  showAgain(document.getElementById("head"), parts);
}

/** The page of one run, which may be shown again as the run goes on. */
class ReportPage {
  /** `headOf` gives what stands above the sections. */
  constructor(makeHead = headOf) {
    this.makeHead = makeHead;
    this.cases = new Map();
    addEventListener("keydown", (event) => this.onKey(event));
    addEventListener("beforeprint", () => {
      for (const one of document.querySelectorAll(".failure-item")) one.open = true;
    });
  }

  show(model) {
    if (this.sheet)
      this.goOn(model);
    else
      this.begin(model);
    document.title = `${outcomeOf(model.head).word}: ${lineOf(headline(model.head))}`;
    const sections = this.sectionsOf(model);
    showHead(this.makeHead(model));
    showAgain(document.getElementById("main"), [navigation(sections), ...sections]);
    document.getElementById("foot").textContent = `gorgon ${model.head.version}`;
  }

  begin(model) {
    this.sheet = new Sheet(model);
    this.timeline = new Timeline(model, (bar) => this.sheet.openBar(bar));
    this.browser = new Browser(model, this.sheet);
    this.time = timeSection(model, this.timeline);
    document.getElementById("main").replaceChildren();
  }

  goOn(model) {
    this.sheet.model = model;
    this.timeline.setModel(model);
    this.browser.setModel(model);
    this.time.querySelector(".pair").replaceWith(timePair(model));
    if (!model.goesOn) this.time.querySelector(".legend .fill-r")?.parentElement.remove();
  }

  sectionsOf(model) {
    const openUnit = (unit) => this.sheet.openUnit(unit);
    const shown = document.querySelectorAll("#failures .failures .failure-item").length;
    return [
      model.goesOn ? runningSection(model, this.cases) : null,
      failureSection(model, openUnit, shown),
      model.workers.length > 0 ? this.time : null,
      model.units.length > 0 ? slowSection(model, this.sheet) : null,
      hostSection(model),
      model.units.length > 0 ? this.browser.element : null,
      pastSection(model),
      noticeSection(model),
    ].filter(Boolean);
  }

  onKey(event) {
    const isTyping = event.target.closest?.("input, select, dialog");
    if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.browser.search.focus();
  }
}

function embeddedData() {
  return JSON.parse(document.getElementById("data").textContent);
}

function scrollToHash() {
  if (location.hash)
    document.getElementById(location.hash.slice(1))?.scrollIntoView({behavior: "instant"});
}

function showReport() {
  new ReportPage().show(readModel(embeddedData()));
  scrollToHash();
}
