// One KPI in a dialog: over time, why it moved, by label, its definitions, and how sure it is.

import { delta, judged, standing } from "./board.js";
import { chart } from "./charts.js";
import { bar, el, label, mark, redraw, svg, write } from "./dom.js";
import * as format from "./format.js";
import { nameOf, t } from "./words.js";

const AGAIN_MS = 10_000;
const MOST_ROWS = 12;
const MINUTES = { "5m": 5, hour: 60, day: 1_440, week: 10_080, month: 44_640 };

const dialog = document.getElementById("details");
let open = null; // what is shown: { kpi, by, window, described, told, readMs, parts, stop }
let pending = null;
let closed = () => {};

export function onClose(listener) {
  closed = listener;
}

// ---------------------------------------------------------------- opening and closing

export function show(id, by, snapshot) {
  pending = null;
  if (!id) {
    if (open) dialog.close();
    return;
  }
  if (!snapshot?.kpis) {
    pending = { id, by };
    return;
  }
  const kpi = snapshot.kpis.find((each) => each.id === id);
  if (!kpi) return;
  if (open?.kpi.id === id) {
    if (by && by !== open.by) choose(by);
    return;
  }
  open?.stop.abort();
  open = { kpi, by, window: kpi.window, described: null, told: {}, readMs: 0, parts: skeleton(), stop: new AbortController() };
  dialog.replaceChildren(open.parts.frame);
  drawAll();
  if (!dialog.open) dialog.showModal();
  open.parts.title.focus({ preventScroll: true });
  dialog.scrollTop = 0;
  load(snapshot);
}

export function refresh(snapshot) {
  if (pending && snapshot?.kpis) show(pending.id, pending.by, snapshot);
  if (!open || !snapshot?.kpis) return;
  const kpi = snapshot.kpis.find((each) => each.id === open.kpi.id);
  if (!kpi) return;
  const moved = kpi.window !== open.window;
  [open.kpi, open.window] = [kpi, kpi.window];
  header();
  if (moved || Date.now() - open.readMs > AGAIN_MS) load(snapshot);
}

export function redrawAll() {
  if (open) drawAll();
}

dialog.addEventListener("close", () => {
  const kpi = open?.kpi.id;
  open?.stop.abort();
  open = null;
  dialog.replaceChildren();
  if (kpi) closed(kpi);
});

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // the backdrop
});

// ---------------------------------------------------------------- what is asked for

async function get(path, parameters) {
  try {
    const asked = { cache: "no-store", signal: open?.stop.signal };
    const reply = await fetch(`${path}?${new URLSearchParams(parameters)}`, asked);
    return reply.ok ? await reply.json() : null;
  } catch {
    return null;
  }
}

async function load(snapshot) {
  const mine = open;
  mine.readMs = Date.now();
  const { kpi } = mine;
  mine.described ??= await get(`/api/v1/kpis/${encodeURIComponent(kpi.id)}`, {});
  if (!mine.described || mine !== open) return;
  if (!mine.described.by.includes(mine.by)) mine.by = mine.described.by[0] ?? "";
  const window = mine.window;
  const ask = { kpi: kpi.id, window };
  const keep = (name) => (told) => {
    if (mine !== open || window !== open.window) return;
    mine.told[name] = told;
    drawAll();
  };
  drawAll();
  await new Promise(requestAnimationFrame); // what is known is seen before more is asked for
  if (mine !== open) return;
  await Promise.all([
    overTime(kpi, snapshot).then(keep("series")),
    get("/api/v1/explain", { ...ask, at: "now" }).then(keep("explain")),
    mine.described.table ? get("/api/v1/query", { ...ask, table: 1, top: MOST_ROWS }).then(keep("table")) : null,
    definitions(mine.described, kpi, window).then(keep("definitions")),
    byLabel(),
  ]);
}

async function byLabel() {
  const mine = open;
  const { by, window } = mine;
  if (!by) return;
  const ask = { kpi: mine.kpi.id, window, by };
  const keep = (name) => (told) => {
    if (mine !== open || by !== mine.by || window !== mine.window) return;
    mine.told[name] = { by, told };
    drawAll();
  };
  await Promise.all([
    get("/api/v1/query", { ...ask, top: MOST_ROWS }).then(keep("rows")),
    get("/api/v1/why", { ...ask, at: "now" }).then(keep("why")),
  ]);
}

