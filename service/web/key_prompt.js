/** Asks for a key where the service wants one. */

import { h } from "./element.js";

/** The key that is given; it is kept until the tab is closed and sent nowhere else. */
export function askForKey(refused) {
  return new Promise((done) => {
    const field = h("input", { id: "key", type: "password", required: true, autocomplete: "off", spellcheck: "false" });
    const given = (event) => {
      event.preventDefault();
      const key = field.value.trim();
      if (!/^[\x21-\x7e]+$/.test(key)) return;
      dialog.close();
      dialog.remove();
      done(key);
    };
    const dialog = h(
      "dialog",
      { class: "prompt", "aria-labelledby": "key-title", on: { cancel: (event) => event.preventDefault() } },
      h(
        "form",
        { on: { submit: given } },
        h("h2", { id: "key-title" }, "This service asks for a key"),
        h(
          "p",
          {},
          refused ? "The key that was given is not valid, or not any more. " : "",
          "Whoever runs it makes one with ",
          h("code", {}, "python -m service keys add NAME"),
          ". It stays in this tab.",
        ),
        h("label", { for: "key" }, "Key"),
        field,
        h("button", { class: "strong" }, "Go on"),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
    field.focus();
  });
}
