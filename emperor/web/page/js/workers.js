// SPDX-License-Identifier: Apache-2.0
// The worker table: what each is doing now, and for how long.
import { h } from "./dom.js";
import { age, bytes, count, dash, duration } from "./format.js";

const headings = ["Worker", "PID", "State", "In flight", "Requests", "p50", "p99", "Memory", "Uptime"];

function inFlight(worker) {
  const busy = worker.cores.filter((core) => core.in_request);
  if (!busy.length) return h("span.dim", {}, "–");
  return h(
    "div",
    {},
    ...busy.map((core) => {
      const of = (name) => core.vars.find((item) => item.startsWith(`${name}=`))?.slice(name.length + 1) || "";
      const kind = core.running_us > 5e6 ? "b.slow" : "b";
      return h(
        "div.flight",
        {},
        h(kind, {}, duration(core.running_us)),
        h("code", {}, `${of("REQUEST_METHOD")} ${of("REQUEST_URI")}`),
      );
    }),
  );
}

function row(worker, now) {
  const cell = (label, ...children) => h("td", { "data-label": label }, ...children);
  const service = worker.latency?.service || {};
  const has = service.count > 0;
  return h(
    "tr",
    { "data-worker": worker.worker, "data-pid": worker.pid },
    cell("Worker", String(worker.worker)),
    cell("PID", worker.pid ? String(worker.pid) : dash),
    cell("State", worker.status === "busy" ? "busy" : worker.state),
    cell("In flight", inFlight(worker)),
    cell("Requests", count(worker.requests)),
    cell("p50", duration(has ? service.p50_us : null)),
    cell("p99", duration(has ? service.p99_us : null)),
    cell("Memory", worker.pss ? bytes(worker.pss) : worker.rss ? `~${bytes(worker.rss)}` : dash),
    cell("Uptime", worker.pid && worker.last_spawn ? age(now - worker.last_spawn) : dash),
  );
}

export function workerTable() {
  const body = h("tbody");
  const none = h("p.dim", {}, "No worker.");
  const table = h(
    "table.workers",
    {},
    h("thead", {}, h("tr", {}, ...headings.map((text) => h("th", { scope: "col" }, text)))),
    body,
  );
  return {
    element: h("section.card", { id: "workers" }, h("h2", {}, "Workers"), h("div.scroll", {}, table), none),
    update(workers, now) {
      const shown = workers.filter((worker) => worker.pid || worker.state !== "empty");
      table.hidden = shown.length === 0;
      none.hidden = shown.length > 0;
      body.replaceChildren(...shown.map((worker) => row(worker, now)));
    },
  };
}