function overTime(kpi, snapshot) {
  if (!kpi.bucket) return Promise.resolve([]);
  const lengthMs = MINUTES[kpi.bucket] * 60_000;
  const nowMs = snapshot.health.watermark_ms;
  const toMs = kpi.bucket === "5m" ? nowMs - (nowMs % lengthMs) + lengthMs : nowMs + 1;
  const fromMs = toMs - kpi.buckets * lengthMs;
  return get("/api/v1/query", { kpi: kpi.id, window: kpi.bucket, from: fromMs, to: toMs })
    .then((told) => told?.slice(-kpi.buckets) ?? null);
}

async function definitions(described, kpi, window) {
  const names = Object.keys(described.definitions);
  const fits = (name) => described.definitions[name].windows.includes(window);
  const asked = names.map((name) => (fits(name) ? get("/api/v1/query", { kpi: kpi.id, window, definition: name }) : null));
  const told = await Promise.all(asked);
  return Object.fromEntries(names.map((name, place) => [name, told[place]?.[0] ?? null]));
}

function choose(by) {
  open.by = by;
  const kept = new URLSearchParams(location.hash.slice(1));
  kept.set("by", by);
  history.replaceState(null, "", `#${kept}`);
  drawAll();
  byLabel();
}

// ---------------------------------------------------------------- the frame

const SECTIONS = ["over_time", "breakdown", "why", "definitions", "definition", "evidence"];

function skeleton() {
  const title = el("h2", { id: "details-title", tabindex: -1 });
  const cross = svg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true", focusable: "false" }, svg("path", { d: "M3 3l10 10M13 3L3 13" }));
  const close = el("button", { type: "button", class: "close", id: "details-close", onclick: () => dialog.close() }, cross);
  const head = el("div", { class: "details-value" });
  const parts = { title, close, head };
  const sections = SECTIONS.map((name) => {
    parts[name] = el("div", { class: "part" });
    parts[`${name}_title`] = el("h3", { id: `part-${name}` });
    return el("section", { "aria-labelledby": `part-${name}`, "data-part": name }, parts[`${name}_title`], parts[name]);
  });
  parts.frame = el("div", { class: "frame" }, el("div", { class: "details-head" }, title, close), head, ...sections);
  return parts;
}

function header() {
  const { kpi, parts } = open;
  write(parts.title, nameOf(kpi));
  mark(parts.close, "aria-label", t("close"));
  redraw(parts.head, [kpi.value, kpi.previous, kpi.numerator, kpi.denominator, kpi.window, kpi.state, kpi.goal_state, t("neutral")], () => [
    el("p", { class: "numbers" }, el("data", { class: "value", value: kpi.value }, format.show(kpi.value, kpi.unit)), delta(kpi)),
    el("p", { class: "quiet" }, t(`w_${kpi.window}`), ` · ${judged(kpi).said || t("no_before")}`,
      kpi.denominator === null || kpi.denominator === undefined ? "" : ` · ${format.whole(kpi.numerator)} / ${format.whole(kpi.denominator)}`),
    el("p", { class: "card-foot" }, standing(kpi)),
  ]);
}

function drawAll() {
  const { parts, told } = open;
  header();
  for (const name of SECTIONS) write(parts[`${name}_title`], t(name));
  const language = t("neutral");
  redraw(parts.over_time, [told.series, language], () => series(told.series));
  redraw(parts.breakdown, [open.by, told.rows, told.table, open.described?.by, language], () => breakdown());
  parts.breakdown.parentElement.classList.toggle("wide", Boolean(open.described?.table));
  redraw(parts.why, [open.by, told.why, open.kpi.previous === null, language], () => why());
  redraw(parts.definitions, [open.described, told.definitions, language], () => sideBySide());
  redraw(parts.definition, [open.described, language], () => definition());
  redraw(parts.evidence, [told.explain, language], () => evidence());
}

function quiet(told) {
  return [el("p", { class: "quiet" }, t(told === undefined ? "loading" : "not_available"))];
}

function table(titles, rows, caption) {
  return el("div", { class: "scroll", role: "group", "aria-label": caption, tabindex: 0 }, el("table", {},
    el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, titles.map((title, place) => el("th", { scope: "col", class: place ? "number" : null }, title)))),
    el("tbody", {}, rows.map(([first, ...cells]) => el("tr", {}, el("th", { scope: "row" }, first), cells.map((cell) => el("td", { class: "number" }, cell)))))));
}

