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
