// Numbers and times for people; bytes that tests wrote, made harmless and visible.

const integers = new Intl.NumberFormat("en");

function count(number, singular, plural = `${singular}s`) {
  return `${integers.format(number)} ${number === 1 ? singular : plural}`;
}

/** As the terminal shows it: "0.42 s", "12.3 s", "3 min 05 s". */
function duration(seconds) {
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const rest = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${rest} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** When that was, for an element whose text counts on: unix seconds. */
function sinceOf(seconds) {
  return (Date.now() / 1000 - seconds).toFixed(1);
}

/** For columns of short times. */
function fineDuration(seconds) {
  if (seconds >= 0.9995) return duration(seconds);
  return `${(seconds * 1000).toFixed(seconds < 0.000995 ? 2 : seconds < 0.00995 ? 1 : 0)} ms`;
}

function percent(part, whole) {
  if (!(whole > 0)) return "0 %";
  const share = (100 * part) / whole;
  return `${share > 0 && share < 9.95 ? share.toFixed(1) : Math.round(share)} %`;
}

function dateText(unixSeconds) {
  const date = new Date(unixSeconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
      `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

// ECMA-48: CSI, then OSC, DCS and the like with their ends, then the short ones.
const escapeSequence =
    /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]/g;

/**
 * Controls as their pictures; what would reorder the text around it, or end a line unseen, as
 * U+FFFD.
 */
function visible(text) {
  return text
      .replace(
          /[\x00-\x08\x0b\x0c\x0e-\x1f]/g,
          (control) => String.fromCharCode(0x2400 + control.charCodeAt(0)))
      .replace(/\x7f/g, "\u2421")
      .replace(/[\x80-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** On one line, without colours. */
function lineOf(text) {
  return visible(text.replace(escapeSequence, "").replace(/[\s\u2028\u2029]+/g, " ").trim());
}

const colors = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/**
 * What an SGR sequence makes of a set of classes. Colours by number and backgrounds are not shown.
 */
function restyled(classes, parameters) {
  let next = new Set(classes);
  const codes = parameters.split(/[;:]/).map(Number);
  for (let i = 0; i < codes.length; ++i) {
    const code = codes[i];
    const color = code >= 90 && code <= 97 ? code - 90 : code >= 30 && code <= 37 ? code - 30 : -1;
    if (code === 0)
      next = new Set();
    else if (code === 1)
      next.add("sgr-bold");
    else if (code === 22)
      next.delete("sgr-bold");
    else if (color >= 0 || code === 39) {
      for (const name of colors) next.delete(`sgr-${name}`);
      if (color >= 0) next.add(`sgr-${colors[color]}`);
    } else if (code === 38 || code === 48)
      i += codes[i + 1] === 2 ? 4 : 2;
  }
  return next;
}

/** Lines as they were written, with their colours. */
function richText(text) {
  const fragment = document.createDocumentFragment();
  const lines = text.replace(/\r\n?|\u2028|\u2029/g, "\n");
  let classes = new Set();
  let at = 0;
  const add = (part) => {
    if (part === "") return;
    fragment.append(
        classes.size > 0 ? el("span", {class: [...classes].join(" ")}, visible(part)) :
                           visible(part));
  };
  for (const match of lines.matchAll(escapeSequence)) {
    add(lines.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === "m") classes = restyled(classes, match[1]);
  }
  add(lines.slice(at));
  return fragment;
}
