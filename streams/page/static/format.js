// Numbers, money, durations and times as people of each language write them.

import { locale, t } from "./words.js";

const KEPT = new Map();
let currency = "EUR";
let zone = "UTC";

export function setShop(shop) {
  if (shop.currency === currency && shop.zone === zone) return;
  [currency, zone] = [shop.currency, shop.zone];
  KEPT.clear();
}

function formatter(kind, options, Of = Intl.NumberFormat) {
  const key = locale() + kind;
  if (!KEPT.has(key)) KEPT.set(key, new Of(locale(), options));
  return KEPT.get(key);
}

function plain(value, digits) {
  return formatter(`n${digits}`, { maximumFractionDigits: digits }).format(value);
}

function count(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return formatter("c", { notation: "compact", maximumFractionDigits: 2 }).format(value);
  return plain(value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

function money(value) {
  const size = Math.abs(value);
  const style = { style: "currency", currency };
  if (size >= 1e6) return formatter("mc", { ...style, notation: "compact", maximumFractionDigits: 2 }).format(value);
  const digits = size >= 10_000 ? 0 : 2;
  return formatter(`m${digits}`, { ...style, minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

function percent(value) {
  const size = Math.abs(value);
  const digits = size >= 10 ? 0 : size >= 0.1 ? 1 : 2;
  return formatter(`p${digits}`, { style: "percent", maximumFractionDigits: digits }).format(value);
}

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

export function duration(seconds) {
  const size = Math.abs(seconds);
  const [name, length] = UNITS.find(([, each]) => size >= each) ?? ["second", 1];
  const value = seconds / length;
  const digits = Math.abs(value) >= 100 ? 0 : 1;
  return formatter(`u${name}${digits}`, {
    style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits,
  }).format(value);
}

const BY_UNIT = {
  ratio: percent,
  times: (value) => `${plain(value, Math.abs(value) >= 100 ? 0 : 2)}×`,
  money,
  seconds: duration,
  days: (value) => duration(value * 86_400),
  points: (value) => plain(value, 1),
};

export function show(value, unit) {
  if (value === null || value === undefined) return "–";
  return (BY_UNIT[unit] ?? count)(value).replace(/^-/, "\u2212");
}

function signed(value, text) {
  return value > 0 ? `+${text}` : text.replace(/^-/, "\u2212");
}

// Percentage points, as exact as the greatest of those beside it needs.
export function points(change, most = Math.abs(change)) {
  const digits = most >= 0.1 ? 1 : most >= 0.001 ? 2 : 4;
  const style = { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "exceptZero" };
  return formatter(`pp${digits}`, style).format(change * 100).replace("-", "\u2212");
}

// A change in the KPI's own unit; that of a ratio in percentage points.
export function difference(change, unit, most = Math.abs(change)) {
  if (unit !== "ratio") return signed(change, show(change, unit));
  return `${points(change, most)} pp`;
}

// How a value moved: in points for a ratio, in percent of what it was for all else.
export function moved(now, before, unit) {
  if (unit === "ratio") return difference(now - before, unit);
  if (!before) return difference(now - before, unit);
  return signed(now - before, percent((now - before) / Math.abs(before)));
}

export function whole(value) {
  return value === null || value === undefined ? "–" : plain(value, 0);
}

export function rate(value) {
  return value === null || value === undefined ? "–" : plain(value, value >= 100 ? 0 : 1);
}

export function share(value) {
  return percent(value);
}

export function clock(ms) {
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: zone };
  return formatter(`t${zone}`, options, Intl.DateTimeFormat).format(ms);
}

export function moment(ms) {
  const options = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: zone };
  return formatter(`d${zone}`, options, Intl.DateTimeFormat).format(ms);
}

export function day(text) {
  const options = { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" };
  return formatter("D", options, Intl.DateTimeFormat).format(new Date(`${text}T12:00:00Z`));
}

export function bucket(ms, window) {
  const byWindow = {
    "5m": { hour: "2-digit", minute: "2-digit" },
    hour: { weekday: "short", hour: "2-digit", minute: "2-digit" },
    month: { month: "short", year: "numeric" },
  };
  const options = { ...(byWindow[window] ?? { weekday: "short", day: "numeric", month: "short" }), timeZone: zone };
  return formatter(`b${window}${zone}`, options, Intl.DateTimeFormat).format(ms);
}

export function labelValue(value) {
  if (value === "__other__") return t("others");
  return value === "" ? t("missing") : value;
}
