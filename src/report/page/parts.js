// Pieces that several sections show: a status, a case's past, a failure, text that was printed.

const mostListed = 300;  // Of what is to be found elsewhere, too.

function badge(letter, name = statuses[letter].name) {
  return el(
      "span", {class: `badge is-${letter}`},
      el("span", {class: "sign", "aria-hidden": "true"}, statuses[letter].sign), name);
}

function dot(letter) {
  return el(
      "span", {class: `dot is-${letter}`, role: "img", "aria-label": statuses[letter].name},
      statuses[letter].sign);
}

/** How much of `whole` is `part`, for the eye. */
function meter(part, whole) {
  return el(
      "span", {class: "meter", "aria-hidden": "true"},
      el("span", {style: {width: `${whole > 0 ? (100 * part) / whole : 0}%`}}));
}

/** What a case came to in earlier runs, as letters; "" when it was in none. */
function courseOf(testCase, runs) {
  if (testCase.course === 0) return "";
  return testCase.course === 1 ? "p".repeat(runs) : testCase.course;
}

function courseText(course) {
  const runs = [...course].filter((letter) => letter !== "-").length;
  const parts =
      Object.entries(statuses)
          .map(([letter, {name}]) => [[...course].filter((one) => one === letter).length, name])
          .filter(([times]) => times > 0)
          .map(([times, name]) => `${times} ${name}`);
  return `${count(runs, "earlier run")}: ${parts.join(", ")}`;
}

function courseStrip(course) {
  if (course === "") return el("span", {class: "course-none"}, "new");
  const width = course.length * 5;
  const marks = [...course].map((letter, i) => {
    const tall = {p: 7, s: 7, w: 7, "-": 2}[letter] || 14;
    return svg("rect", {
      class: `mark-${letter === "-" ? "none" : letter}`,
      x: i * 5,
      y: 14 - tall,
      width: 4,
      height: tall
    });
  });
  return svg(
      "svg", {
        class: "course",
        width,
        height: 14,
        viewBox: `0 0 ${width} 14`,
        role: "img",
        "aria-label": courseText(course)
      },
      marks);
}

/** Text that a test wrote. */
function printed(text, label) {
  return el("pre", {role: "group", "aria-label": label}, richText(text));
}

function outputBlock(text, label = "Output") {
  return text ?
      el("div", {class: "output"}, el("h4", {}, label), printed(text.replace(/\n+$/, ""), label)) :
      null;
}

/** Of a case that says nothing else of why it failed. */
function unitOutputBlock({unit, details}) {
  return details.unit_output ? outputBlock(unit.details.output, "Output of the file") : null;
}

function frameList(frames) {
  return el("ol", {class: "frames"}, frames.map((frame) => el("li", {}, lineOf(frame))));
}

function failureBlock(failure) {
  const message = (failure.message || "").replace(/^\n+|\s+$/g, "");
  const title = lineOf(failure.class || failure.stage || "");
  return el(
      "div", {class: "failure"}, title ? el("p", {class: "failure-class"}, title) : null,
      message ? printed(message, "Message") : null,
      failure.frames ? frameList(failure.frames) : null,
      failure.all ? el("details", {class: "backtrace"},
                       el("summary", {}, `Whole backtrace (${count(failure.all.length, "frame")})`),
                       frameList(failure.all)) :
                    null);
}

/** All that is told of a case or a unit behind its title. */
function detailBlocks(details) {
  const earlier = details.earlier || [];
  return [
    (details.errors || []).map(failureBlock),
    details.running ?
        el("p", {class: "note"}, "It was running: ", el("strong", {}, lineOf(details.running))) :
        null,
    details.pending ? el("p", {class: "note"}, lineOf(details.pending)) : null,
    outputBlock(details.output),
    earlier.length > 0 ?
        el("div", {class: "earlier"},
           el("h4", {},
              `Earlier ${earlier.length === 1 ? "try" : "tries"}, before it was run again`),
           earlier.map(failureBlock)) :
        null,
    details.cut ?
        el("p", {class: "note"},
           "More was told than this page holds. gorgon runs show and gorgon runs export have all of it.") :
        null,
  ];
}

/** What a unit has brought back. */
function artifactBlock({artifacts}) {
  if (artifacts.length === 0) return null;
  const shown = ({path, href}) => (href ? el("a", {href}, lineOf(path)) : lineOf(path));
  return el(
      "div", {class: "artifacts"}, el("h4", {}, count(artifacts.length, "artifact")),
      el("ul", {}, artifacts.slice(0, mostListed).map((one) => el("li", {}, shown(one)))),
      moreNote(artifacts.length, "beside them"));
}

function moreNote(length, where) {
  return length > mostListed ?
      el("p", {class: "note"}, `and ${length - mostListed} more, ${where}`) :
      null;
}

function facts(rows) {
  return el(
      "dl", {class: "facts"},
      rows.filter(Boolean).map(
          ([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}
