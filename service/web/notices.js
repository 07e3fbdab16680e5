/** What is said beside the page: to everybody for a while, to screen readers, and as a bar while something is wrong. */

import { h, say } from "./element.js";

const SHOWN_MS = 5000;

/** A line that goes by itself. `again`, a label and what it does, is a button in it. */
export function notify(text, again = null) {
  const list = document.getElementById("notices");
  for (const same of [...list.children]) if (same.firstChild.textContent === text) same.remove();
  const notice = h("li", {}, h("span", {}, text));
  const close = () => notice.remove();
  if (again) notice.append(h("button", { on: { click: () => (close(), again.act()) } }, again.label));
  notice.append(h("button", { class: "quiet", "aria-label": "Close", on: { click: close } }, "×"));
  list.append(notice);
  setTimeout(close, again ? 4 * SHOWN_MS : SHOWN_MS);
}

/** For screen readers only: what changed after something was done. */
export function announce(text) {
  const spoken = document.getElementById("spoken");
  say(spoken, spoken.textContent === text ? `${text} ` : text);
}

/** The bar on top while something is wrong; null: all is well again. */
export function warn(text) {
  const bar = document.getElementById("warning");
  say(bar, text ?? "");
  bar.hidden = text === null;
}
