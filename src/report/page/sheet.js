// The sheet at the side: all of one case, or of one unit.

const casesInSheet = 300;

class Sheet {
  constructor(model) {
    this.model = model;
    this.dialog = document.getElementById("sheet");
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();  // Beside it.
    });
  }

  show(letter, name, title, ...content) {
    this.dialog.replaceChildren(
        el("div", {class: "sheet"},
           el("div", {class: "sheet-head"}, badge(letter, name),
              button("Close", {class: "quiet", click: () => this.dialog.close()})),
           el("h2", {id: "sheet-title"}, title), ...content));
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
  }

  openCase(testCase) {
    const {unit} = testCase;
    const runs = this.model.head.past.length;
    const course = courseOf(testCase, runs);
    this.show(
        testCase.letter, statuses[testCase.letter].name, lineOf(testCase.name), facts([
          ["Place", lineOf(testCase.place)],
          ["Took", testCase.isCutOff ? "–" : fineDuration(testCase.seconds)],
          ["Ran on", unit.host ? `${lineOf(unit.host)}:${lineOf(unit.worker)}` : "–"],
          runs > 0 &&
              [
                "Earlier runs",
                course === "" ? "not in any of them" :
                                [courseStrip(course), ` ${courseText(course)}`]
              ],
        ]),
        detailBlocks(testCase.details), unitOutputBlock(testCase),
        testCase.letter === "f" || testCase.letter === "e" ? artifactBlock(unit) : null,
        el("p", {},
           button(
               `All of ${lineOf(unit.title)}`, {class: "link", click: () => this.openUnit(unit)})));
  }

  openUnit(unit) {
    const rest = unit.cases.length - casesInSheet;
    this.show(
        unit.letter, verdicts[unit.verdict].name, lineOf(unit.title), facts([
          ["Ran on", unit.host ? `${lineOf(unit.host)}:${lineOf(unit.worker)}` : "–"],
          unit.start !== null &&
              ["From, to", `${duration(unit.start)} – ${duration(unit.at)} after the start`],
          ["Took", fineDuration(unit.seconds)],
          unit.attempt > 1 && ["Attempt", String(unit.attempt)],
          ["Cases", integers.format(unit.cases.length)],
        ]),
        detailBlocks(unit.details), artifactBlock(unit),
        unit.cases.length > 0 ?
            el("ol", {class: "sheet-cases"},
               unit.cases.slice(0, casesInSheet)
                   .map(
                       (testCase) =>
                           el("li", {}, dot(testCase.letter),
                              button(
                                  lineOf(testCase.name),
                                  {class: "link", click: () => this.openCase(testCase)}),
                              el("span", {class: "time"}, fineDuration(testCase.seconds))))) :
            null,
        rest > 0 ?
            el("p", {class: "note"}, `and ${count(rest, "case")} more, in the list of all cases`) :
            null);
  }

  /** An attempt that came to nothing has its file and no more. */
  openBar(bar) {
    if (bar.unit) return this.openUnit(bar.unit);
    this.show(
        bar.letter, bar.isRunning ? "running" : "no result", lineOf(bar.file), facts([
          ["Ran on", lineOf(bar.worker.name)],
          ["Attempt", String(bar.attempt)],
          ["From, to", `${duration(bar.start)} – ${duration(bar.end)} after the start`],
        ]),
        bar.isRunning ?
            null :
            el("p", {class: "note"},
               "This attempt has no result: its worker or machine was lost, or another was faster."));
  }
}
