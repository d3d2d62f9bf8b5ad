// SPDX-License-Identifier: Apache-2.0
// One app: state and actions, charts, workers, log, events, configuration. The row comes with the fleet's stream, log and
// events with a stream of the app's own, the rest is asked for while the page is looked at.
import { ApiError, follow, get, vassal } from "./api.js";
import { actionBar } from "./actions.js";
import { chartGrid } from "./charts.js";
import { configCard } from "./config.js";
import { h, setAttribute, setText } from "./dom.js";
import { eventList } from "./events.js";
import { age, bytes, count, dash, duration, mood, percent, rate } from "./format.js";
import { logTail } from "./log.js";
import { since, store } from "./store.js";
import { workerTable } from "./workers.js";

const figures = [
  ["Req/s", (row) => rate(row.requests_per_s)],
  ["p50", (row) => duration(row.p50_us)],
  ["p95", (row) => duration(row.p95_us)],
  ["p99", (row) => duration(row.p99_us)],
  ["Queue", (row) => count(row.queue)],
  ["Busy", (row) => (row.serving ? `${row.busy}/${row.serving}` : dash)],
  ["CPU", (row) => percent(row.cpu_percent)],
  ["Memory", (row) => (row.pss !== null ? bytes(row.pss) : row.rss ? `~${bytes(row.rss)}` : dash)],
  ["Requests", (row) => count(row.requests)],
  ["Restarts", (row) => count(row.restarts)],
];

function headPart(name) {
  const state = h("span.state"),
    facts = h("span.dim"),
    cause = h("bdi"),
    retry = h("span"),
    reason = h("p.why", {}, cause, retry);
  const values = figures.map(([label, value]) => ({ value, box: h("b"), label }));
  const strip = h("dl.figures", {}, ...values.map(({ label, box }) => h("div", {}, h("dt", {}, label), h("dd", {}, box))));
  const element = h(
    "section.head-part",
    {},
    h("p.crumb", {}, h("a", { href: "#/" }, "← All apps")),
    h("div.title", {}, h("h1", {}, name), state, facts),
    reason,
    strip,
  );
  return {
    element,
    patch(row) {
      setAttribute(element, "data-mood", row ? mood(row.state, row.is_serving) : "off");
      setText(state, row ? row.state : store.head ? "no such app" : store.link === "loading" ? "loading" : "not known");
      strip.hidden = !row;
      if (!row) return;
      const generation = row.generation ? ` · generation ${row.generation}` : "";
      setText(facts, `since ${age(since(row.since))}${generation}${row.successor ? ` → ${row.successor}` : ""}`);
      const text = row.reason || (row.last_reload.startsWith("failed") ? `Last reload ${row.last_reload}` : "");
      setText(cause, text);
      setText(retry, row.next_retry ? ` Next attempt in ${age(-since(row.next_retry))}.` : "");
      reason.hidden = !text;
      for (const { value, box } of values) setText(box, value(row));
    },
  };
}

export function detailPage(main, name) {
  const row = () => store.rows.get(name);
  const abort = new AbortController();
  const head = headPart(name),
    actions = actionBar(name, row),
    charts = chartGrid(),
    workers = workerTable(),
    log = logTail(),
    config = configCard();
  const history = eventList(false);
  let events = [],
    generation = null,
    configOf = null;
  main.replaceChildren(
    head.element,
    actions.element,
    charts.element,
    workers.element,
    h("div.pair", {}, log.element, h("section.card", { id: "events" }, h("h2", {}, "Events"), history.element)),
    config.element,
  );
  document.title = `${name} · Emperor`;

  function take(kind, data) {
    if (kind === "log") log.take(data);
    if (kind !== "events") return;
    if (data.result) events = data.result.events;
    else if (data.event) events.push(data.event);
    history.update(events);
  }

  async function askConfig(now) {
    configOf = now;
    try {
      config.update(await get(`${vassal(name)}/config`, abort.signal));
    } catch (error) {
      if (error instanceof ApiError) config.fail(error.message);
      else configOf = null;
    }
  }

  async function ask(what, use) {
    try {
      use(await get(`${vassal(name)}${what}`, abort.signal));
    } catch {
      // The link's state tells of it; the next round tries again.
    }
  }

  // One request after the other: a slow answer must not pile up.
  async function poll(what, use, everyMs) {
    while (!abort.signal.aborted) {
      if (!document.hidden && !["gone", "refused"].includes(store.link)) await ask(what, use);
      await new Promise((done) => setTimeout(done, everyMs));
    }
  }

  follow(`${vassal(name)}/stream`, abort.signal, take, () => {});
  poll("?per_worker=1", (document_) => workers.update(document_.workers, since(0)), 1000);
  poll("/series", (document_) => charts.update(document_), 5000);

  return {
    update() {
      const now = row();
      head.patch(now);
      actions.update();
      generation = now
        ? `${now.generation} ${now.workers} ${now.state === "invalid" ? now.reason : ""} ${now.last_reload}`
        : null;
      if (generation && generation !== configOf) askConfig(generation);
    },
    reload: () => actions.reload(),
    close() {
      abort.abort();
      charts.close();
    },
  };
}
