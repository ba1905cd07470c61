// Lines as SVG that stretches with its place; words and numbers stay HTML, so that they don't.

import { el, svg } from "./dom.js";

const WIDTH = 100;
const HEIGHT = 30;

function known(points) {
  return points.filter((point) => point !== null && point !== undefined);
}

function range(points, fromZero) {
  const values = known(points);
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (fromZero && low >= 0) low = 0;
  if (low === high) [low, high] = low === 0 ? [0, 1] : [Math.min(0, low), Math.max(0, high)];
  return [low, high];
}

// Stretches without a gap, each a list of [x, y].
function stretches(points, low, high) {
  const step = WIDTH / Math.max(1, points.length - 1);
  const found = [];
  let stretch = null;
  points.forEach((point, place) => {
    if (point === null || point === undefined) {
      stretch = null;
      return;
    }
    if (!stretch) found.push((stretch = []));
    const y = HEIGHT - 1.5 - ((point - low) / (high - low)) * (HEIGHT - 3);
    stretch.push([+(place * step).toFixed(2), +y.toFixed(2)]);
  });
  return found;
}

function path(stretch) {
  const line = stretch.map(([x, y], place) => `${place ? "L" : "M"}${x} ${y}`).join("");
  return stretch.length > 1 ? line : `${line}h0.01`;
}

function drawn(points, low, high, kind) {
  const made = svg("svg", {
    class: kind, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none",
    "aria-hidden": "true", focusable: "false",
  });
  for (const stretch of stretches(points, low, high)) {
    if (stretch.length > 1) {
      const area = `${path(stretch)}L${stretch.at(-1)[0]} ${HEIGHT}L${stretch[0][0]} ${HEIGHT}Z`;
      made.append(svg("path", { class: "area", d: area }));
    }
    made.append(svg("path", { class: "line", d: path(stretch), "vector-effect": "non-scaling-stroke" }));
  }
  return made;
}

export function spark(points) {
  if (known(points).length < 2) return el("span", { class: "spark" });
  return drawn(points, ...range(points, false), "spark");
}

// A chart with its scale, its ends, and a reading under the pointer.
export function chart({ title, points, labels, format, tall = false }) {
  const reading = el("span", { class: "reading" });
  const head = el("p", { class: "chart-head" }, el("span", { class: "chart-title" }, title), reading);
  if (!known(points).length) return el("div", { class: "chart" }, head);
  const [low, high] = range(points, true);
  const place = el("div", { class: tall ? "plot tall" : "plot" }, drawn(points, low, high, "lines"));
  const pin = el("span", { class: "pin", "aria-hidden": "true" });
  place.append(pin);
  const last = points.length - 1;
  const read = (index) => {
    const x = last ? index / last : 0;
    pin.style.left = `${x * 100}%`;
    reading.textContent = `${labels[index]}: ${format(points[index])}`;
  };
  place.addEventListener("pointermove", (event) => {
    const box = place.getBoundingClientRect();
    const index = Math.round(((event.clientX - box.left) / box.width) * last);
    pin.classList.add("on");
    read(Math.max(0, Math.min(last, index)));
  });
  place.addEventListener("pointerleave", () => {
    pin.classList.remove("on");
    reading.textContent = "";
  });
  const scale = el("div", { class: "scale", "aria-hidden": "true" }, el("span", {}, format(high)), el("span", {}, format(low)));
  const ends = el("div", { class: "ends", "aria-hidden": "true" }, el("span", {}, labels[0]), el("span", {}, labels[last]));
  return el("div", { class: "chart" }, head, el("div", { class: "chart-body" }, scale, place), ends);
}
