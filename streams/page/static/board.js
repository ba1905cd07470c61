// The board: what needs attention, goals, the funnel, top lists, and a card for each KPI.

import { bar, el, label, mark, redraw, svg, write } from "./dom.js";
import { spark } from "./charts.js";
import * as format from "./format.js";
import { nameOf, summaryOf, t } from "./words.js";

const GROUPS = ["sales", "marketing", "service", "production", "projects"];
const CARDS = new Map();
const byId = (id) => document.getElementById(id);

export const link = (kpi, window) => `#${new URLSearchParams({ kpi, window })}`;

// ---------------------------------------------------------------- what a value says

export function judged(kpi) {
  if (kpi.value === null || kpi.previous === null) return { kind: "none", text: "" };
  const change = kpi.value - kpi.previous;
  if (!change) return { kind: "same", text: t("same"), said: t("same") };
  const up = change > 0;
  const kind = kpi.better === "neither" ? "neutral" : up === (kpi.better === "higher") ? "good" : "bad";
  const text = format.moved(kpi.value, kpi.previous, kpi.unit);
  const said = t(kind, { value: format.show(kpi.previous, kpi.unit) });
  return { kind, text, up, said };
}

export function delta(kpi) {
  const told = judged(kpi);
  if (told.kind === "none") return el("span", { class: "delta none" }, kpi.value === null ? t("no_value") : "");
  if (told.kind === "same") return el("span", { class: "delta" }, told.text);
  const arrow = svg("svg", { class: "arrow", viewBox: "0 0 10 10", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: told.up ? "M5 1.5L9 8H1Z" : "M5 8.5L1 2h8Z" }));
  return el("span", { class: `delta ${told.kind}`, title: told.said }, arrow, told.text, el("span", { class: "unseen" }, ` ${told.said}`));
}

export function chip(state, text) {
  return el("span", { class: `chip ${state}` }, el("span", { class: "sign", "aria-hidden": "true" }), text);
}

export function bound(threshold) {
  const limit = { bound: format.show(threshold.bound, threshold.unit) };
  return t(threshold.direction === "above" ? "limit_above" : "limit_below", limit);
}

export function standing(kpi) {
  const parts = [];
  if (kpi.state === "critical" || kpi.state === "warning") parts.push(chip(kpi.state, t(kpi.state)));
  const told = kpi.thresholds.find((each) => each.definition === "default" && !Object.keys(each.where).length);
  if (kpi.state === "ok") parts.push(chip("ok", told ? bound(told) : t("ok")));
  else if (told) parts.push(el("span", { class: "quiet" }, bound(told)));
  if (kpi.goal_state) parts.push(chip(kpi.goal_state, `${t("target_of", { value: format.show(kpi.goal_target, kpi.goal_unit) })} · ${t(`s_${kpi.goal_state}`)}`));
  return parts;
}

// ---------------------------------------------------------------- cards

function card(kpi) {
  const made = {
    link: el("a", { class: "open" }),
    value: el("data", { class: "value" }),
    delta: el("span", { class: "delta-place" }),
    spark: el("div", { class: "spark-place" }),
    foot: el("p", { class: "card-foot" }),
  };
  made.item = el("li", { class: "card", "data-kpi": kpi.id }, el("h3", {}, made.link),
    el("p", { class: "numbers" }, made.value, made.delta), made.spark, made.foot);
  return made;
}

function update(made, kpi, window) {
  write(made.link, nameOf(kpi));
  mark(made.link, "href", link(kpi.id, window));
  mark(made.link, "dir", kpi.group === "own" ? "auto" : null);
  mark(made.value, "value", kpi.value);
  write(made.value, format.show(kpi.value, kpi.unit));
  mark(made.item, "data-empty", kpi.value === null);
  const shown = [nameOf(kpi), kpi.value, kpi.previous];
  redraw(made.delta, [...shown, t("neutral")], () => [delta(kpi)]);
  redraw(made.spark, kpi.history, () => [spark(kpi.history)]);
  const foot = [kpi.state, kpi.thresholds, kpi.goal, kpi.goal_state, kpi.ripe, kpi.window, t("ok"), kpi.value === null];
  redraw(made.foot, foot, () => [
    kpi.window !== window ? el("span", { class: "quiet" }, t(`w_${kpi.window}`)) : null,
    ...standing(kpi),
    kpi.value !== null && !kpi.ripe ? el("span", { class: "quiet", title: t("unripe_long") }, t("unripe")) : null,
  ]);
}

function groupsOf(kpis) {
  const found = new Map(GROUPS.map((group) => [group, []]));
  for (const kpi of kpis) {
    if (!found.has(kpi.group)) found.set(kpi.group, []);
    found.get(kpi.group).push(kpi);
  }
  return [...found].filter(([, members]) => members.length);
}

