// SPDX-License-Identifier: Apache-2.0
// Elements from values. Text is only ever set as text: names, reasons and log lines are other people's.

// h("button.quiet", {type: "button", onclick: f}, "Reload", child…)
export function h(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Changes nothing where nothing changed: a thousand rows a second are looked at, a few are touched.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function toast(text, kind = "info") {
  const box = document.getElementById("toasts");
  const item = h(`p.toast.${kind}`, {}, text);
  box.append(item);
  while (box.children.length > 4) box.firstChild.remove();
  setTimeout(() => item.remove(), kind === "bad" ? 12000 : 5000);
}
