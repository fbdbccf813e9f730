// The report of one run, which goes on by events while the run does.

/** What machines say of a job, beside its record: how many files it has, and what runs. */
function addStatus(head, status) {
  const job = status.jobs.find((one) => one.job === head.job && one.answers);
  head.planned = job?.files ?? 0;
  head.waiting = job?.waiting_for ?? null;
  const cases = new Map();
  for (const machine of status.machines)
    for (const worker of machine.workers)
      if (worker.job === head.job && worker.case)
        cases.set(inHand(`${machine.host}:${worker.slot}`, worker.file), worker.case);
  return cases;
}

function showLiveRun() {
  keepTheme();
  const data = embeddedData();
  let {status, position} = data;
  const page = new ReportPage(
      (model) =>
          [crumb(data.project, el("span", {}, `Run ${data.number}`)),
           ...headOf(model),
           ...(model.head.waiting ?
                   [el("p", {class: "waiting"}, "It waits ", lineOf(model.head.waiting))] :
                   []),
  ]);
  const show = () => {
    page.cases = addStatus(data.head, status);
    const model = readModel(data);
    model.urlOfRun = (number) => `/runs/${number}`;
    page.show(model);
  };
  show();
  scrollToHash();
  setInterval(countOn, 1000);
  if (data.over) return;
  const stream = new LiveStream(
      () => `/runs/${data.number}/events?from=${position}`, ["run", "status"],
      (name, news, event) => {
        if (name === "status") {
          status = statusBehind(status, news);
          showTrouble("broker", brokerTrouble(status.brokers));
        } else {
          position = event.lastEventId;
          data.head = news.head;
          data.records.length = news.from;
          data.records.push(...news.records);
          if (news.over) {
            stream.end();
            showTrouble("broker", "");
            announce(outcomeOf(data.head).word);
          }
        }
        show();
      });
}
