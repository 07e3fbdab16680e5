/** A row of cards that scrolls sideways. One card of it is a stop for the Tab key; arrows lead to the others. */

import { card, fill } from "./card.js";
import { h, keep } from "./element.js";
import { itemNow } from "./service.js";

/** `label` names the row for screen readers. */
export function row(label) {
  const list = h("ul", { class: "row", "aria-label": label });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const cards = [...list.children];
    const at = cards.findIndex((one) => one.contains(document.activeElement));
    const to = event.key === "Home" ? 0 : event.key === "End" ? cards.length - 1 : at + step;
    if (at < 0 || Number.isNaN(to) || !cards[to]) return;
    event.preventDefault();
    stopAt(list, cards[to]);
    cards[to].querySelector("button").focus();
    cards[to].scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  list.addEventListener("focusin", (event) => stopAt(list, event.target.closest(".card")));
  return list;
}

/** Shows these items, in their order; `how` as of `card`. */
export function fillRow(list, entries, nDims, how) {
  keep(
    list,
    entries,
    (entry) => entry.item_id,
    (entry) => card(entry, how),
    (element, entry) => fill(element, itemNow(entry.item_id), nDims),
  );
  const stop = list.querySelector('.open[tabindex="0"]')?.closest(".card") ?? list.firstElementChild;
  if (stop) stopAt(list, stop);
}

function stopAt(list, stop) {
  for (const one of list.children) for (const button of one.querySelectorAll("button")) button.tabIndex = one === stop ? 0 : -1;
}
