// The page: asks for a snapshot every second, draws what has changed, and follows the address.

import * as board from "./board.js";
import * as details from "./details.js";
import { el, mark, redraw, write } from "./dom.js";
import * as format from "./format.js";
import { inLanguage, speak, t } from "./words.js";

const EVERY_MS = 1_000;
const HIDDEN_MS = 15_000;
const PATIENCE_MS = 8_000;
const LIVE_MS = 5 * 60_000;
const ROLLING = ["5m", "1h", "24h", "7d", "30d"];
const WINDOWS = [...ROLLING, "hour", "day", "week", "month", "quarter", "year"];

const byId = (id) => document.getElementById(id);
const state = { snapshot: null, etag: "", asked: "", window: wantedWindow(), heardMs: 0, serverMs: 0, gone: false };
let timer = 0;
let turn = 0;

function wanted(name) {
  return new URLSearchParams(location.hash.slice(1)).get(name) ?? "";
}

function wantedWindow() {
  const window = wanted("window");
  return WINDOWS.includes(window) ? window : "";
}

// ---------------------------------------------------------------- asking

async function ask() {
  clearTimeout(timer);
  const mine = ++turn;
  const giveUp = new AbortController();
  const patience = setTimeout(() => giveUp.abort(), PATIENCE_MS);
  try {
    const path = `/api/v1/page?${new URLSearchParams({ window: state.window })}`;
    const headers = state.asked === path && state.etag ? { "If-None-Match": state.etag } : {};
    const reply = await fetch(path, { headers, cache: "no-store", signal: giveUp.signal });
    if (reply.status !== 304 && !reply.ok) throw new Error(`status ${reply.status}`);
    if (mine === turn) {
      if (reply.status === 200) {
        const told = await reply.json();
        [state.snapshot, state.etag, state.asked] = [told, reply.headers.get("ETag"), path];
      }
      if (mine === turn) heard(reply);
    }
  } catch {
    if (mine === turn) lost();
  } finally {
    clearTimeout(patience);
    if (mine === turn) timer = setTimeout(ask, document.hidden ? HIDDEN_MS : EVERY_MS);
  }
}

function heard(reply) {
  [state.heardMs, state.serverMs, state.gone] = [Date.now(), Date.parse(reply.headers.get("Date")) || Date.now(), false];
  state.window ||= state.snapshot.window;
  if (reply.status === 200 || document.body.classList.contains("stale")) draw();
  else headline();
  details.refresh(state.snapshot);
}

function lost() {
  state.gone = true;
  banner();
  headline();
}

// ---------------------------------------------------------------- drawing

function draw() {
  const { snapshot } = state;
  if (!snapshot) return;
  format.setShop(snapshot);
  write(byId("shop"), snapshot.shop);
  byId("demo").hidden = !snapshot.demo;
  write(byId("demo"), snapshot.demo ? t("demo") : "");
  document.title = `${snapshot.shop} · ${t("title")}`;
  windows(snapshot);
  const drawn = Boolean(snapshot.kpis);
  byId("board").hidden = !drawn;
  byId("empty").hidden = drawn;
  if (drawn) board.draw(snapshot);
  else empty(snapshot);
  board.health(snapshot.health);
  banner();
  headline();
}

function windows(snapshot) {
  const option = (window) => el("option", { value: window }, t(`w_${window}`));
  redraw(byId("window"), [snapshot.windows, t("rolling")], () => [
    el("optgroup", { label: t("rolling") }, snapshot.windows.filter((each) => ROLLING.includes(each)).map(option)),
    el("optgroup", { label: t("calendar") }, snapshot.windows.filter((each) => !ROLLING.includes(each)).map(option)),
  ]);
  if (document.activeElement !== byId("window")) byId("window").value = snapshot.window;
}

function headline() {
  const watermarkMs = state.snapshot?.health.watermark_ms ?? null;
  let [kind, text] = ["waiting", t("waiting")];
  if (state.gone) [kind, text] = ["gone", t("gone_short")];
  else if (state.snapshot && !state.snapshot.ready) text = t("starting");
  else if (watermarkMs !== null) {
    const live = state.serverMs - watermarkMs < LIVE_MS;
    kind = live ? "live" : "catching";
    text = live ? `${t("live")} · ${t("until", { time: format.clock(watermarkMs) })}` : t("catching", { time: format.moment(watermarkMs) });
  }
  mark(byId("dot"), "data-kind", kind);
  write(byId("live"), text);
}

function banner() {
  const { snapshot, gone } = state;
  let text = "";
  if (gone) text = t("gone", { time: state.heardMs ? format.clock(state.heardMs) : "–" });
  else if (snapshot?.trouble) text = t("trouble", { what: snapshot.trouble });
  document.body.classList.toggle("stale", gone);
  byId("banner").hidden = !text;
  write(byId("banner"), text);
}

const FIRST = [
  ["empty_feed", "kpi feed events.jsonl"],
  ["empty_import", "kpi import orders.csv --mapping my.toml"],
  ["empty_simulate", "kpi simulate --live --to-kafka"],
];

function empty(snapshot) {
  redraw(byId("empty"), [snapshot.ready, snapshot.reason, t("empty_title")], () => (snapshot.ready
    ? [el("h2", {}, t("empty_title")), el("p", {}, t("empty_text")),
      el("dl", { class: "first" }, FIRST.map(([key, command]) => el("div", {}, el("dt", {}, t(key)), el("dd", {}, el("code", {}, command)))))]
    : [el("h2", {}, t("not_ready")), el("p", { lang: "en" }, snapshot.reason)]));
}

function texts() {
  write(byId("skip"), t("skip"));
  write(byId("window-label"), t("window"));
  mark(byId("languages"), "aria-label", t("language"));
  for (const button of byId("languages").children) mark(button, "aria-pressed", button.dataset.language === inLanguage());
}

// ---------------------------------------------------------------- what people do

function follow() {
  const window = wantedWindow();
  if (window && window !== state.window) {
    state.window = window;
    ask();
  }
  details.show(wanted("kpi"), wanted("by"), state.snapshot);
}

byId("window").addEventListener("change", (event) => {
  const kept = new URLSearchParams(location.hash.slice(1));
  kept.set("window", event.target.value);
  history.replaceState(null, "", `#${kept}`);
  state.window = event.target.value;
  ask();
});

byId("languages").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  speak(button.dataset.language);
  texts();
  draw();
  details.redrawAll();
});

byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("kpis").scrollIntoView({ block: "start" });
  byId("kpis").focus({ preventScroll: true });
});

details.onClose((kpi) => {
  const kept = new URLSearchParams(location.hash.slice(1));
  kept.delete("kpi");
  kept.delete("by");
  const rest = String(kept);
  history.replaceState(null, "", rest ? `#${rest}` : location.pathname);
  board.focusCard(kpi);
});

addEventListener("hashchange", follow);
document.addEventListener("visibilitychange", () => document.hidden || ask());

texts();
headline();
ask().then(follow);
