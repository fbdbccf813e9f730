// What runs now, the machines, and the runs that are recorded.

const runsAtFirst = 30;
const runsInStrip = 60;

/**
 * The jobs of the machines, and what the record knows better: it is told of a run's begin and end
 * before machines are asked.
 */
function jobsNow({project, status, record}) {
  const runOf = (job) => record.runs.find((run) => run.job === job.job);
  const isNew = (run) => run.state === "running" && !status.jobs.some((job) => job.job === run.job);
  return [
    ...status.jobs.filter((job) => runOf(job)?.state !== "over"),
    ...record.runs.filter(isNew).map(({job}) => ({job, project, originator: "", isNew: true})),
  ];
}

function nowHeadline({status, ...others}) {
  if (isAsking(status)) return "Asking what runs";
  const {length: jobs} = jobsNow({status, ...others});
  if (status.machines.length === 0)
    return jobs > 0 ? `${count(jobs, "job")}, no machine` : "Nothing runs";
  return jobs > 0 ? `${count(jobs, "job")} on ${count(status.machines.length, "machine")}` :
                    `${count(status.machines.length, "machine")}, nothing runs`;
}

function nowHead({project, status, record}) {
  const isAsked = isAsking(status);
  const isBusy = !isAsked && jobsNow({project, status, record}).length > 0;
  const busy = status.slots - status.free_slots;
  return [
    el("div", {class: "head-row"},
       el("p", {class: `outcome is-${isBusy ? "r" : "s"}`},
          isAsked    ? "Asking" :
              isBusy ? "Running" :
                       "Idle"),
       el("p", {class: "command"}, el("code", {}, lineOf(project))), themeButton()),
    el("h1", {}, nowHeadline({project, status, record})),
    el("p", {class: "lede"},
       status.slots > 0 && !isAsked ?
           el("span", {}, `${integers.format(busy)} of ${count(status.slots, "slot")} busy`) :
           null,
       el("span", {},
          record.problem ? lineOf(record.problem) :
                           `${count(record.runs.length, "recorded run")}`)),
  ];
}

function jobCard(job, run) {
  const title =
      [el("code", {}, lineOf(job.job)), el("span", {class: "job-project"}, lineOf(job.project))];
  const share = (part) => `${job.files > 0 ? (100 * part) / job.files : 0}%`;
  return el(
      "li", {class: "job", "data-job": job.job},
      el("p", {class: "job-head"}, run ? el("a", {href: `/runs/${run.number}`}, title) : title,
         el("span", {class: "job-by"}, lineOf(job.originator)),
         job.answers ? el("span", {class: "time", "data-since": sinceOf(job.seconds)},
                          duration(job.seconds)) :
                       null),
      job.answers ?
          [
            el("div", {class: "progress", "aria-hidden": "true"},
               el("span", {class: "fill-f", style: {width: share(job.failed)}}),
               el("span", {class: "fill-p", style: {width: share(job.done - job.failed)}}),
               el("span", {class: "fill-r", style: {width: share(job.running)}})),
            el("p", {class: "job-line"},
               `${integers.format(job.done)} of ${count(job.files, "file")} done`,
               job.failed > 0 ?
                   el("span", {class: "badge is-f"}, `${integers.format(job.failed)} failed`) :
                   null,
               job.running > 0 ?
                   el("span", {class: "badge is-r"}, `${integers.format(job.running)} running`) :
                   null),
            job.waiting_for ? el("p", {class: "waiting"}, "It waits ", lineOf(job.waiting_for)) :
                              null,
          ] :
          el("p", {class: "waiting"},
             job.isNew ? "It has not said yet how far it is" :
                         "The gorgon that started it does not answer; gorgon resume takes it up"));
}

function jobSection({project, status, record}) {
  const runOf = (job) => record.runs.find((run) => run.job === job.job);
  const jobs = jobsNow({project, status, record});
  const nothing = isAsking(status) ? "Machines are being asked." :
                                     "No job runs. This page shows the next one as it begins.";
  return section(
      "jobs", "Now",
      jobs.length > 0 ? el("ul", {class: "jobs"}, jobs.map((job) => jobCard(job, runOf(job)))) :
                        el("p", {class: "note"}, nothing));
}

