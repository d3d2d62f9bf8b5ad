// SPDX-License-Identifier: Apache-2.0
// Figures for people. A dash is "not known" or "does not apply", never 0.

export const dash = "–";

export function count(value) {
  if (value === null || value === undefined) return dash;
  if (value < 10000) return String(value);
  if (value < 1e6) return `${(value / 1e3).toFixed(value < 1e5 ? 1 : 0)} k`;
  return `${(value / 1e6).toFixed(value < 1e8 ? 1 : 0)} M`;
}

export function rate(value) {
  if (value === null || value === undefined) return dash;
  if (value === 0) return "0";
  return value < 10 ? value.toFixed(1) : count(Math.round(value));
}

export function duration(us) {
  if (us === null || us === undefined) return dash;
  if (us < 1000) return `${us} µs`;
  if (us < 10000) return `${(us / 1000).toFixed(1)} ms`;
  if (us < 1e6) return `${Math.round(us / 1000)} ms`;
  return `${(us / 1e6).toFixed(us < 1e7 ? 1 : 0)} s`;
}

export function bytes(value) {
  if (value === null || value === undefined) return dash;
  const mega = value / 1048576;
  if (mega < 1) return `${Math.round(value / 1024)} KB`;
  if (mega < 1024) return `${mega.toFixed(mega < 10 ? 1 : 0)} MB`;
  return `${(mega / 1024).toFixed(1)} GB`;
}

export function percent(value) {
  if (value === null || value === undefined) return dash;
  if (value < 0.05) return "0 %";
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}

export function age(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

export function clock(us) {
  const time = new Date(us / 1000);
  const two = (value) => String(value).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

export function hours(seconds) {
  return clock(seconds * 1e6).slice(0, 5);
}

export function dateTime(us) {
  return new Date(us / 1000).toLocaleString();
}

// "/etc/apps.d/shop.yaml:3:1: error: …" without its folder, where there is little room.
export const withoutFolder = (text) => text.replace(/^\/\S*\/([^/\s]+:\d+)/, "$1");

// How a state is felt: drives colour, never alone (the word stands beside it).
export function mood(state, isServing) {
  if (["running", "sleeping"].includes(state)) return "good";
  if (["starting", "reloading", "observing", "stopping"].includes(state)) return "busy";
  if (state === "stopped") return "off";
  if (state === "rolled back" || (state === "invalid" && isServing)) return "warn";
  return "bad";
}
