// Elements out of plain arguments. Text goes in as text only, whatever it says.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function el(name, attributes, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svg(name, attributes, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

// Writes a text only where it differs, so that a screen reader isn't told what it knows.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function mark(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// Replaces what is in an element when what it is made of has changed. Keeps the focus by id.
export function redraw(element, of, draw) {
  const key = JSON.stringify(of);
  if (element.drawn === key) return;
  element.drawn = key;
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  element.replaceChildren(...draw().flat().filter(Boolean));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// A name from outside: its own direction, never wider than its place, whole in the tooltip.
export function label(text, name = "span") {
  return el(name, { class: "label", dir: "auto", title: text }, text);
}

// A bar from 0 to 1, for eyes only; the number stands beside it.
export function bar(share, kind = "") {
  const made = el("span", { class: `bar ${kind}`, "aria-hidden": "true" }, el("span", {}));
  made.firstChild.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return made;
}
