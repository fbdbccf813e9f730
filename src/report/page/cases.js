// All cases, or all files: searched, filtered by status, sorted.

const searchDelay = 80;
const orders = [["order", "as they ran"], ["time", "slowest first"], ["name", "by file"]];
const listedCharacters = 400;  // Of a name, in a row of which a screen shows fewer.

function namedCell(name, below, open) {
  return [
    button(name.slice(0, listedCharacters), {
      class: "link",
      click: (event) => {
        event.stopPropagation();
        open();
      }
    }),
    el("span", {class: "below"}, below)
  ];
}

function timeCell(seconds, most) {
  return [el("span", {class: "time"}, fineDuration(seconds)), meter(seconds, most)];
}

const workerName = (unit) => (unit.host ? `${lineOf(unit.host)}:${lineOf(unit.worker)}` : "–");

/** The two lists: what they hold, and how it is shown. */
function casesList(model, sheet) {
  const runs = model.head.past.length;
  const most = model.cases.reduce((a, one) => Math.max(a, one.seconds), 0);
  return {
    items: model.cases,
    noun: "case",
    letterOf: (one) => one.letter,
    // Those that passed in the end are more: the flaky ones did, too.
    nameOf: (letter) =>
        (letter === "p" && model.head.flaky_cases > 0 ? "passed at once" : statuses[letter].name),
    textOf: (one) =>
        `${one.name}\n${one.place}\n${one.unit.file}\n${one.unit.host}:${one.unit.worker}`,
    secondsOf: (one) => one.seconds,
    fileOf: (one) => one.place,
    open: (one) => sheet.openCase(one),
    columns: [
      {key: "status", name: "Status", cell: (one) => badge(one.letter)},
      {
        key: "name",
        name: "Case",
        sorts: "ascending",
        cell: (one) => namedCell(lineOf(one.name), lineOf(one.place), () => sheet.openCase(one))
      },
      ...(runs > 0 ?
              [
                {key: "past", name: "Earlier runs", cell: (one) => courseStrip(courseOf(one, runs))}
              ] :
              []),
      {key: "worker", name: "Worker", cell: (one) => workerName(one.unit)},
      {
        key: "time",
        name: "Time",
        sorts: "descending",
        cell: (one) => (one.isCutOff ? "–" : timeCell(one.seconds, most))
      },
    ],
  };
}

function filesList(model, sheet) {
  const most = model.units.reduce((a, one) => Math.max(a, one.seconds), 0);
  return {
    items: model.units,
    noun: "file",
    letterOf: (one) => one.letter,
    nameOf: (letter) =>
        ({e: "crashed, timed out", s: "cancelled, lost"})[letter] || statuses[letter].name,
    textOf: (one) => `${one.title}\n${one.host}:${one.worker}`,
    secondsOf: (one) => one.seconds,
    fileOf: (one) => one.file,
    open: (one) => sheet.openUnit(one),
    columns: [
      {
        key: "status",
        name: "Verdict",
        cell: (one) => badge(one.letter, verdicts[one.verdict].name)
      },
      {
        key: "name",
        name: "File",
        sorts: "ascending",
        cell: (one) =>
            namedCell(lineOf(one.title), count(one.cases.length, "case"), () => sheet.openUnit(one))
      },
      {
        key: "past",
        name: "Started",
        cell: (one) => (one.start === null ? "–" : `at ${duration(one.start)}`)
      },
      {key: "worker", name: "Worker", cell: workerName},
      {key: "time", name: "Time", sorts: "descending", cell: (one) => timeCell(one.seconds, most)},
    ],
  };
}

class Browser {
  constructor(model, sheet) {
    this.sheet = sheet;
    this.lists = {cases: casesList(model, sheet), files: filesList(model, sheet)};
    this.kind = "cases";
    this.sort = "order";
    this.letters = new Set();
    this.tables = {};
    for (const [kind, list] of Object.entries(this.lists)) {
      this.tables[kind] = new VirtualTable({
        label: `All ${list.noun}s`,
        columns: list.columns,
        open: list.open,
        sorted: (key) => this.sortBy(key)
      });
      list.texts = null;
    }
    this.search = el("input", {
      type: "search",
      id: "search",
      placeholder: "Name, file, worker",
      autocomplete: "off",
      spellcheck: "false",
      input: () => this.searchSoon()
    });
    this.order =
        el("select", {change: () => this.sortBy(this.order.value, true)},
           orders.map(([value, name]) => el("option", {value}, name)));
    this.chips = el("fieldset", {class: "chips"});
    this.shown = el("p", {class: "shown", role: "status"});
    this.place = el("div", {});
    this.element = section(
        "all", "All cases and files", el("div", {class: "tools"}, this.kindSwitch(), this.labels()),
        this.chips, this.shown, this.place);
    this.show("cases");
  }

