// SPDX-License-Identifier: Apache-2.0
// The fleet: a summary, a filter, and a table with one keyed row per app, patched in place.
import { h, setAttribute, setText } from "./dom.js";
import { bytes, count, duration, mood, percent, rate, withoutFolder } from "./format.js";
import { drawSparkline, sparkline } from "./spark.js";
import { store } from "./store.js";
import { eventList } from "./events.js";
import { summary } from "./summary.js";

// key, heading, title, value to sort by; numbers sort largest first.
const columns = [
  ["name", "App", "", (row) => row.name],
  [
    "state",
    "State",
    "what it does, and since when",
    (row) => `${{ bad: 0, warn: 1, busy: 2, good: 3, off: 4 }[mood(row.state, row.is_serving)]}${row.state}`,
  ],
  ["generation", "Gen", "generation that serves", (row) => row.generation],
  ["rate", "Req/s", "requests per second, and the last minutes of it", (row) => row.requests_per_s ?? -1],
  ["p50", "p50", "half of the requests of the last minute were quicker", (row) => row.p50_us ?? -1],
  ["p95", "p95", "95 % were quicker", (row) => row.p95_us ?? -1],
  ["p99", "p99", "99 % were quicker", (row) => row.p99_us ?? -1],
  ["queue", "Queue", "clients that wait in the listen queue", (row) => row.queue],
  ["workers", "Workers", "busy / serving", (row) => row.busy],
  ["cpu", "CPU", "of one processor", (row) => row.cpu_percent ?? -1],
  ["pss", "Memory", "proportional (PSS), else ~resident", (row) => row.pss ?? row.rss],
  ["restarts", "Restarts", "ends of masters and workers that nobody asked for", (row) => row.restarts],
];

const collator = new Intl.Collator("en", { numeric: true });
const view = { sort: "name", isDown: false, filter: "", mood: null }; // outlives a visit to an app

function makeRow(name) {
  const link = h("a.name", { href: `#/app/${encodeURIComponent(name)}`, title: name }, name);
  const cells = Object.fromEntries(columns.map(([key, label]) => [key, h(`td.c-${key}`, { "data-label": label })]));
  const state = h("span.state"),
    reason = h("span.reason"),
    svg = sparkline(),
    figure = h("span"),
    busy = h("span"),
    bar = h("i");
  cells.name.append(link);
  cells.state.append(state, reason);
  cells.rate.append(svg, figure);
  cells.workers.append(busy, h("span.bar", { "aria-hidden": "true" }, bar));
  return {
    element: h("tr", { "data-app": name }, ...Object.values(cells)),
    cells,
    link,
    state,
    reason,
    svg,
    figure,
    busy,
    bar,
    shown: null,
    drawn: -1,
  };
}

function note(row) {
  if (row.reason) return row.reason;
  if (row.last_reload.startsWith("failed")) return `reload ${row.last_reload}`;
  return row.successor ? `starting generation ${row.successor}` : "";
}

function patchRow(item, row) {
  if (item.drawn !== store.ratesVersion) drawSparkline(item.svg, store.rates.get(row.name));
  item.drawn = store.ratesVersion;
  if (item.shown === row) return;
  item.shown = row;
  const { cells } = item;
  setAttribute(item.element, "data-mood", mood(row.state, row.is_serving));
  setText(item.state, row.state);
  setText(item.reason, withoutFolder(note(row)));
  setAttribute(item.reason, "title", note(row) || null);
  setText(cells.generation, row.generation ? String(row.generation) : "–");
  setText(item.figure, rate(row.requests_per_s));
  setText(cells.p50, duration(row.p50_us));
  setText(cells.p95, duration(row.p95_us));
  setText(cells.p99, duration(row.p99_us));
  setText(cells.queue, count(row.queue));
  setAttribute(cells.queue, "data-hot", row.queue > 0 ? "" : null);
  setText(item.busy, row.serving ? `${row.busy}/${row.serving}` : "–");
  item.bar.parentElement.hidden = !row.serving;
  setAttribute(cells.workers, "title", `${row.busy} busy, ${row.serving} serving, ${row.workers} configured`);
  item.bar.style.width = `${row.serving ? (100 * row.busy) / row.serving : 0}%`;
  setText(cells.cpu, percent(row.cpu_percent));
  setText(cells.pss, row.pss === null ? (row.rss ? `~${bytes(row.rss)}` : "–") : bytes(row.pss));
  setText(cells.restarts, count(row.restarts));
  setAttribute(cells.restarts, "data-hot", row.restarts > 0 ? "" : null);
}

