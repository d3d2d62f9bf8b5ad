// SPDX-License-Identifier: Apache-2.0
// Lifecycle events, newest first.
import { h } from "./dom.js";
import { clock, dateTime } from "./format.js";

const most = 60;
const bad = new Set([
  "crashed",
  "start failed",
  "reload failed",
  "recycle failed",
  "rolled back",
  "invalid",
  "worker_exited",
  "worker_not_started",
  "backoff",
]);
const good = new Set(["running", "reloaded", "recovered", "adopted"]);

function item(event, namesApps) {
  const kind = bad.has(event.event) ? "bad" : good.has(event.event) ? "good" : "plain";
  const what = h("span.what", {}, h("b", {}, event.event.replaceAll("_", " ")));
  if (event.text) what.append(" ", h("bdi", {}, event.text));
  if (event.generation) what.append(h("span.dim", {}, ` · generation ${event.generation}`));
  const app = namesApps ? h("a", { href: `#/app/${encodeURIComponent(event.app)}` }, event.app) : null;
  return h(
    `li.${kind}`,
    {},
    h("time", { title: dateTime(event.time_us) }, clock(event.time_us)),
    app,
    what,
    event.detail ? h("details", {}, h("summary", {}, "last lines"), h("pre", {}, event.detail)) : null,
  );
}

export function eventList(namesApps) {
  const list = h("ol.events"),
    none = h("p.dim", {}, "Nothing yet.");
  const element = h("div", {}, list, none);
  let shown = [];
  return {
    element,
    update(events) {
      const wanted = events.slice(-most);
      if (wanted.length === shown.length && wanted.at(-1) === shown.at(-1)) return;
      // New ones come at the end of the array and the top of the list.
      const known = new Set(shown);
      const fresh = wanted.filter((event) => !known.has(event));
      if (fresh.length === wanted.length) list.replaceChildren();
      for (const event of fresh) list.prepend(item(event, namesApps));
      while (list.children.length > most) list.lastChild.remove();
      none.hidden = wanted.length > 0;
      shown = wanted;
    },
  };
}
