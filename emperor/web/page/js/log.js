// SPDX-License-Identifier: Apache-2.0
// The log's tail: new lines at the end, followed as long as one stands there.
import { h } from "./dom.js";
import { clock, dateTime } from "./format.js";

const most = 500;

function line(record) {
  const who = record.stream === "master" ? "master" : record.worker ? `${record.worker}` : "";
  const kind = /\b(error|critical|exception|traceback)\b/i.test(record.text)
    ? "div.bad"
    : record.stream === "master"
      ? "div.master"
      : "div";
  return h(
    kind,
    {},
    h("time", { title: dateTime(record.time_us) }, clock(record.time_us)),
    h("span.who", {}, who),
    h("span.text", {}, record.text),
  );
}

export function logTail() {
  const box = h("div.log", { role: "log", tabindex: "0", "aria-label": "Log" });
  const none = h("p.dim", {}, "Nothing logged yet.");
  const filter = h("input", { type: "search", placeholder: "Filter lines", "aria-label": "Filter lines" });
  let records = [];
  const isWanted = (record) => record.text.toLowerCase().includes(filter.value.toLowerCase());
  const isAtEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 30;
  function draw() {
    box.replaceChildren(...records.filter(isWanted).map(line));
    box.scrollTop = box.scrollHeight;
    box.hidden = records.length === 0;
    none.hidden = records.length > 0;
  }
  filter.addEventListener("input", draw);
  return {
    element: h("section.card", { id: "log" }, h("div.head", {}, h("h2", {}, "Log"), filter), box, none),
    take(data) {
      if (data.result) {
        records = data.result.lines;
        return draw();
      }
      if (!data.line) return undefined;
      records.push(data.line);
      if (records.length > most) {
        records.splice(0, records.length - most);
        box.firstChild?.remove();
      }
      if (records.length === 1) return draw();
      const follows = isAtEnd();
      if (isWanted(data.line)) box.append(line(data.line));
      if (follows) box.scrollTop = box.scrollHeight;
      return undefined;
    },
  };
}
