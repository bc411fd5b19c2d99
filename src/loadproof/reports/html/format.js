"use strict";
// Values as a person writes them: the same forms as in the tables, which Loadproof itself wrote.

function digits(value) {
  const size = Math.abs(value);
  if (size >= 99.95 || value === 0) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

function scaled(value, base, names) {
  let at = 0;
  while (Math.abs(value) >= base && at < names.length - 1) { value /= base; at += 1; }
  return digits(value) + names[at];
}

function duration(seconds) {
  const size = Math.abs(seconds);
  if (seconds === 0) return "0s";
  if (size < 9.995e-4) return digits(seconds * 1e6) + "µs";
  if (size < 0.9995) return digits(seconds * 1e3) + "ms";
  if (size < 59.95) return digits(seconds) + "s";
  const whole = Math.round(seconds);
  const parts = [[Math.floor(whole / 3600), "h"], [Math.floor(whole / 60) % 60, "m"], [whole % 60, "s"]];
  return parts.filter(([n]) => n).map(([n, unit]) => n + unit).join("");
}

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB"];
const FORMS = {
  "s": duration,
  "/s": (value) => digits(value) + "/s",
  "count": (value) => Math.round(value).toLocaleString("en-US"),
  "share": (value) => digits(value * 100) + "%",
  "B": (value) => scaled(value, 1024, BYTES),
  "B/s": (value) => scaled(value, 1024, BYTES) + "/s",
  "time": clock,
  "run": (value) => digits(value),
  // Of a ratio what it is more or less than 1.
  "ratio": (value) => (value > 1 ? "+" : "") + digits((value - 1) * 100) + "%",
  "users": (value) => Math.round(value).toLocaleString("en-US"),
  "cores": (value) => digits(value) + (Math.abs(value) === 1 ? " core" : " cores"),
};

function format(value, unit) {
  if (value === null || value === undefined) return "—";
  return (FORMS[unit] || digits)(value);
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = pad(whole % 60);
  return hours ? `${hours}:${pad(Math.floor(whole / 60) % 60)}:${rest}` : `${Math.floor(whole / 60)}:${rest}`;
}

// Round numbers in the unit's own steps: binary for bytes, sixty for long times, ten for the rest.
function ticks(low, high, unit, most) {
  const span = high - low;
  if (!(span > 0)) return [low];
  let step;
  if (unit === "time" || (unit === "s" && span > 90)) {
    step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800]
      .find((s) => span / s <= most) || 604800;
  } else {
    const base = unit === "B" || unit === "B/s" ? 1024 ** Math.floor(Math.log(high) / Math.log(1024)) : 1;
    const raw = span / base / most;
    const power = 10 ** Math.floor(Math.log10(raw));
    step = base * power * [1, 2, 5, 10].find((n) => n * power >= raw * 0.999);
    if (unit === "count") step = Math.max(1, step);
  }
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high * (1 + 1e-9); n += 1) found.push(n * step || 0);
  return found;
}

function logTicks(low, high) {
  const decades = Math.log10(high / low);
  const within = decades > 3.2 ? [1] : decades > 1.4 ? [1, 3] : [1, 2, 5];
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const n of within) {
      const value = n * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  }
  return found;
}

// Every second of them until no two are written alike.
function distinct(values, unit) {
  let kept = values;
  while (new Set(kept.map((value) => format(value, unit))).size < kept.length) kept = kept.filter((_, n) => n % 2 === 0);
  return kept;
}
