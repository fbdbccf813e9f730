// A table of any length, of which the rows in sight alone are in the page. All rows are equally
// high.

const rowPixels = 46;
const rowsAround = 6;

class VirtualTable {
  /** `columns`: [{name, key, cell(item)}]; `open(item)` is called for the one that is chosen. */
  constructor({label, columns, open, sorted}) {
    this.columns = columns;
    this.open = open;
    this.items = [];
    this.rows = new Map();
    this.body = el("div", {class: "vbody", role: "rowgroup"});
    this.scroller = el("div", {class: "vscroll", scroll: () => this.schedule()}, this.body);
    this.heads = columns.map(
        (column) => el(
            "div", {role: "columnheader", class: `vcell v-${column.key}`},
            column.sorts ? button(column.name, {click: () => sorted(column.key)}) : column.name));
    this.element =
        el("div", {class: "vtable", role: "table", "aria-label": label},
           el("div", {role: "rowgroup", class: "vhead"},
              el("div", {role: "row", class: "vrow", "aria-rowindex": 1}, this.heads)),
           this.scroller);
    new ResizeObserver(() => this.schedule()).observe(this.scroller);
  }

  /** `staysThere`: the items are those from before, and perhaps some more. */
  set(items, sort, staysThere = false) {
    this.items = items;
    const focused = staysThere ? this.focusedRow() : null;
    this.columns.forEach((column, i) => {
      if (column.sorts)
        this.heads[i].setAttribute("aria-sort", column.key === sort ? column.sorts : "none");
    });
    this.element.setAttribute("aria-rowcount", items.length + 1);
    this.body.style.setProperty("height", `${items.length * rowPixels}px`);
    if (!staysThere) this.scroller.scrollTop = 0;
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.render();
    if (focused !== null)
      this.rows.get(focused)?.querySelector("button")?.focus({preventScroll: true});
  }

  focusedRow() {
    for (const [index, row] of this.rows)
      if (row.contains(document.activeElement)) return index;
    return null;
  }

  schedule() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      this.render();
    });
  }

  render() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / rowPixels) - rowsAround);
    const shown = Math.ceil((this.scroller.clientHeight || 600) / rowPixels) + 2 * rowsAround;
    const last = Math.min(this.items.length, first + shown);
    for (const [index, row] of this.rows) {
      if (index >= first && index < last) continue;
      row.remove();
      this.rows.delete(index);
    }
    let after = null;  // In the order of the table, for who reads or tabs through it.
    for (let index = last - 1; index >= first; --index) {
      if (!this.rows.has(index)) {
        const row = this.rowFor(index);
        this.rows.set(index, row);
        this.body.insertBefore(row, after);
      }
      after = this.rows.get(index);
    }
  }

  rowFor(index) {
    const item = this.items[index];
    const row =
        el("div", {
          role: "row",
          class: "vrow",
          "aria-rowindex": index + 2,
          click: () => this.open(item),
          keydown: (event) => this.onKey(event, index),
        },
           this.columns.map(
               (column) =>
                   el("div", {role: "cell", class: `vcell v-${column.key}`}, column.cell(item))));
    row.style.setProperty("top", `${index * rowPixels}px`);
    return row;
  }

  onKey(event, index) {
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / rowPixels) - 1);
    const to = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      PageDown: index + page,
      PageUp: index - page,
      Home: 0,
      End: this.items.length - 1
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.focus(Math.min(this.items.length - 1, Math.max(0, to)));
  }

  focus(index) {
    const top = index * rowPixels;
    const {scrollTop, clientHeight} = this.scroller;
    if (top < scrollTop)
      this.scroller.scrollTop = top;
    else if (top + rowPixels > scrollTop + clientHeight)
      this.scroller.scrollTop = top + rowPixels - clientHeight;
    this.render();
    this.rows.get(index)?.querySelector("button")?.focus({preventScroll: true});
  }
}