  /** The same run, further on. */
  setModel(model) {
    this.lists = {cases: casesList(model, this.sheet), files: filesList(model, this.sheet)};
    for (const [kind, list] of Object.entries(this.lists)) {
      Object.assign(this.tables[kind], {columns: list.columns, open: list.open});
      this.element.querySelector(`[data-kind=${kind}] .number`).textContent =
          integers.format(list.items.length);
    }
    this.showChips();
    this.update(true);
  }

  kindSwitch() {
    const buttons = Object.entries(this.lists).map(([kind, list]) => {
      const name = `${kind[0].toUpperCase()}${kind.slice(1)}`;
      const number = el("span", {class: "number"}, integers.format(list.items.length));
      return button(name, {"data-kind": kind, click: () => this.show(kind)}, number);
    });
    return el("div", {class: "switch", role: "group", "aria-label": "What is listed"}, buttons);
  }

  labels() {
    const key = el("kbd", {"aria-hidden": "true"}, "/");
    const name = (text) => el("span", {class: "quiet-text"}, text);
    return [
      el("label", { class: "search", for: "search" }, name("Search"), this.search, key),
      el("label", { class: "order" }, name("Order"), this.order),
    ];
  }

  show(kind) {
      this.kind = kind;
      this.letters.clear();
      for (const one of this.element.querySelectorAll("[data-kind]"))
        one.setAttribute("aria-pressed", String(one.dataset.kind === kind));
      this.showChips();
      this.place.replaceChildren(this.tables[kind].element);
      this.update();
  }

  showChips() {
      const list = this.lists[this.kind];
      const counts = new Map();
      for (const item of list.items)
        counts.set(list.letterOf(item), (counts.get(list.letterOf(item)) || 0) + 1);
      const focused =
          this.chips.contains(document.activeElement) ? document.activeElement.value : "";
      const chip = (letter) => {
        const box = el("input", {
          type: "checkbox",
          value: letter,
          change: (event) => this.toggle(letter, event.target.checked)
        });
        box.checked = this.letters.has(letter);
        return el(
            "label", {class: `chip is-${letter}`}, box, list.nameOf(letter),
            el("span", {class: "number"}, integers.format(counts.get(letter))));
      };
      this.chips.replaceChildren(
          el("legend", {class: "hidden"}, "Show these alone"),
          ...Object.keys(statuses).filter((letter) => counts.has(letter)).map(chip));
      if (focused) this.chips.querySelector(`[value="${focused}"]`)?.focus({preventScroll: true});
  }

  toggle(letter, isOn) {
      if (isOn)
        this.letters.add(letter);
      else
        this.letters.delete(letter);
      this.update();
  }

  /** A column that is sorted by already goes back to the order of the run. */
  sortBy(key, isChosen = false) {
      this.sort = key === this.sort && !isChosen ? "order" : key;
      this.order.value = this.sort;
      this.update();
  }

  searchSoon() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.update(), searchDelay);
  }

  update(staysThere = false) {
      const list = this.lists[this.kind];
      const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
      if (words.length > 0)
        list.texts ??= list.items.map((item) => list.textOf(item).toLowerCase());
      const found = list.items.filter(
          (item) => (this.letters.size === 0 || this.letters.has(list.letterOf(item))) &&
              words.every((word) => list.texts[item.order].includes(word)));
      if (this.sort === "time") found.sort((a, b) => list.secondsOf(b) - list.secondsOf(a));
      if (this.sort === "name")
        found.sort((a, b) => list.fileOf(a).localeCompare(list.fileOf(b), "en", {numeric: true}));
      this.tables[this.kind].set(found, this.sort, staysThere);
      this.shown.textContent = found.length === list.items.length ?
          `All ${count(found.length, list.noun)}` :
          `${integers.format(found.length)} of ${count(list.items.length, list.noun)}`;
  }
  }
