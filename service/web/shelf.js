/** A row of cards that scrolls sideways. One card of it is a stop for the Tab key; arrows lead to the others. */

import { card, fill } from "./card.js";
import { focusSoon, h, keep, set } from "./element.js";
import { itemNow } from "./service.js";

/** `label` names the row for screen readers; `kind` is how it looks: a row, or a grid. */
export function row(label, kind = "row") {
  const list = h("ul", { class: kind, "aria-label": label });
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

/**
 * Shows these items, in their order; `how` as of `card`, with `cards` of the same kind by item_id that may be taken over.
 * Of a row that was not scrolled only the first `most` are brought up to date; what is there behind them stays until it is called again.
 */
export function fillRow(list, entries, nDims, { cards, most = Infinity, ...how }) {
  const focused = document.activeElement;
  const isScrolled = !list.parentElement?.classList.contains("at-begin");
  keep(
    list,
    isScrolled || entries.length <= most ? entries : begun(list, entries.slice(0, most)),
    (entry) => entry.item_id,
    (entry) => cards?.get(entry.item_id) ?? card(entry, how),
    (element, entry) => fill(element, itemNow(entry.item_id), nDims),
  );
  if (document.activeElement !== focused && list.contains(focused)) focusSoon(focused); // in a card taken over
  const [stop = list.firstElementChild, ...surplus] = [...list.children].filter((one) => one.firstElementChild.tabIndex === 0);
  if (stop) setStop(stop, true);
  for (const other of surplus) setStop(other, false);
}

function begun(list, first) {
  const ids = new Set(first.map(({ item_id }) => item_id));
  const others = [...list.children].slice(first.length).map((one) => ({ item_id: one.dataset.key }));
  return [...first, ...others.filter(({ item_id }) => !ids.has(item_id))];
}

function stopAt(list, stop) {
  for (const one of list.children) if (one === stop || one.firstElementChild.tabIndex === 0) setStop(one, one === stop);
}

function setStop(card, stop) {
  for (const button of card.querySelectorAll("button")) set(button, "tabindex", stop ? "0" : "-1");
}