function slotCell(slot, worker, preparing) {
  const number = el("span", {class: "slot-number"}, String(slot));
  if (!worker)
    return el(
        "li", {class: "slot is-free"}, number,
        el("span", {class: "slot-file"}, preparing ? "prepares" : "free"));
  if (!worker.file)
    return el(
        "li", {class: "slot is-idle"}, number, el("span", {class: "slot-file"}, "nothing in hand"));
  return el(
      "li", {class: "slot is-busy"}, number,
      el("span", {class: "slot-file", title: lineOf(worker.file)},
         el("bdi", {}, lineOf(worker.file))),
      el("span", {class: "time", "data-since": sinceOf(worker.seconds)}, duration(worker.seconds)),
      worker.case ?
          el("span", {class: "slot-case", title: lineOf(worker.case)}, lineOf(worker.case)) :
          null);
}

const slotsAtMost = 64;  // Of a machine; the others are counted.

function machineCard(machine, isSilent) {
  const workers = new Map(machine.workers.map((worker) => [worker.slot, worker]));
  const preparing = machine.jobs.filter((job) => job.state === "preparing");
  const last = Math.max(machine.slots, ...machine.workers.map((worker) => worker.slot));
  const shown = Math.min(slotsAtMost, last);
  return el(
      "li", {class: `machine${isSilent ? " is-silent" : ""}`, "data-host": machine.host},
      el("p", {class: "machine-head"}, el("strong", {}, lineOf(machine.host)),
         el("span", {},
            `${count(machine.slots, "slot")}, ${integers.format(machine.free_slots)} free`),
         machine.cluster ? el("span", {}, `cluster ${lineOf(machine.cluster)}`) : null,
         el("span", {}, lineOf(machine.version))),
      isSilent ? el("p", {class: "waiting"}, "It did not answer the last time it was asked") : null,
      preparing.map(
          (job) => el("p", {class: "job-line"}, "prepares ", el("code", {}, lineOf(job.job)))),
      machine.reserved ?
          el("p", {class: "note"}, "It says only to trusted keys what it runs") :
          el("ol", {class: "slots", "aria-label": `Slots of ${lineOf(machine.host)}`},
             Array.from(
                 {length: shown},
                 (_, i) => slotCell(i + 1, workers.get(i + 1), preparing.length > 0))),
      last > shown ? el("p", {class: "note"}, `and ${count(last - shown, "more slot")}`) : null);
}

function machineSection({status}) {
  if (status.machines.length === 0) {
    const isLocal = status.brokers.every((one) => one.is_local);
    return section(
        "machines", "Machines",
        el("p", {class: "note"},
           isAsking(status) ?
               "They are being asked." :
               isLocal ?
               "Without a broker in the configuration, a run brings this machine with it." :
               "No listener has answered."));
  }
  const silent = new Set(status.silent);
  return section(
      "machines", "Machines",
      el("ul", {class: "machines"},
         status.machines.map((one) => machineCard(one, silent.has(one.host)))));
}

function outcomeOfRun(run) {
  if (run.state === "cut_off") return {word: "Cut off", kind: "e"};
  return outcomeOf(run);
}

/** The last runs as bars: how long they took, and what came of them. */
function runStrip(runs) {
  const shown = runs.slice(0, runsInStrip).reverse();
  const most = shown.reduce((a, run) => Math.max(a, run.seconds || 0), 0);
  if (shown.length < 3 || most === 0) return null;
  return el("ol", {class: "strip", "aria-label": "Wall time of the last runs"}, shown.map((run) => {
    const {word, kind} = outcomeOfRun(run);
    const text =
        `Run ${run.number}: ${word}, ${run.seconds === null ? "no end" : duration(run.seconds)}`;
    return el(
        "li", {},
        el("a", {href: `/runs/${run.number}`, title: text, "aria-label": text}, el("span", {
             class: `fill-${kind}`,
             style: {height: `${Math.max(4, (100 * (run.seconds || 0)) / most)}%`}
           })));
  }));
}

