// SPDX-License-Identifier: Apache-2.0
// The page: which view is open, the state of the link, keys.
import { h, setAttribute, setText, toast } from "./dom.js";
import { age } from "./format.js";
import { token } from "./api.js";
import { askForToken, onToken } from "./token.js";
import { connect, listen, store } from "./store.js";
import { fleetPage } from "./fleet.js";
import { detailPage } from "./detail.js";

const main = document.getElementById("main");
let page = null;

function open() {
  page?.close();
  const name = location.hash.match(/^#\/app\/(.+)$/)?.[1];
  let app = null;
  try {
    app = name && decodeURIComponent(name);
  } catch {
    app = null;
  }
  page = app ? detailPage(main, app) : fleetPage(main);
  page.update();
  window.scrollTo(0, 0);
}

const words = { loading: "connecting", live: "live", paused: "paused", stale: "stale", gone: "emperor gone", refused: "refused" };
const banner = document.getElementById("banner");
const bannerText = h("span"),
  bannerAge = h("span", { "aria-hidden": "true" }), // not read out anew each second
  bannerButton = h("button", { type: "button", onclick: () => askForToken() }, "Enter the token");
banner.append(bannerText, bannerAge, bannerButton);

function showLink() {
  const link = document.getElementById("link");
  setAttribute(link, "data-link", store.link);
  setText(link.lastChild, words[store.link]);
  setAttribute(document.body, "data-link", store.link);
  const quiet = age((Date.now() - store.heardAt) / 1000);
  const text = {
    gone: store.heardAt
      ? "No answer from the emperor. Apps go on serving without it. What you see is from before; trying again…"
      : "No emperor answers here. Trying again…",
    stale: "Nothing new from the emperor. The figures below may be out of date.",
    refused: store.needsToken ? "This emperor shows nothing without its token." : store.problem,
  }[store.link];
  banner.hidden = !text && !store.head?.isShuttingDown;
  bannerButton.hidden = store.link !== "refused" || !store.needsToken;
  setText(bannerText, text || "The emperor is shutting down.");
  setText(bannerAge, store.heardAt && ["gone", "stale"].includes(store.link) ? `Last heard of ${quiet} ago.` : "");
  setText(document.getElementById("version"), store.head ? store.head.version : "");
  setText(document.getElementById("token"), token.get() ? "Lock actions" : "Unlock actions");
}

let isMarked = false;

function update() {
  showLink();
  page.update();
  // For whoever measures: the frame after the first rows.
  if (!isMarked && store.rows.size) requestAnimationFrame(() => performance.mark("rows-shown"));
  isMarked ||= store.rows.size > 0;
}

const help = [
  ["/", "filter"],
  ["j k ↓ ↑", "walk over apps"],
  ["Enter", "open"],
  ["Esc", "back, clear"],
  ["g", "fleet"],
  ["r", "reload the open app"],
  ["?", "this help"],
];

function showHelp() {
  const dialog = h(
    "dialog",
    { "aria-label": "Keys" },
    h("h2", {}, "Keys"),
    h("dl.keys", {}, ...help.flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    h("form", { method: "dialog" }, h("button", {}, "Close")),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const isTyping = event.target.matches("input, select, textarea");
  if (event.key === "Escape") {
    event.target.blur();
    if (page.clear) return page.clear();
    return isTyping ? undefined : (location.hash = "#/"); // out of a field first
  }
  if (isTyping) return;
  const action = {
    "/": () => page.focusFilter?.(),
    j: () => page.move?.(1),
    k: () => page.move?.(-1),
    ArrowDown: page.move && (() => page.move(1)),
    ArrowUp: page.move && (() => page.move(-1)),
    g: () => (location.hash = "#/"),
    r: () => event.repeat || page.reload?.(), // a key held down is one wish
    "?": showHelp,
  }[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

document.getElementById("token").addEventListener("click", async () => {
  if (!token.get()) return askForToken();
  token.set("");
  toast("Actions are locked.");
  onToken();
});
// By its href it would lead to another view.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", open);
addEventListener("keydown", onKey);
addEventListener("token-lost", () => {
  toast("This token is not the emperor's. Actions are locked.", "bad");
  onToken();
});
addEventListener("token", () => {
  const action = document.activeElement?.dataset.action;
  connect();
  open();
  update();
  if (action) main.querySelector(`[data-action="${action}"]`)?.focus();
});
listen(update);
setInterval(update, 1000);
open();
connect();