// ---------------------------------------------------------------- its parts

function series(told) {
  if (!told) return quiet(told);
  if (!told.length) return [el("p", { class: "quiet" }, t("none"))];
  const { unit, bucket } = open.kpi;
  const labels = told.map((each) => format.bucket(each.start_ms, bucket));
  const shown = (value) => format.show(value, unit);
  const isBefore = (place) => open.kpi.history.length === told.length && open.kpi.history[place] === null;
  const points = (name) => told.map((each, place) => (!each[name] && isBefore(place) ? null : each[name]));
  const charts = [chart({ title: t("value"), points: points("value"), labels, format: shown, tall: true })];
  const isRatio = told.some((each) => each.denominator !== null);
  const titles = [t("period"), t("value")];
  if (isRatio) {
    for (const name of ["numerator", "denominator"]) {
      charts.push(chart({ title: t(name), points: points(name), labels, format: amount }));
      titles.push(t(name));
    }
  }
  const rows = told.map((each, place) => [labels[place], shown(each.value), ...(isRatio ? [amount(each.numerator), amount(each.denominator)] : [])]).reverse();
  return [el("div", { class: "charts" }, charts), el("details", {}, el("summary", { id: "series-table" }, t("as_table")), table(titles, rows, t("over_time")))];
}

function amount(value) {
  return value === null || value === undefined ? "–" : format.show(value, "");
}

function chooser(id) {
  const labels = open.described?.by ?? [];
  if (!labels.length) return null;
  const options = labels.map((name) => el("option", { value: name, selected: name === open.by }, t(`l_${name}`)));
  return el("p", { class: "field" }, el("label", { for: id }, t("by")), el("select", { id, onchange: (event) => choose(event.target.value) }, options));
}

function breakdown() {
  if (!open.described) return quiet();
  const made = [];
  if (open.told.table) made.push(foremost());
  if (!open.by) return made.length ? made : [el("p", { class: "quiet" }, t("no_breakdown"))];
  made.push(chooser("by"));
  const { by, told } = open.told.rows ?? {};
  if (by !== open.by || !told) return [...made, ...quiet(by === open.by ? null : undefined)];
  if (!told.length) return [...made, el("p", { class: "quiet" }, t("none"))];
  const { unit } = open.kpi;
  const size = (row) => (row.labels[by] === "__other__" ? -1 : row.denominator ?? row.value ?? 0);
  const rows = [...told].sort((a, b) => size(b) - size(a));
  const most = Math.max(...rows.map((row) => Math.abs(row.value ?? 0)));
  const of = (row) => (row.denominator === null ? "" : ` ${amount(row.numerator)} / ${amount(row.denominator)}`);
  made.push(el("ol", { class: "bars" }, rows.map((row) => el("li", {}, label(format.labelValue(row.labels[by])),
    el("span", { class: "number" }, el("span", { class: "quiet" }, of(row)), ` ${format.show(row.value, unit)}`),
    bar(most ? Math.abs(row.value ?? 0) / most : 0)))));
  return made;
}

function foremost() {
  const rows = open.told.table;
  if (!rows.length) return el("p", { class: "quiet" }, t("none"));
  const fixed = new Set(["kpi", "window", "start", "end", "labels", "value", "numerator", "denominator", "definition", "ripe", "start_ms", "end_ms"]);
  const numbers = Object.keys(rows[0]).filter((name) => !fixed.has(name));
  const names = Object.keys(rows[0].labels);
  const titles = [names.map((name) => t(`l_${name}`)).join(" + "), ...numbers.map((name) => t(`l_${name}`))];
  const cells = rows.map((row) => [label(names.map((name) => row.labels[name]).join(" + ")), ...numbers.map((name) => amount(row[name]))]);
  return table(titles, cells, t("foremost"));
}

