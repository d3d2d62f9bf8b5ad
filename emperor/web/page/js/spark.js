// SPDX-License-Identifier: Apache-2.0
// A sparkline: one path in an SVG, rewritten only when its points changed.

const width = 84,
  height = 22,
  points = 60;

export function sparkline() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true");
  for (const name of ["area", "line"]) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", name);
    svg.append(path);
  }
  return svg;
}

export function drawSparkline(svg, values) {
  const shown = (values || []).slice(-points);
  const most = Math.max(...shown, 1e-9);
  const step = width / (points - 1);
  const from = width - (shown.length - 1) * step;
  const at = (value, index) => `${(from + index * step).toFixed(1)} ${(height - 1.5 - (value / most) * (height - 4)).toFixed(1)}`;
  const line = shown.length > 1 ? `M${shown.map(at).join("L")}` : "";
  if (svg.lastChild.getAttribute("d") === line) return;
  svg.lastChild.setAttribute("d", line);
  svg.firstChild.setAttribute("d", line && `${line}L${width} ${height}L${from.toFixed(1)} ${height}Z`);
}
