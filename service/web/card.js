/** An item as a card: its cover, its title, what is known of it, and what one can do with it. */

import { cover } from "./cover.js";
import { h, say } from "./element.js";
import { dislike, like } from "./taste.js";

const MOST_VALUES = 2;

/** `on.open(item)` is called where somebody wants to know more. Without actions it only opens. */
export function card(entry, { open, actions = true }) {
  const { item_id } = entry;
  const name = nameOf(entry);
  return h(
    "li",
    { class: "card" },
    h("button", { class: "open", tabindex: -1, on: { click: () => open(entry) } }, h("span", { class: "frame" }), h("span", { class: "title" }, name)),
    h("span", { class: "about" }),
    actions &&
      h(
        "span",
        { class: "actions" },
        h("button", { class: "round", tabindex: -1, title: "I like it", "aria-label": `I like ${name}`, on: { click: () => like(item_id, name) } }, "+"),
        h("button", { class: "round", tabindex: -1, title: "Less like this", "aria-label": `Less like ${name}`, on: { click: () => dislike(item_id, name) } }, "−"),
      ),
  );
}

/** Draws a card anew where more is known of its item than when it was drawn last. */
export function fill(element, item, nDims) {
  const state = item ? "known" : "unknown";
  if (element.dataset.drawn === state) return;
  element.dataset.drawn = state;
  element.querySelector(".frame").replaceChildren(cover(item, nDims));
  say(element.querySelector(".about"), item ? aboutOf(item) : "");
}

export const nameOf = ({ title, item_id }) => title ?? item_id;

/** What is known of an item in a line: its categories and lists, and numbers that its title does not say already. */
export function aboutOf(item) {
  const name = nameOf(item);
  const words = [];
  for (const value of Object.values(item.attributes)) {
    if (Array.isArray(value) && value.length) words.push(value.slice(0, 3).join(", "));
    else if (typeof value === "number" && !name.includes(String(value))) words.push(String(value));
    else if (typeof value === "string" && !URL.canParse(value)) words.push(value);
  }
  return words.slice(0, MOST_VALUES).join(" · ");
}