function why() {
  if (!open.by) return [el("p", { class: "quiet" }, t("no_breakdown"))];
  const { by, told } = open.told.why ?? {};
  if (by !== open.by) return quiet();
  if (!told?.segments) return quiet(null);
  if (!told.segments.length) return [el("p", { class: "quiet", lang: told.reason ? "en" : null }, told.reason || t("none"))];
  const { unit } = open.kpi;
  const most = Math.max(...told.segments.map((each) => Math.abs(each.total)));
  const isRatio = unit === "ratio";
  const of = (value) => (isRatio ? format.points(value, most) : format.difference(value, unit));
  const segments = [...told.segments].sort((a, b) => Math.abs(b.total) - Math.abs(a.total)).slice(0, MOST_ROWS);
  const parts = ["total", "rate", "share"].filter((part) => segments.some((each) => each[part] !== null));
  const titles = [t("segment"), ...parts.map((part) => `${t(`by_${part}`)}${isRatio ? " (pp)" : ""}`)];
  const rows = segments.map((each) => [label(format.labelValue(each.value)), ...parts.map((part) => effect(each[part], of))]);
  const span = `${t("by_label", { label: t(`l_${by}`) })}: ${format.show(told.before.value, unit)} → ${format.show(told.after.value, unit)} (${format.difference(told.change, unit)})`;
  const about = el("p", { class: "quiet" }, t(parts.length > 1 ? "why_text" : "why_parts"));
  const partial = open.kpi.previous === null ? el("p", { class: "quiet" }, t("before_partial")) : null;
  return [el("p", {}, span), partial, about, table(titles, rows, t("why"))];
}

function effect(value, of) {
  if (!value || of(value) === of(0)) return el("span", { class: "delta none" }, of(0));
  const { better } = open.kpi;
  const kind = better === "neither" ? "neutral" : value > 0 === (better === "higher") ? "good" : "bad";
  return el("span", { class: `delta ${kind}` }, of(value));
}

function sideBySide() {
  const { described, told } = open;
  if (!described) return quiet();
  const rows = Object.entries(described.definitions).map(([name, each]) => {
    const value = told.definitions?.[name];
    const unit = each.unit === "count" ? "" : each.unit === "ratio" && name === "default" ? open.kpi.unit : each.unit;
    const title = name === "default" ? t("default") : name.replaceAll("_", " ");
    return el("div", { "data-definition": name }, el("dt", {}, el("span", { lang: name === "default" ? null : "en" }, title), el("data", { class: "number", value: value?.value ?? null }, format.show(value?.value, unit))),
      el("dd", { lang: "en" }, each.formula));
  });
  return rows.length ? [el("dl", { class: "side" }, rows)] : quiet(null);
}

function definition() {
  const { described, kpi } = open;
  if (!described) return quiet();
  const rows = [
    [t("meaning"), el("span", { lang: "en" }, described.formula)],
    [t("formula"), el("code", {}, described.definitions.default.amounts)],
    [t("better_is"), t(described.better)],
    [t("thresholds"), kpi.thresholds.map((each) => el("span", { class: "line" }, `${format.show(each.value, each.unit)}: ${t(each.direction)} ${format.show(each.bound, each.unit)} → ${t(each.severity)} (${t(`w_${each.window}`)}${each.definition === "default" ? "" : `, ${each.definition.replaceAll("_", " ")}`})`))],
    [t("names"), [described.title, ...described.aliases].join(" · ")],
    [t("note"), described.note ? el("span", { lang: "en" }, described.note.replaceAll("`", "")) : null],
    [t("source"), described.events ? el("span", { lang: "en" }, described.events) : null],
    [t("metric"), el("code", {}, described.metric)],
  ];
  const shown = rows.filter(([, content]) => content && (!Array.isArray(content) || content.length));
  return [el("dl", { class: "facts" }, shown.map(([name, content]) => el("div", {}, el("dt", {}, name), el("dd", { dir: "auto" }, content))))];
}

function evidence() {
  const told = open.told.explain;
  if (!told?.events) return quiet(told);
  const remarks = [told.reason, told.events_since ? t("events_since", { time: format.moment(Date.parse(told.events_since)) }) : null];
  const rows = [
    ...["accepted", "late", "duplicate", "rejected"].map((name) => [t(`h_${name}`), format.whole(told.events[name])]),
    [t("complete"), typeof told.complete === "number" ? format.share(told.complete) : "–"],
    [t("version"), String(told.version ?? "–")],
  ];
  const made = remarks.filter(Boolean).map((text) => el("p", { class: "quiet", lang: text === told.reason ? "en" : null }, text));
  made.push(el("dl", { class: "health" }, rows.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text)))));
  if (told.samples?.length) {
    const cells = told.samples.map((each) => [label(each.event_id), each.type ?? "", each.topic ?? "", each.day ?? ""]);
    made.push(el("h4", {}, t("samples")), table(["id", "type", "topic", t("period")], cells, t("samples")));
  }
  return made;
}
