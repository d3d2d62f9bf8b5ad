// SPDX-License-Identifier: Apache-2.0
// The effective configuration, each value with the place that it comes from; what is built in is folded away.
import { h } from "./dom.js";

// {"timeouts": {"start": 1}} → ["timeouts.start", 1]; lists stay whole, as origins name them.
function* flat(value, path = "") {
  const isMap = value !== null && typeof value === "object" && !Array.isArray(value);
  if (!isMap || !Object.keys(value).length) return yield [path, value];
  for (const [key, inner] of Object.entries(value)) yield* flat(inner, path ? `${path}.${key}` : key);
  return undefined;
}

const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function originOf(path, origins) {
  for (let at = path; at; at = at.includes(".") ? at.slice(0, at.lastIndexOf(".")) : "") if (origins[at]) return origins[at];
  return null;
}

export function configCard() {
  const body = h("tbody"),
    problem = h("p.dim"),
    all = h("input", { type: "checkbox", id: "all-keys" });
  const table = h(
    "table.config",
    {},
    h("thead", {}, h("tr", {}, ...["Key", "Value", "From"].map((text) => h("th", { scope: "col" }, text)))),
    body,
  );
  let last = null;
  function draw() {
    if (!last) return;
    const rows = [...flat(last.values)].map(([path, value]) => {
      const origin = originOf(path, last.origins);
      const isOwn = Boolean(origin?.file);
      if (!isOwn && !all.checked) return null;
      const from = origin ? (isOwn ? `${origin.file.split("/").pop()}:${origin.line}` : origin.text) : "built in";
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, path),
        h("td", {}, h("code", {}, shown(value))),
        h("td.dim", { title: origin?.text || null }, from),
      );
    });
    body.replaceChildren(...rows.filter(Boolean));
  }
  all.addEventListener("change", draw);
  return {
    element: h(
      "section.card",
      { id: "config" },
      h("div.head", {}, h("h2", {}, "Configuration"), h("label", { for: "all-keys" }, all, " defaults too")),
      h("div.scroll", {}, table),
      problem,
    ),
    update(document_) {
      last = document_;
      problem.textContent = "";
      table.hidden = false;
      draw();
    },
    fail(message) {
      problem.textContent = message;
      table.hidden = true;
    },
  };
}