function isShown(row) {
  if (view.mood && mood(row.state, row.is_serving) !== view.mood) return false;
  const words = view.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const text = `${row.name} ${row.state} ${row.reason}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function sorted(rows) {
  const value = columns.find(([key]) => key === view.sort)[3];
  const sign = view.isDown ? -1 : 1;
  return rows.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    const order = typeof x === "number" ? x - y : collator.compare(x, y);
    return sign * order || collator.compare(a.name, b.name);
  });
}

function heading([key, label, title], again) {
  const button = h("button", { type: "button", title }, label);
  button.addEventListener("click", () => {
    if (view.sort === key) view.isDown = !view.isDown;
    else [view.sort, view.isDown] = [key, key !== "name" && key !== "state"];
    again();
  });
  return h(`th.c-${key}`, { scope: "col", "data-key": key }, button);
}

function emptyText() {
  if (store.link === "loading") return "Loading…";
  if (!store.rows.size)
    return store.head ? "No apps yet. Put a YAML file into the emperor's directory; it appears here at once." : "";
  return "No app matches.";
}

export function fleetPage(main) {
  const items = new Map();
  const body = h("tbody"),
    empty = h("p.empty");
  const again = () => page.update();
  const top = summary(view, again);
  const filter = h("input", {
    id: "filter",
    type: "search",
    placeholder: "Filter apps  ( / )",
    "aria-label": "Filter apps",
    value: view.filter,
    autocomplete: "off",
    spellcheck: "false",
  });
  filter.addEventListener("input", () => {
    view.filter = filter.value;
    again();
  });
  const sorter = h(
    "select",
    { id: "sorter", "aria-label": "Sort by" },
    ...columns.map(([key, label]) => h("option", { value: key }, label)),
  );
  sorter.addEventListener("change", () => {
    [view.sort, view.isDown] = [sorter.value, !["name", "state"].includes(sorter.value)];
    again();
  });
  const direction = h("button", { id: "direction", type: "button" });
  direction.addEventListener("click", () => {
    view.isDown = !view.isDown;
    again();
  });
  const headings = columns.map((column) => heading(column, again));
  const history = eventList(true);
  const happened = h("section.card", { id: "happened" }, h("h2", {}, "What happened"), history.element);
  const ghosts = h("div.ghosts", { "aria-hidden": "true" }, ...Array.from({ length: 6 }, () => h("i")));
  const table = h("table.fleet", {}, h("caption.hidden", {}, "Apps"), h("thead", {}, h("tr", {}, ...headings)), body);
  main.replaceChildren(
    h("section.bar-line", {}, top.element, h("div.tools", {}, filter, sorter, direction)),
    h("div.scroll", {}, table),
    ghosts,
    empty,
    happened,
  );
  document.title = "Emperor";

  const page = {
    update() {
      const all = [...store.rows.values()];
      const rows = sorted(all.filter(isShown));
      const wanted = new Set(rows.map((row) => row.name));
      for (const [name, item] of items)
        if (!wanted.has(name)) {
          item.element.remove();
          items.delete(name);
        }
      const focused = document.activeElement;
      let at = body.firstChild;
      for (const row of rows) {
        let item = items.get(row.name);
        if (!item) items.set(row.name, (item = makeRow(row.name)));
        patchRow(item, row);
        if (item.element === at) at = at.nextSibling;
        else body.insertBefore(item.element, at);
      }
      // A row that is moved loses the focus that is in it.
      if (focused !== document.activeElement && body.contains(focused)) focused.focus({ preventScroll: true });
      top.patch(all);
      ghosts.hidden = store.link !== "loading" || all.length > 0;
      table.hidden = rows.length === 0;
      setText(empty, rows.length ? "" : emptyText());
      empty.hidden = rows.length > 0;
      sorter.value = view.sort;
      setText(direction, view.isDown ? "↓" : "↑");
      setAttribute(direction, "aria-label", view.isDown ? "descending; sort ascending" : "ascending; sort descending");
      for (const head of headings)
        setAttribute(head, "aria-sort", head.dataset.key !== view.sort ? "none" : view.isDown ? "descending" : "ascending");
      history.update(store.events);
      happened.hidden = !store.head;
    },
    // Arrow keys and j, k walk over the rows.
    move(step) {
      const links = [...body.querySelectorAll("a.name")];
      const now = links.indexOf(document.activeElement);
      links[Math.min(links.length - 1, Math.max(0, now < 0 ? 0 : now + step))]?.focus();
    },
    focusFilter: () => filter.focus(),
    clear() {
      filter.value = view.filter = "";
      view.mood = null;
      again();
    },
    close() {},
  };
  return page;
}
