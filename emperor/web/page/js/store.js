// SPDX-License-Identifier: Apache-2.0
// What the page knows of the fleet: rows by name, recent request rates, events, and how good the link is. Listeners are
// told once a frame at most.
import { follow, get } from "./api.js";

const staleAfter = 6000; // ms without a word; one comes every second
const keptRates = 60;

export const store = {
  rows: new Map(),
  names: [],
  rates: new Map(),
  ratesVersion: 0, // counts up with them: a thousand sparklines are not drawn anew each second
  events: [],
  head: null, // version, pid, started of the emperor
  link: "loading", // loading, live, stale, gone, refused
  problem: "",
  needsToken: false, // refused, but not with the token
  heardAt: 0,
};

const listeners = new Set();
let isScheduled = false;

export function listen(callback) {
  listeners.add(callback);
  return () => listeners.delete(callback);
}

export function changed() {
  if (isScheduled) return;
  isScheduled = true;
  // A hidden tab draws no frames, but its title should go on.
  (document.hidden ? (f) => setTimeout(f, 500) : requestAnimationFrame)(() => {
    isScheduled = false;
    for (const callback of [...listeners]) callback();
  });
}

// The rows of idle apps are not sent again when nothing changed, but every app got one more point.
function addRates() {
  store.ratesVersion++;
  for (const row of store.rows.values()) {
    if (row.requests_per_s === null) continue;
    const rates = store.rates.get(row.name) || [];
    rates.push(row.requests_per_s);
    if (rates.length > keptRates) rates.shift();
    store.rates.set(row.name, rates);
  }
}

async function fetchRates() {
  const { rates } = await get("rates").catch(() => ({ rates: {} }));
  for (const [name, values] of Object.entries(rates)) store.rates.set(name, values);
  store.ratesVersion++;
  changed();
}

function takeRows(data) {
  const isOther = store.head?.pid !== data.pid;
  const isWhole = data.since_revision === 0; // of a new stream: points may have come while there was none
  const hasPoint = !isOther && !isWhole && store.head.pointMs !== data.point_ms;
  if (isOther || isWhole) fetchRates();
  store.head = {
    version: data.version,
    pid: data.pid,
    started: data.started,
    isShuttingDown: data.is_shutting_down,
    pointMs: data.point_ms,
    skew: Date.now() - data.now_ms,
  };
  if (isWhole) store.rows.clear();
  for (const row of data.rows) store.rows.set(row.name, row);
  if (hasPoint) addRates();
  if (!data.names) return;
  store.names = data.names;
  const known = new Set(data.names);
  for (const name of store.rows.keys()) if (!known.has(name)) store.rows.delete(name);
}

function takeEvents(data) {
  if (data.result) store.events = data.result.events;
  else if (data.event) store.events.push(data.event);
  if (store.events.length > 200) store.events.splice(0, store.events.length - 200);
}

function onEvent(name, data) {
  store.heardAt = Date.now();
  if (name === "rows") takeRows(data);
  if (name === "events") takeEvents(data);
  changed();
}

function onLink(link) {
  const before = store.link;
  store.link = typeof link === "string" ? link : "refused";
  store.problem = typeof link === "string" ? "" : link.message;
  store.needsToken = link.status === 401;
  if (store.link !== before) changed();
}

let abort = null;

// Also after the token changed: the emperor may show more, or nothing, to another one.
export function connect() {
  abort?.abort();
  abort = new AbortController();
  follow("stream", abort.signal, onEvent, onLink);
}

setInterval(() => {
  if (store.link === "live" && Date.now() - store.heardAt > staleAfter) onLink("stale");
}, 1000);

// Seconds since an epoch second of the emperor's clock.
export const since = (seconds) => (Date.now() - (store.head?.skew || 0)) / 1000 - seconds;
