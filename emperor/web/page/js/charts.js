// SPDX-License-Identifier: Apache-2.0
// The charts of one app: a quarter of an hour each, drawn by uPlot.
import { h } from "./dom.js";
import { bytes, count, duration, hours, percent, rate } from "./format.js";
import { since } from "./store.js";

const height = 150,
  spanSeconds = 900;

const mega = 1048576;
const powers = Array.from({ length: 20 }, (_, at) => mega * 2 ** at);

// `least`: the top of the scale where all is 0; `steps`: between ticks, where the usual ones read badly; `isLog`: a p99 of
// seconds must not flatten a p50 of milliseconds.
const charts = [
  {
    title: "Requests per second",
    format: rate,
    series: [
      ["all", "requests_per_s", "--c1"],
      ["5xx", "failures_per_s", "--bad"],
    ],
  },
  {
    title: "Time in the app",
    format: duration,
    isLog: true,
    series: [
      ["p50", "p50_us", "--c2"],
      ["p95", "p95_us", "--c1"],
      ["p99", "p99_us", "--c3"],
    ],
  },
  {
    title: "Workers and queue",
    format: count,
    steps: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000],
    series: [
      ["serving", "serving", "--c2"],
      ["busy", "busy", "--c1"],
      ["waiting", "queue", "--bad"],
    ],
  },
  { title: "Processor", format: percent, series: [["CPU", "cpu_percent", "--c1"]] },
  { title: "Memory (PSS)", format: bytes, least: 4 * mega, steps: powers, series: [["PSS", "pss", "--c1"]] },
];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Whole decades around the figures; without any, 1 ms to 1 s.
function decades(least, most) {
  if (!(most > 0)) return [1e3, 1e6];
  const low = Math.floor(Math.log10(Math.max(least, 1)));
  return [10 ** low, 10 ** Math.max(low + 1, Math.ceil(Math.log10(most * 1.05)))];
}

const logScale = { distr: 3, log: 10, range: (_, least, most) => decades(least, most) };

const logAxis = {
  splits: (_, __, least, most) => Array.from({ length: Math.round(Math.log10(most / least)) + 1 }, (_, at) => least * 10 ** at),
  filter: (_, ticks) => ticks,
};

function options(chart, width) {
  const axis = {
    stroke: colour("--dim"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    width,
    height,
    pxAlign: 1,
    padding: [10, 16, 0, 0], // right: half of a time that stands at the end
    cursor: { y: false, points: { size: 6 }, sync: { key: "app" } },
    legend: { show: false },
    scales: {
      x: {
        range: () => {
          const now = since(0); // the emperor's clock, as the points: ours may be wrong
          return [now - spanSeconds, now];
        },
      },
      y: chart.isLog ? logScale : { range: (_, __, most) => [0, Math.max(most * 1.15, chart.least || 1)] },
    },
    axes: [
      { ...axis, space: 70, size: 24, values: (_, ticks) => ticks.map(hours) },
      {
        ...axis,
        size: 58,
        gap: 4,
        space: 34,
        incrs: chart.steps,
        values: (_, ticks) => ticks.map((tick) => chart.format(tick)),
        ...(chart.isLog ? logAxis : {}),
      },
    ],
    series: [
      {},
      ...chart.series.map(([label, , name], at) => ({
        label,
        stroke: colour(name),
        width: 1.6,
        points: { show: false },
        spanGaps: false,
        fill: chart.series.length === 1 && at === 0 ? `${colour(name)}22` : undefined,
      })),
    ],
  };
}

function makeChart(chart) {
  const figures = chart.series.map(([label, , name]) => {
    const value = h("b"),
      key = h("i");
    key.style.background = `var(${name})`;
    return { value, element: h("span", {}, key, `${label} `, value) };
  });
  const plot = h("div.plot");
  const none = h("p.dim.none", {}, "No figures yet.");
  const element = h(
    "figure.chart",
    { "aria-label": chart.title },
    h(
      "figcaption",
      {},
      h("span", {}, chart.title, chart.isLog ? h("small.dim", {}, " log") : null),
      h("span.legend", {}, ...figures.map((one) => one.element)),
    ),
    plot,
    none,
  );
  let drawn = null,
    data = null;

  const legend = (index) =>
    figures.forEach((figure, at) => {
      const values = data[at + 1];
      figure.value.textContent = values.length ? chart.format(values[index ?? values.length - 1]) : "";
    });
  return {
    element,
    update(document_) {
      data = [document_.time_ms.map((ms) => ms / 1000), ...chart.series.map(([, key]) => document_[key])];
      none.hidden = data[0].length > 1;
      legend();
      if (drawn) return drawn.setData(data);
      if (!plot.clientWidth) return;
      const wanted = options(chart, plot.clientWidth);
      wanted.hooks = { setCursor: [(u) => legend(u.cursor.idx)] };
      element.plot = drawn = new window.uPlot(wanted, data, plot); // there for whoever inspects it
    },
    // Another width, or other colours.
    redraw() {
      drawn?.destroy();
      drawn = null;
      if (data)
        this.update(
          Object.fromEntries([
            ["time_ms", data[0].map((s) => s * 1000)],
            ...chart.series.map(([, key], at) => [key, data[at + 1]]),
          ]),
        );
    },
    close: () => drawn?.destroy(),
  };
}

export function chartGrid() {
  const all = charts.map(makeChart);
  const element = h("section.charts", {}, ...all.map((one) => one.element));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const again = () => all.forEach((one) => one.redraw());
  let width = 0;
  const observer = new ResizeObserver(() => {
    if (Math.abs(element.clientWidth - width) < 2) return;
    width = element.clientWidth;
    again();
  });
  observer.observe(element);
  dark.addEventListener("change", again);
  return {
    element,
    update: (series) => all.forEach((one) => one.update(series)),
    close() {
      observer.disconnect();
      dark.removeEventListener("change", again);
      all.forEach((one) => one.close());
    },
  };
}
