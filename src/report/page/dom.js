// Making elements. What tests wrote enters the page as text nodes, never as markup.

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function")
      element.addEventListener(name, value);
    else if (name === "style")
      for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter(
      (child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * An element with attributes, listeners (functions) and children: nodes, texts, lists of them, or
 * nothing (null, false).
 */
function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function button(label, attributes, ...more) {
  return el("button", {type: "button", ...attributes}, label, ...more);
}

/** A section with its heading, in the page's order. */
function section(id, title, ...children) {
  return el(
      "section", {id, "aria-labelledby": `${id}-title`}, el("h2", {id: `${id}-title`}, title),
      ...children);
}

/** Says `text` to screen readers. */
function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** What a reader has done to a part of the page that is about to be shown anew. */
function restoreReading(before, after) {
  for (const one of before.querySelectorAll("details[data-key]")) {
    const again = after.querySelector(`details[data-key="${CSS.escape(one.dataset.key)}"]`);
    if (again) again.open = one.open;
  }
}

const focusable = "a, button, summary, input, select, [tabindex]";

/** Gives the focus to what looks like `element` below `after`. */
function refocus(element, after) {
  const alike = [...after.querySelectorAll(focusable)].find(
      (one) => one.tagName === element.tagName && one.textContent === element.textContent);
  alike?.focus({preventScroll: true});
}

function isBeingCopied(element) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(element, true);
}

/**
 * Makes `wanted` the children of `parent`, and leaves those alone that are alike: what is open,
 * has the focus, or is marked to be copied stays so. Children are known by their ids.
 */
function showAgain(parent, wanted) {
  const known = new Map([...parent.children].map((child) => [child.id, child]));
  let place = parent.firstChild;
  for (const next of wanted) {
    const before = known.get(next.id);
    known.delete(next.id);
    let kept = before ?? next;
    if (before && before !== next) {
      restoreReading(before, next);
      if (!before.isEqualNode(next) && !isBeingCopied(before)) {
        const active = before.contains(document.activeElement) ? document.activeElement : null;
        if (place === before) place = next;
        before.replaceWith(next);
        if (active) refocus(active, next);
        kept = next;
      }
    }
    if (kept === place)
      place = place.nextSibling;
    else
      parent.insertBefore(kept, place);
  }
  while (place) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  }
}