function runRow(run, most) {
  const {word, kind} = outcomeOfRun(run);
  const command = ["gorgon", "start", ...run.arguments.map(quoted)].join(" ");
  const isRunning = run.state === "running";
  return el(
      "tr", {"data-run": run.number},
      el("th", {scope: "row"}, el("a", {href: `/runs/${run.number}`}, `Run ${run.number}`)),
      el("td", {}, dateText(run.started_at)), el("td", {}, badge(kind, word)),
      [run.cases, run.failed, run.flaky].map(
          (number, i) =>
              el("td", {class: `time${i > 0 && number > 0 ? ` is-${" fy"[i]} toned` : ""}`},
                 integers.format(number))),
      el("td", {class: "past-time"},
         el("div", {},
            isRunning ?
                el("span", {class: "time", "data-since": run.started_at.toFixed(1)},
                   duration(Math.max(0, Date.now() / 1000 - run.started_at))) :
                el("span", {class: "time"}, run.seconds === null ? "–" : duration(run.seconds)),
            meter(run.seconds || 0, most))),
      el("td", {class: "run-command"}, el("code", {title: lineOf(command)}, lineOf(command))));
}

function runSection({record: {runs, problem}}, shown, showAll) {
  if (runs.length === 0)
    return section(
        "runs", "Runs",
        el("p", {class: "note"}, problem ? lineOf(problem) : "No run is recorded."));
  const most = runs.reduce((a, run) => Math.max(a, run.seconds || 0), 0);
  const heads = ["Run", "Started", "Result", "Cases", "Failed", "Flaky", "Wall time", "Command"];
  return section(
      "runs", "Runs", runStrip(runs),
      el("div", {class: "wide"},
         el("table", {class: "grid past", "aria-labelledby": "runs-title"},
            el("thead", {},
               el("tr", {},
                  heads.map(
                      (name, i) =>
                          el("th", {scope: "col", class: i >= 3 && i <= 5 ? "time" : ""}, name)))),
            el("tbody", {}, runs.slice(0, shown).map((run) => runRow(run, most))))),
      runs.length > shown ?
          button(`Show all ${integers.format(runs.length)} runs`, {class: "more", click: showAll}) :
          null);
}

function showMissing({project, missing, version}) {
  document.title = `gorgon: ${lineOf(project)}`;
  document.getElementById("head").replaceChildren(
      crumb(project),
      el("div", {class: "head-row"}, el("p", {class: "outcome is-e"}, "Not here"),
         el("p", {class: "command"}), themeButton()),
      el("h1", {}, "There is nothing here"),
      el("p", {class: "lede"}, el("span", {}, lineOf(missing)),
         el("a", {href: "/"}, "What is there")));
  document.getElementById("main").replaceChildren();
  document.getElementById("foot").textContent = `gorgon ${version}`;
}

function showNow() {
  keepTheme();
  const data = embeddedData();
  if (data.missing) return showMissing(data);
  let shown = runsAtFirst;
  const show = () => {
    document.title = `${nowHeadline(data)}: ${lineOf(data.project)}`;
    showHead(nowHead(data));
    showTrouble("broker", brokerTrouble(data.status.brokers));
    showAgain(document.getElementById("main"), [
      jobSection(data), machineSection(data),
      runSection(
          data, shown,
          () => {
            shown = Infinity;
            show();
          })
    ]);
    document.getElementById("foot").textContent = `gorgon ${data.version}`;
  };
  document.getElementById("main").replaceChildren();
  show();
  scrollToHash();
  setInterval(countOn, 1000);
  new LiveStream(() => "/events", ["status", "runs"], (name, news) => {
    if (name === "status")
      data.status = statusBehind(data.status, news);
    else
      data.record = news;
    show();
  });
}
