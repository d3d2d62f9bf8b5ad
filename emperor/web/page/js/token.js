// SPDX-License-Identifier: Apache-2.0
// Asks for the bearer token. It is kept in this tab's session storage and sent as a header, never in an address.
import { h } from "./dom.js";
import { token } from "./api.js";

// Tells the page that there is another token, or none.
export const onToken = () => dispatchEvent(new Event("token"));

export function askForToken(problem = "") {
  return new Promise((done) => {
    const input = h("input", { type: "password", id: "token-input", autocomplete: "off", required: true, "aria-label": "Token" });
    const dialog = h(
      "dialog.ask",
      { "aria-labelledby": "token-title" },
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "token-title" }, "Unlock actions"),
        h("p.dim", {}, "The token is in the file that the emperor was started with: --http-token-file. It stays in this tab."),
        problem ? h("p.problem", { role: "alert" }, problem) : null,
        input,
        h(
          "div.buttons",
          {},
          h("button.quiet", { type: "button", onclick: () => dialog.close("") }, "Cancel"),
          h("button.primary", { value: "ok" }, "Unlock"),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "ok" ? input.value.trim() : "";
      dialog.remove();
      if (given) {
        token.set(given);
        onToken();
      }
      done(given);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