function cards(snapshot) {
  const groups = groupsOf(snapshot.kpis);
  redraw(byId("kpis"), groups.map(([group, members]) => [group, members.map((kpi) => kpi.id)]), () => {
    CARDS.clear();
    return groups.map(([group, members]) => el("section", { class: "group", id: `group-${group}`, "aria-labelledby": `title-${group}` },
      el("h2", { id: `title-${group}`, tabindex: -1 }),
      el("ul", { class: "cards" }, members.map((kpi) => {
        CARDS.set(kpi.id, card(kpi));
        return CARDS.get(kpi.id).item;
      }))));
  });
  for (const [group, members] of groups) {
    write(byId(`title-${group}`), t(`g_${group}`));
    for (const kpi of members) update(CARDS.get(kpi.id), kpi, snapshot.window);
  }
  const loud = (kpi) => kpi.state === "warning" || kpi.state === "critical";
  const counts = groups.map(([group, members]) => [group, t(`g_${group}`), members.filter(loud).length]);
  redraw(byId("groups"), counts, () => [el("ul", {}, counts.map(([group, name, count]) => el("li", {},
    el("a", { href: `#group-${group}`, id: `to-${group}`, onclick: (event) => jump(event, group) }, name,
      count ? el("span", { class: "count" }, count, el("span", { class: "unseen" }, ` ${t("fires")}`)) : null))))]);
  mark(byId("groups"), "aria-label", t("groups"));
}

function jump(event, group) {
  event.preventDefault();
  byId(`group-${group}`).scrollIntoView({ block: "start" });
  byId(`title-${group}`).focus({ preventScroll: true });
}

export function focusCard(kpi) {
  CARDS.get(kpi)?.link.focus();
}

// ---------------------------------------------------------------- at a glance

const HEADLINES = ["sales", "transactions", "average_order_value", "visits", "conversion_rate", "active_issues"];

function headlines(snapshot, names) {
  const shown = HEADLINES.map((id) => names.get(id)).filter((kpi) => kpi && kpi.value !== null);
  byId("headlines").hidden = shown.length < 2;
  mark(byId("headlines"), "aria-label", t("headlines"));
  redraw(byId("headlines"), [shown.map((kpi) => [kpi.id, kpi.value, kpi.previous, kpi.window]), snapshot.window, t("neutral")], () => [
    el("dl", {}, shown.map((kpi) => el("div", {},
      el("dt", {}, el("a", { href: link(kpi.id, snapshot.window), id: `head-${kpi.id}` }, nameOf(kpi))),
      el("dd", {}, el("span", { class: "value" }, format.show(kpi.value, kpi.unit)), delta(kpi))))),
  ]);
}

// ---------------------------------------------------------------- what needs attention

let fired = null;

function say(snapshot) {
  const names = new Map(snapshot.fires.map((each) => [each.threshold, summaryOf(each).text || each.threshold]));
  if (fired) {
    const begun = [...names].filter(([name]) => !fired.has(name)).map(([, text]) => text);
    const ended = [...fired].filter(([name]) => !names.has(name)).map(([, text]) => text);
    if (begun.length) write(byId("said"), t("now_fires", { what: begun.join(" ") }));
    else if (ended.length) write(byId("said"), t("now_quiet", { what: ended.join(" ") }));
  }
  fired = names;
}

function fires(snapshot, names) {
  const told = snapshot.fires.map(({ value, ...rest }) => ({ ...rest, shown: format.show(value, rest.unit) }));
  mark(byId("fires"), "data-quiet", told.length === 0);
  redraw(byId("fires"), [told, snapshot.watched, t("fires")], () => [
    el("h2", { id: "fires-title" }, t("fires"), told.length ? el("span", { class: "count" }, told.length) : null),
    told.length
      ? el("ul", { class: "fires" }, told.map((each) => el("li", { class: each.severity },
        chip(each.severity, t(each.severity)),
        el("span", { class: "fire-text" },
          el("a", { href: link(each.kpi, each.window), id: `fire-${each.threshold}` }, nameOf(names.get(each.kpi))),
          Object.values(each.where).map((value) => [" · ", label(value)]),
          el("span", { class: "fire-value" }, ` ${each.shown} `),
          el("span", { class: "quiet" }, `${t(each.direction)} ${format.show(each.bound, each.unit)} · ${t(`w_${each.window}`)}${each.definition === "default" ? "" : ` · ${each.definition.replaceAll("_", " ")}`}`),
          el("span", { class: "summary", lang: summaryOf(each).lang, dir: "auto" }, summaryOf(each).text)))))
      : el("p", { class: "quiet" }, snapshot.watched ? t("quiet", { count: snapshot.watched }) : t("quiet_none")),
  ]);
}

// ---------------------------------------------------------------- goals, funnel, top lists

function pace(goal, names) {
  const of = (value) => (value === null ? "–" : format.show(value, goal.unit));
  const each = (value) => (names.get(goal.kpi)?.unit === "ratio" || goal.unit === "ratio" ? of(value) : t("a_day", { value: of(value) }));
  return [["now", of(goal.value)], ["landing", of(goal.landing)], ["pace", each(goal.pace)], ["pace_needed", each(goal.pace_needed)]]
    .filter(([, text]) => !text.startsWith("–"));
}

