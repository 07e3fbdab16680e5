/** The homepage: shelves for what somebody likes, each with its reason, made anew whenever that changes. */

import { here, linkTo } from "./address.js";
import { hueOf } from "./colour.js";
import { h, keep, say } from "./element.js";
import { failure } from "./failure.js";
import { announce } from "./notices.js";
import { opening } from "./opening.js";
import { itemNow, items, model, onChange, post } from "./service.js";
import { fillRow, row } from "./shelf.js";
import { isKnown, mute, posted, steer } from "./taste.js";
import { explainItem, explainSegment } from "./why.js";

const [SHELVES, ITEMS, MIN_ITEMS] = [8, 14, 4];
const SMALL = 50; // items: of so few even one makes a shelf
const NEAR = 3; // shelves: where all is known of their items, they wait for no others
const SHELF_PIXELS = 340; // about
const WAIT_MS = 150; // for what is known of items, before cards are shown without
const STEP = 0.5; // of a strength: half a length of the profile

/** Fills `place`; see `main.js` for what a view is. */
export function home(place, { nDims }) {
  const shelves = h("div", { class: "shelves" });
  const greeting = h("section", { class: "opening" });
  const trouble = h("div");
  place.replaceChildren(greeting, trouble, shelves);
  let asked = null;
  let greeted = false;

  onChange("version", () => (greeted = false)); // samples are of a model

  async function greet() {
    if (greeted) return;
    greeted = true;
    greeted = await opening(greeting);
  }

  async function refresh() {
    const { taste } = here();
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    greeting.hidden = isKnown(taste);
    if (!greeting.hidden) greet();
    shelves.setAttribute("aria-busy", "true");
    try {
      const { n_items } = await model();
      const fewest = n_items < SMALL ? 1 : MIN_ITEMS;
      const body = { ...posted(taste), shelves: SHELVES, items_per_shelf: ITEMS, min_items: fewest };
      const page = await post("homepage", body, signal);
      const shown = page.shelves.flatMap((shelf) => shelf.items.map((item) => item.item_id));
      const known = items(shown, signal);
      const first = page.shelves.slice(0, NEAR).flatMap((shelf) => shelf.items);
      const wait = first.every(({ item_id }) => itemNow(item_id)) ? 0 : WAIT_MS;
      const inTime = await Promise.race([known, new Promise((done) => (wait ? setTimeout(done, wait) : done()))]);
      if (!signal.aborted) await draw(page, signal);
      if (inTime === undefined && (await known) && !signal.aborted) await draw(page, signal);
      if (signal.aborted) return;
      announce(`${page.shelves.length} shelves`);
    } catch (error) {
      if (error.name !== "AbortError") trouble.replaceChildren(failure(error, refresh));
    } finally {
      if (!signal.aborted) shelves.removeAttribute("aria-busy");
    }
  }

  /** Shelves that can be seen at once, the others behind the next frame; an item keeps its card, whatever shelf it moves to. */
  async function draw(page, signal) {
    trouble.replaceChildren();
    say(document.getElementById("cache"), page.cache === "bypass" ? "The cache is out of reach; pages are made anew." : "");
    if (page.unknown_items.length) {
      const some = page.unknown_items.length === 1 ? "One item of this link is" : `${page.unknown_items.length} items of this link are`;
      trouble.append(h("p", { class: "hint" }, `${some} not in this model.`));
    }
    if (!page.shelves.length) trouble.append(h("p", { class: "hint" }, "Nothing is left to show. Remove something above, and there will be."));
    const cards = new Map([...shelves.querySelectorAll(".card")].map((one) => [one.dataset.key, one]));
    const [above, seen, later] = [Math.max(0, scrollY - shelves.offsetTop), Math.ceil(innerHeight / SHELF_PIXELS) + 1, []];
    const first = Math.floor(above / SHELF_PIXELS);
    keep(shelves, page.shelves, (shelf) => shelf.segment_id ?? shelf.kind, makeShelf, (element, shelf) => {
      const place = page.shelves.indexOf(shelf);
      if (place >= first && place < first + seen) updateShelf(element, shelf, cards);
      else later.push(() => updateShelf(element, shelf, cards));
    });
    if (!later.length) return;
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    if (!signal.aborted) for (const update of later) update();
  }

  function makeShelf(shelf) {
    const title = h("h2", { id: `shelf-${shelf.segment_id ?? shelf.kind}` });
    const list = row(shelf.label);
    const scroll = (way) => list.scrollBy({ left: way * list.clientWidth * 0.85, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    const ends = () => {
      track.classList.toggle("at-begin", list.scrollLeft < 8);
      track.classList.toggle("at-end", list.scrollLeft + list.clientWidth > list.scrollWidth - 8);
    };
    const track = h("div", { class: "track", on: { pointerenter: ends } }, list);
    list.addEventListener("scroll", ends, { passive: true });
    track.append(
      h("button", { class: "turn back", tabindex: -1, "aria-hidden": "true", on: { click: () => scroll(-1) } }, "‹"),
      h("button", { class: "turn on", tabindex: -1, "aria-hidden": "true", on: { click: () => scroll(1) } }, "›"),
    );
    return h(
      "section",
      { class: `shelf ${shelf.kind}`, "aria-labelledby": title.id, style: { "--hue": hueOf(shelf.segment_id) } },
      h("header", {}, h("div", {}, title, h("p", { class: "reason" })), tools(shelf)),
      track,
    );
  }

  /** Of a segment's shelf. What it is steered by is looked up when a button is pressed. */
  function tools({ segment_id: id, label }) {
    if (id === null) return null;
    const by = (step) => () => steer(id, Math.max(-2, Math.min(2, (here().taste.steering[id] ?? 0) + step)));
    return h(
      "div",
      { class: "tools" },
      h("button", { class: "quiet why", on: { click: () => explainSegment({ segment_id: id, label }) } }, "Why?"),
      h("button", { class: "quiet", "aria-label": `More of ${label}`, on: { click: by(STEP) } }, "More"),
      h("button", { class: "quiet", "aria-label": `Less of ${label}`, on: { click: by(-STEP) } }, "Less"),
      h("button", { class: "quiet", "aria-label": `Mute ${label}`, on: { click: () => mute(id, label) } }, "Mute"),
      h("a", { class: "quiet all", href: linkTo("segment", id), "aria-label": `See all of ${label}` }, "See all"),
    );
  }

  function updateShelf(element, shelf, cards) {
    say(element.querySelector("h2"), shelf.label);
    say(element.querySelector(".reason"), shelf.reason);
    const all = element.querySelector("a.all");
    if (all) all.href = linkTo("segment", shelf.segment_id);
    fillRow(element.querySelector(".row"), shelf.items, nDims(), { open: explainItem, cards });
  }

  return { refresh };
}
