// SPDX-License-Identifier: Apache-2.0
// What one can do to an app. Each action asks for the token first where there is none, and says how it ended.
import { ApiError, post, token, vassal } from "./api.js";
import { h, toast } from "./dom.js";
import { store } from "./store.js";
import { askForToken, onToken } from "./token.js";

const actions = [
  ["reload", "Reload", "a new generation, proven before it takes over; no request is lost", ""],
  ["restart", "Restart", "stop, then start; clients wait meanwhile", ""],
  ["rollback", "Roll back", "go back to the configuration that ran before", ""],
  ["start", "Start", "", ""],
  ["stop", "Stop", "until somebody starts it again", "danger"],
];

// Before what clients feel.
const questions = {
  stop: (name) => `Stop ${name}?`,
  restart: (name) => `Restart ${name}? Its clients wait until it is back.`,
};

function confirmed(text) {
  return new Promise((done) => {
    const dialog = h(
      "dialog",
      {},
      h(
        "form",
        { method: "dialog" },
        h("h2", {}, text),
        h("div.buttons", {}, h("button.quiet", { value: "" }, "Cancel"), h("button.primary", { value: "ok" }, "Yes")),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue === "ok");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

function askForWorkers(now) {
  return new Promise((done) => {
    const input = h("input", {
      type: "number",
      id: "workers-input",
      min: 1,
      max: 1024,
      value: now,
      required: true,
      "aria-label": "Workers",
    });
    const dialog = h(
      "dialog",
      {},
      h(
        "form",
        { method: "dialog" },
        h("h2", {}, "Number of workers"),
        h("p.dim", {}, "Changed in place, until the app's file is edited. “As in the file” takes it back."),
        input,
        h(
          "div.buttons",
          {},
          h("button.quiet", { value: "", formnovalidate: true }, "Cancel"),
          h("button", { value: "file", formnovalidate: true }, "As in the file"),
          h("button.primary", { value: "ok" }, "Scale"),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      const answer = { ok: Number(input.value), file: null }[dialog.returnValue];
      dialog.remove();
      done(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

function failureText(error) {
  const failure = error.body?.result?.outcomes?.find((one) => !one.ok)?.failure;
  return failure?.detail ? `${error.message}\n${failure.detail}` : error.message;
}

// True when it was done.
export async function act(name, operation, body) {
  if (!token.get() && !(await askForToken())) return false;
  try {
    await post(`${vassal(name)}/${operation}`, body);
    toast(`${name}: ${operation} done`, "good");
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      token.set("");
      onToken(); // whoever asked with it goes on without
      if (await askForToken("This token is not the emperor's.")) return act(name, operation, body);
    } else {
      toast(`${name}: ${operation}: ${failureText(error)}`, "bad");
    }
    return false;
  }
}

export function actionBar(name, row) {
  const buttons = new Map();
  let isUnderWay = false;
  const run = async (operation, body) => {
    isUnderWay = true;
    update();
    await act(name, operation, body);
    isUnderWay = false;
    update();
  };
  for (const [operation, label, title, kind] of actions) {
    const button = h(kind ? `button.${kind}` : "button", { type: "button", title, "data-action": operation }, label);
    button.addEventListener("click", async () => {
      const question = questions[operation];
      if (question && !(await confirmed(question(name)))) return;
      run(operation);
    });
    buttons.set(operation, button);
  }
  const scale = h("button", { type: "button", title: "change the number in place", "data-action": "scale" }, "Scale…");
  scale.addEventListener("click", async () => {
    const workers = await askForWorkers(row()?.workers || 1);
    if (workers !== undefined) run("scale", { workers });
  });
  buttons.set("scale", scale);
  function update() {
    const state = row()?.state;
    for (const [operation, button] of buttons)
      button.disabled =
        isUnderWay ||
        !row() ||
        ["gone", "refused"].includes(store.link) ||
        (operation === "start" ? state === "running" : operation === "stop" && state === "stopped");
  }
  return {
    element: h("div.actions", { role: "group", "aria-label": "Actions" }, ...buttons.values()),
    update,
    // As the button, which may be disabled.
    reload: () => buttons.get("reload").disabled || run("reload"),
  };
}
