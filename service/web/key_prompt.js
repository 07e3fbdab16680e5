/** Asks for a key where the service wants one. */

import { h } from "./element.js";

/** The key that is given, or null where none is. */
export function askForKey(refused) {
  return new Promise((done) => {
    const field = h("input", { id: "key", type: "password", required: true, autocomplete: "off", spellcheck: "false" });
    const given = (event) => {
      event.preventDefault();
      const key = field.value.trim();
      if (!/^[\x21-\x7e]+$/.test(key)) return;
      done(key);
      dialog.close();
    };
    const closed = () => (dialog.remove(), done(null));
    const dialog = h(
      "dialog",
      { class: "prompt", "aria-labelledby": "key-title", on: { close: closed } },
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
          ". It stays in this tab, until that is closed.",
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
