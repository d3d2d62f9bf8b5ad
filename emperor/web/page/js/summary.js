// SPDX-License-Identifier: Apache-2.0
// The line above the table: how many apps are how, which filters by a click, and what they do together.
import { h, setText } from "./dom.js";
import { bytes, dash, mood, rate } from "./format.js";
import { store } from "./store.js";

const moods = [
  ["good", "running"],
  ["busy", "changing"],
  ["warn", "serving, but"],
  ["bad", "down"],
  ["off", "stopped"],
];

// `view.mood` is the count that was chosen, or null; `again` draws the table anew.
export function summary(view, again) {
  const chips = moods.map(([key, label]) => {
    const number = h("b"),
      chip = h("button.chip", { type: "button", "data-mood": key, "aria-pressed": "false" }, number, ` ${label}`);
    chip.addEventListener("click", () => {
      view.mood = view.mood === key ? null : key;
      again();
    });
    return { key, number, chip };
  });
  const total = h("b", { id: "total" }),
    load = h("b"),
    memory = h("b");
  const element = h(
    "div.summary",
    {},
    h("p.total", {}, total, h("span", {}, "apps")),
    ...chips.map(({ chip }) => chip),
    h("p.sum", {}, load, h("span", {}, "req/s")),
    h("p.sum", {}, memory, h("span", {}, "memory")),
  );
  return {
    element,
    patch(rows) {
      const tally = {};
      for (const row of rows) tally[mood(row.state, row.is_serving)] = (tally[mood(row.state, row.is_serving)] || 0) + 1;
      setText(total, store.head ? String(rows.length) : dash);
      setText(load, store.head ? rate(rows.reduce((sum, row) => sum + (row.requests_per_s || 0), 0)) : dash);
      setText(memory, store.head ? bytes(rows.reduce((sum, row) => sum + (row.pss ?? row.rss), 0)) : dash);
      for (const { key, number, chip } of chips) {
        setText(number, String(tally[key] || 0));
        chip.hidden = !tally[key] && view.mood !== key;
        chip.setAttribute("aria-pressed", String(view.mood === key));
      }
    },
  };
}
