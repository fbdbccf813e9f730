// A row for each worker, a bar for each unit on it. The bars of a row that look alike are one path,
// so that tens of thousands of them cost the browser little; what is under the pointer is found by
// its time.

const timelineHeights = [[24, 20], [60, 14], [150, 9], [Infinity, 5]];
const axisHeight = 20;
const busyHeight = 34;
const plotTop = axisHeight + busyHeight + 8;

function rectangle(x, y, width, height) {
  return `M${x.toFixed(1)} ${y.toFixed(1)}h${width.toFixed(1)}v${height.toFixed(1)}h${
      (-width).toFixed(1)}z`;
}

/**
 * Steps for the axis: 1, 2 or 5 times a power of ten, or whole parts of minutes and hours, at
 * least `least` apart.
 */
function axisStep(least) {
  for (const step of [60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400])
    if (least > 20 && step >= least) return step;
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= least);
}

function axisLabel(seconds, step) {
  if (step >= 60) return seconds === 0 ? "0" : `${+ (seconds / 60).toFixed(1)} min`;
  return `${+ seconds.toFixed(Math.max(0, -Math.floor(Math.log10(step))))} s`;
}

class Timeline {
  constructor(model, open) {
    this.model = model;
    this.open = open;
    this.zoom = 1;
    this.selected = null;
    this.labels = svg("svg", {class: "timeline-labels", "aria-hidden": "true"});
    this.plot = svg("svg", {class: "timeline-plot", "aria-hidden": "true"});
    this.measure();
    this.tip = el("div", {class: "tip", hidden: true});
    const help = "Timeline of workers: the arrow keys move between test files, Enter opens one. " +
        "The list of all files below has the same as a table.";
    this.scroller =
        el("div", {
          class: "timeline-scroll",
          tabindex: "0",
          role: "application",
          "aria-label": help,
          keydown: (event) => this.onKey(event),
          focus: () => this.select(this.selected ?? this.barNear(0, 0)),
          blur: () => this.select(null, true),
        },
           this.plot);
    this.plot.addEventListener("mousemove", (event) => this.onPointer(event));
    this.plot.addEventListener("mouseleave", () => this.show(null));
    this.plot.addEventListener("click", (event) => {
      const bar = this.barAt(event);
      if (bar) this.open(bar);
    });
    this.element =
        el("div", {class: "timeline"},
           this.frame = el("div", {class: "timeline-frame"}, this.labels, this.scroller), this.tip);
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  measure() {
    const rows = this.model.workers.length;
    this.rowHeight = timelineHeights.find(([most]) => rows <= most)[1];
    this.height = plotTop + this.rowHeight * rows + 4;
    this.labels.setAttribute("height", this.height);
    this.plot.setAttribute("height", this.height);
  }

  /** The same run, further on. */
  setModel(model) {
    const rowOf = (bar) => model.workers.find((worker) => worker.name === bar.worker.name);
    const selected = this.selected;
    this.model = model;
    this.selected =
        (selected && rowOf(selected)?.bars.find((bar) => bar.start === selected.start)) ?? null;
    this.measure();
    this.draw();
  }

  controls() {
    const level = el("span", {class: "zoom-level"}, "1×");
    const zoomTo = (zoom) => {
      const middle = (this.scroller.scrollLeft + this.scroller.clientWidth / 2) / this.zoom;
      this.zoom = Math.min(64, Math.max(1, zoom));
      level.textContent = `${this.zoom}×`;
      this.draw();
      this.scroller.scrollLeft = middle * this.zoom - this.scroller.clientWidth / 2;
    };
    return el(
        "div", {class: "zoom", role: "group", "aria-label": "Zoom of the timeline"},
        button("−", {"aria-label": "Zoom out", click: () => zoomTo(this.zoom / 2)}), level,
        button("+", {"aria-label": "Zoom in", click: () => zoomTo(this.zoom * 2)}));
  }

  draw() {
    const whole = this.element.clientWidth;
    if (whole === 0) return;
    const longest =
        this.model.workers.reduce((most, worker) => Math.max(most, this.labelOf(worker).length), 4);
    const labelWidth = Math.min(16 + longest * 6.4, whole * 0.22, 170);
    this.labels.setAttribute("width", labelWidth);
    this.width = Math.max(120, this.scroller.clientWidth * this.zoom);
    this.plot.setAttribute("width", this.width);
    this.drawLabels(labelWidth);
    this.mark = svg("rect", {class: "timeline-mark", rx: 2, visibility: "hidden"});
    this.plot.replaceChildren(...this.axis(), this.busy(), ...this.rows(), this.mark);
    this.show(this.selected);
  }

  x(time) {
    return this.model.end > 0 ? (time / this.model.end) * this.width : 0;
  }
  y(row) {
    return plotTop + row * this.rowHeight;
  }

  drawLabels(width) {
    const most = Math.floor((width - 12) / 6.4);
    const cut = (text) => (text.length > most ? `…${text.slice(text.length - most + 1)}` : text);
    const label = (text, y) =>
        svg("text", {x: width - 8, y, "text-anchor": "end"}, svg("title", {}, text), cut(text));
    const rows = this.model.workers.map((worker, row) => {
      const text = this.labelOf(worker);
      return text ? label(text, this.y(row) + Math.max(9, this.rowHeight / 2 + 3.5)) : null;
    });
    this.labels.replaceChildren(
        label("busy", axisHeight + busyHeight - 2), ...rows.filter((row) => row !== null));
  }

  /** Where rows are too low for their names, the first of each host has that of the host. */
  labelOf(worker) {
    if (this.rowHeight >= 12) return lineOf(worker.name);
    return worker.host.workers[0] === worker ? lineOf(worker.host.name) : "";
  }

  axis() {
    const step = axisStep(Math.max(this.model.end, 1e-3) / (this.width / 90));
    const marks = [];
    for (let time = 0; time <= this.model.end * 1.0001 && marks.length < 4000; time += step) {
      const x = Math.round(this.x(time)) + 0.5;
      marks.push(
          svg("line", {class: "timeline-grid", x1: x, x2: x, y1: axisHeight - 4, y2: this.height}));
      if (x < this.width - 34)
        marks.push(svg("text", {class: "timeline-axis", x: x + 4, y: 12}, axisLabel(time, step)));
    }
    return marks;
  }

  /** How many workers ran something, over time. */
  busy() {
    const steps = [];
    for (const worker of this.model.workers)
      for (const bar of worker.bars) steps.push([bar.start, 1], [bar.end, -1]);
    steps.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const bottom = axisHeight + busyHeight;
    const unit = (busyHeight - 6) / Math.max(1, this.model.workers.length);
    let level = 0;
    let path = `M0 ${bottom}`;
    for (const [time, change] of steps) {
      const x = this.x(time).toFixed(1);
      path += `H${x}V${(bottom - (level += change) * unit).toFixed(1)}`;
    }
    return svg("path", {class: "timeline-busy", d: `${path}V${bottom}z`});
  }

  rows() {
    const paths =
        {track: "", prepare: "", boot: "", deliver: "", p: "", f: "", e: "", s: "", r: ""};
    this.model.workers.forEach((worker, row) => {
      const y = this.y(row) + 1;
      const height = this.rowHeight - (this.rowHeight > 8 ? 4 : 1);
      const add = (name, from, to) => {
        const wide = this.x(to) - this.x(from);
        if (wide > 0)
          paths[name] +=
              rectangle(this.x(from), y, Math.max(0.8, wide > 3 ? wide - 1 : wide), height);
      };
      const first = worker.bars.length > 0 ? worker.bars[0].start : this.model.end;
      const ready = Math.min(worker.host.ready ?? first, first);
      paths.track += rectangle(0, y + height / 2 - 0.5, this.width, 1);
      add("prepare", Math.min(worker.host.preparing ?? ready, ready), ready);
      add("boot", ready, first);
      for (const bar of worker.bars) {
        const ended = bar.unit ? bar.start + bar.ran : bar.end;
        const isSeen = this.x(bar.end) - this.x(ended) > 1;
        if (isSeen) add("deliver", ended, bar.end);
        add(bar.letter, bar.start, isSeen ? ended : bar.end);
      }
    });
    return Object.entries(paths).map(([name, d]) => svg("path", {class: `bar-${name}`, d}));
  }

  barAt(event) {
    const box = this.plot.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top - plotTop) / this.rowHeight);
    const time = ((event.clientX - box.left) / this.width) * this.model.end;
    const slack = (2 / this.width) * this.model.end;
    const bar = this.model.workers[row] ? this.barNear(row, time) : null;
    return bar && time >= bar.start - slack && time <= bar.end + slack ? bar : null;
  }

  /** The bar of a row whose middle is next to `time`. */
  barNear(row, time) {
    const bars = this.model.workers[row]?.bars ?? [];
    let low = 0;
    let high = bars.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (bars[middle].end < time)
        low = middle + 1;
      else
        high = middle;
    }
    return bars[Math.min(low, bars.length - 1)] ?? null;
  }

  onPointer(event) {
    const bar = this.barAt(event);
    this.plot.style.setProperty("cursor", bar ? "pointer" : "default");
    this.show(bar);
  }

  onKey(event) {
    if (event.key === "Enter" && this.selected) return this.open(this.selected);
    const bar = this.selected ?? this.barNear(0, 0);
    if (!bar) return;
    const row = this.model.workers.indexOf(bar.worker);
    const along = bar.worker.bars.indexOf(bar);
    const next = {
      ArrowLeft: () => bar.worker.bars[along - 1],
      ArrowRight: () => bar.worker.bars[along + 1],
      Home: () => bar.worker.bars[0],
      End: () => bar.worker.bars.at(-1),
      ArrowUp: () => this.rowFrom(row, -1, bar),
      ArrowDown: () => this.rowFrom(row, 1, bar),
    }[event.key];
    if (!next) return;
    event.preventDefault();
    this.select(next() ?? bar);
  }

  rowFrom(row, step, bar) {
    for (let other = row + step; this.model.workers[other]; other += step)
      if (this.model.workers[other].bars.length > 0)
        return this.barNear(other, (bar.start + bar.end) / 2);
    return null;
  }

  select(bar, isLeaving = false) {
    if (!isLeaving) this.selected = bar;
    this.show(isLeaving ? null : bar);
    if (!bar) return;
    const x = this.x(bar.start);
    const {scrollLeft, clientWidth} = this.scroller;
    if (x < scrollLeft || x > scrollLeft + clientWidth - 40)
      this.scroller.scrollLeft = x - clientWidth / 3;
    announce(this.describe(bar).join(", "));
  }

  describe(bar) {
    const what = bar.unit ? verdicts[bar.unit.verdict].name :
        bar.tried         ? `${bar.tried}, tried again` :
                bar.isRunning ? "runs" :
                                "no result from here";
    const cases = bar.unit ? count(bar.unit.cases.length, "case") : `attempt ${bar.attempt}`;
    return [
      lineOf(bar.unit ? bar.unit.title : bar.file), `${what}, ${cases}`,
      `${lineOf(bar.worker.name)}, from ${duration(bar.start)} to ${duration(bar.end)}`
    ];
  }

  show(bar) {
    if (!this.mark) return;
    this.mark.setAttribute("visibility", bar ? "visible" : "hidden");
    this.tip.hidden = !bar;
    if (!bar) return;
    const x = this.x(bar.start);
    const y = this.y(this.model.workers.indexOf(bar.worker));
    const box = {
      x: x - 1.5,
      y: y - 0.5,
      width: Math.max(3, this.x(bar.end) - x + 2),
      height: this.rowHeight - (this.rowHeight > 8 ? 1 : 0)
    };
    for (const [name, value] of Object.entries(box)) this.mark.setAttribute(name, value.toFixed(1));
    const [file, ...rest] = this.describe(bar);
    this.tip.replaceChildren(
        el("strong", {}, file), ...rest.map((line) => el("span", {}, line)),
        el("span", {}, duration(bar.end - bar.start)));
    const frame = this.element.getBoundingClientRect();
    const plot = this.plot.getBoundingClientRect();
    const left =
        Math.max(0, Math.min(plot.left - frame.left + x, frame.width - this.tip.offsetWidth - 4));
    this.tip.style.setProperty("left", `${left}px`);
    this.tip.style.setProperty("top", `${y + this.rowHeight + 6 - this.frame.scrollTop}px`);
  }
}
