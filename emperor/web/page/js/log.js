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
  let records = [],
    fresh = [], // drawn with the next frame: an app may log a thousand lines a second
    isScheduled = false;
  const isWanted = (record) => record.text.toLowerCase().includes(filter.value.toLowerCase());
  const isAtEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 30;
  function show(follows) {
    box.hidden = records.length === 0;
    none.hidden = records.length > 0;
    if (follows) box.scrollTop = box.scrollHeight;
  }
  function draw() {
    box.replaceChildren(...records.filter(isWanted).map(line));
    show(true);
  }
  function drawFresh() {
    isScheduled = false;
    const follows = isAtEnd();
    const lines = fresh.slice(-most);
    fresh = [];
    records.push(...lines);
    box.append(...lines.filter(isWanted).map(line));
    for (const gone of records.splice(0, Math.max(0, records.length - most))) if (isWanted(gone)) box.firstChild?.remove();
    show(follows);
  }
  filter.addEventListener("input", draw);
  return {
    element: h("section.card", { id: "log" }, h("div.head", {}, h("h2", {}, "Log"), filter), box, none),
    take(data) {
      if (data.result) {
        records = data.result.lines;
        fresh = [];
        draw();
      } else if (data.line) {
        fresh.push(data.line);
        if (fresh.length > 2 * most) fresh.splice(0, most);
        if (!isScheduled) requestAnimationFrame(drawFresh);
        isScheduled = true;
      }
    },
  };
}
