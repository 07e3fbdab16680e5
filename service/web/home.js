/** The homepage: shelves for what somebody likes, each with its reason, made anew whenever that changes. */

import { here, linkTo } from "./address.js";
import { hueOf } from "./colour.js";
import { h, keep, painted, say, set } from "./element.js";
import { failure } from "./failure.js";
import { announce } from "./notices.js";
import { opening } from "./opening.js";
import { itemNow, items, onChange, post } from "./service.js";
import { fillRow, row } from "./shelf.js";
import { isKnown, mute, posted, steer } from "./taste.js";
import { explainItem, explainSegment } from "./why.js";

const [SHELVES, ITEMS, MIN_ITEMS] = [8, 14, 4];
const SMALL = 50; // items: of so few even one makes a shelf
const [SHELF_PIXELS, MARGIN_PIXELS] = [360, 60]; // about
const cardPixels = () => 10 + Math.max(124, Math.min(0.15 * innerWidth, 164)); // see .row in style/shelves.css
const WAIT_MS = 150; // for what is known of items that can be seen, before their cards are shown without
const STEP = 0.5; // of a strength: half a length of the profile

const keyOf = (shelf) => shelf.segment_id ?? shelf.kind;

function sides(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return { top, bottom };
}

/** Fills `place`; see `main.js` for what a view is. */
export function home(place, { nDims, nItems }) {
  const shelves = h("div", { class: "shelves" });
  const greeting = h("section", { class: "opening" });
  const heading = h("h1", { class: "unseen", hidden: true }, "What suits you");
  const trouble = h("div");
  place.replaceChildren(greeting, heading, trouble, shelves);
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
    const known = isKnown(taste);
    if (greeting.hidden !== known) [greeting.hidden, heading.hidden] = [known, !known];
    if (!known) greet();
    shelves.setAttribute("aria-busy", "true");
    try {
      const fewest = nItems() < SMALL ? 1 : MIN_ITEMS;
      const body = { ...posted(taste), shelves: SHELVES, items_per_shelf: ITEMS, min_items: fewest };
      const page = await post("homepage", body, signal);
      const asking = items(page.shelves.flatMap((shelf) => shelf.items.map((item) => item.item_id)), signal);
      asking.catch(() => {}); // where this is not awaited any more
      const { inWindow, hold } = placesOf(page.shelves);
      const near = page.shelves.filter(inWindow);
      const isDrawable = near.every((shelf) => shelf.items.every(({ item_id }) => itemNow(item_id)));
      if (!isDrawable) await Promise.race([asking, new Promise((done) => setTimeout(done, WAIT_MS))]);
      if (signal.aborted) return;
      draw(page, near);
      hold();
      await Promise.all([asking, painted()]);
      if (signal.aborted) return;
      draw(page, page.shelves);
      announce(`${page.shelves.length} shelves`);
    } catch (error) {
      if (error.name !== "AbortError") trouble.replaceChildren(failure(error, refresh));
    } finally {
      if (!signal.aborted) shelves.removeAttribute("aria-busy");
    }
  }

  /**
   * Which of these shelves can be seen once they are drawn, or as soon as one scrolls a little, and how to hold them there:
   * what somebody looks at stays where it is, whatever place on the page it gets.
   */
  function placesOf(wanted) {
    const there = [...shelves.children].map((element) => ({ element, key: element.dataset.key, ...sides(element) }));
    const shown = there.filter(({ top, bottom }) => bottom > 0 && top < innerHeight);
    const focused = shown.filter(({ element }) => element.contains(document.activeElement));
    const placeOf = (key) => wanted.findIndex((shelf) => keyOf(shelf) === key);
    const held = scrollY > 0 ? [...focused, ...shown].find(({ key }) => placeOf(key) >= 0) : undefined;
    const heights = new Map(there.map(({ key, top, bottom }, place) => [key, (there[place + 1]?.top ?? bottom) - top]));
    const bounds = [sides(shelves).top];
    for (const shelf of wanted) bounds.push(bounds.at(-1) + (heights.get(keyOf(shelf)) ?? SHELF_PIXELS));
    const shift = held ? held.top - bounds[placeOf(held.key)] : 0;
    const inWindow = (_, place) => bounds[place] + shift < innerHeight + MARGIN_PIXELS && bounds[place + 1] + shift > -MARGIN_PIXELS;
    const hold = () => {
      const moved = held ? sides(held.element).top - held.top : 0;
      if (moved) scrollBy({ top: moved, behavior: "instant" });
    };
    return { inWindow, hold };
  }

  /** The page's shelves in their order, with what is in those that are `due`, as far as it can be seen where these are not all; an item keeps its card, whatever shelf it moves to. */
  function draw(page, due) {
    trouble.replaceChildren();
    say(document.getElementById("cache"), page.cache === "bypass" ? "The cache is out of reach; pages are made anew." : "");
    if (page.unknown_items.length) {
      const some = page.unknown_items.length === 1 ? "One item of this link is" : `${page.unknown_items.length} items of this link are`;
      trouble.append(h("p", { class: "hint" }, `${some} not in this model.`));
    }
    if (!page.shelves.length) trouble.append(h("p", { class: "hint" }, "Nothing is left to show. Remove something above, and there will be."));
    const cards = new Map([...shelves.querySelectorAll(".card")].map((one) => [one.dataset.key, one]));
    keep(shelves, page.shelves, keyOf, makeShelf, (element, shelf) => {
      if (due.includes(shelf)) updateShelf(element, shelf, { cards, most: due === page.shelves ? Infinity : Math.ceil(innerWidth / cardPixels()) });
    });
  }

  function makeShelf(shelf) {
    const title = h("h2", { id: `shelf-${keyOf(shelf)}` });
    const list = row(shelf.label);
    const scroll = (way) => { // to the begin of a card; CSS's snap points would follow theirs wherever it moves
      const [first, second = first] = list.children;
      const pitch = second.offsetLeft - first.offsetLeft || 1;
      const left = Math.round((list.scrollLeft + way * list.clientWidth * 0.85) / pitch) * pitch;
      list.scrollTo({ left, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    };
    const ends = () => {
      const [begin, end] = [list.scrollLeft < 8, list.scrollLeft + list.clientWidth > list.scrollWidth - 8];
      set(track, "class", `track${begin ? " at-begin" : ""}${end ? " at-end" : ""}`);
    };
    const track = h("div", { class: "track at-begin", on: { pointerenter: ends } }, list);
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

  /** With `most` of its cards, where the others follow. */
  function updateShelf(element, shelf, how) {
    say(element.querySelector("h2"), shelf.label);
    say(element.querySelector(".reason"), shelf.reason);
    const all = element.querySelector("a.all");
    if (all) set(all, "href", linkTo("segment", shelf.segment_id));
    fillRow(element.querySelector(".row"), shelf.items, nDims(), { open: explainItem, ...how });
  }

  return { refresh };
}