function goal(each, names) {
  const progress = each.progress === null ? null : Math.max(0, Math.min(1, each.progress));
  return el("li", { class: "goal", "data-goal": each.goal },
    el("p", { class: "goal-head" },
      el("a", { href: link(each.kpi, each.window), id: `goal-${each.goal}`, dir: "auto" }, each.title || nameOf(names.get(each.kpi))),
      chip(each.state, t(`s_${each.state}`))),
    el("p", { class: "quiet" }, `${t("target")} ${format.show(each.target, each.unit)} ${t("until_day", { day: format.day(each.last_day) })}`),
    progress === null ? null : bar(progress, each.state),
    el("dl", { class: "pairs" }, pace(each, names).map(([name, text]) => el("div", {}, el("dt", {}, t(name)), el("dd", {}, text)))),
    each.reason ? el("p", { class: "quiet reason", lang: "en" }, each.reason) : null);
}

function list(rows, unit) {
  const most = Math.max(...rows.map((row) => row.value), 0);
  return rows.length
    ? el("ol", { class: "bars" }, rows.map((row) => el("li", {}, label(format.labelValue(row.name)),
      el("span", { class: "number" }, format.show(row.value, unit)), bar(most ? row.value / most : 0))))
    : el("p", { class: "quiet" }, t("none"));
}

function funnel(steps) {
  const first = steps[0]?.count;
  return steps.length
    ? el("ol", { class: "bars funnel" }, steps.map((each, place) => el("li", { "data-step": each.step },
      el("span", { class: "label" }, t(`f_${each.step}`)),
      el("span", { class: "number" }, el("data", { value: each.count }, format.whole(each.count)),
        place && steps[0].step === "visits" ? el("span", { class: "quiet" }, ` ${format.share(each.count / first)}`) : null),
      bar(each.count / Math.max(...steps.map((step) => step.count))))))
    : el("p", { class: "quiet" }, t("none"));
}

function panel(id, title, about, ...content) {
  return el("section", { class: `panel ${id}`, "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title` }, title, about ? el("span", { class: "about" }, about) : null), ...content);
}

function overview(snapshot, names) {
  const { goals, top, funnel: steps } = snapshot;
  redraw(byId("overview"), [goals, top, steps, t("goals")], () => [
    panel("goals", t("goals"), "", goals.length ? el("ul", { class: "goals-list" }, goals.map((each) => goal(each, names))) : el("p", { class: "quiet" }, t("no_goals"))),
    panel("funnel", t("funnel"), "", funnel(steps)),
    panel("products", t("t_products"), t("by_sales"), list(top.products, "money")),
    panel("sources", t("t_sources"), t("by_visits"), list(top.sources, "")),
  ]);
}

// ---------------------------------------------------------------- the stream

export function health(told, behindClockMs) {
  byId("health").hidden = false;
  const share = (count) => (told.in ? `${format.whole(count)} (${format.share(count / told.in)})` : "0");
  const rows = [
    ["h_speed", format.rate(told.events_per_second)],
    ["h_in", format.whole(told.in)],
    ["h_accepted", share(told.accepted)],
    ["h_duplicate", share(told.duplicate)],
    ["h_late", share(told.late)],
    ["h_future", share(told.future)],
    ["h_rejected", share(told.rejected)],
    ["h_watermark", told.watermark_ms === null ? "–" : format.moment(told.watermark_ms)],
    ["h_delay", told.delay_seconds === null ? "–" : format.duration(told.delay_seconds)],
  ];
  const behind = Object.keys(told.behind_ms);
  if (behind.length) rows.push(["h_behind", behind.join(", ")]);
  const loud = (key) => (key === "h_late" && told.late) || (key === "h_rejected" && told.rejected) || key === "h_behind";
  redraw(byId("health"), [rows, told.accounted_for, t("health")], () => [
    el("h2", { id: "health-title" }, t("health"), el("span", { class: "about" }, t(told.accounted_for ? "h_accounted" : "h_unaccounted"))),
    el("dl", { class: "health" }, rows.map(([key, text]) => el("div", { class: loud(key) ? "loud" : null, "data-health": key.slice(2) }, el("dt", {}, t(key)), el("dd", {}, text)))),
  ]);
}

export function draw(snapshot) {
  const names = new Map(snapshot.kpis.map((kpi) => [kpi.id, kpi]));
  for (const each of snapshot.goals) {
    const kpi = names.get(each.kpi);
    if (kpi && kpi.goal === each.goal) [kpi.goal_state, kpi.goal_target, kpi.goal_unit] = [each.state, each.target, each.unit];
  }
  say(snapshot);
  headlines(snapshot, names);
  fires(snapshot, names);
  overview(snapshot, names);
  cards(snapshot);
}
