/** Finds items by their titles while one types, and adds what is chosen. */

import { nameOf } from "./card.js";
import { cover } from "./cover.js";
import { h } from "./element.js";
import { announce } from "./notices.js";
import { counted, percent } from "./numbers.js";
import { get, items, path } from "./service.js";

const PAUSE_MS = 60;
const [LONG_MS, LONGER_MS] = [300, 1500]; // the first search of a large catalogue sorts its words
const SHOWN = 8;

/** `choose(item)` is called with what was chosen; the box stays open for the next one. `id` is its own on the page. */
export function searchBox({ choose, nDims, id = "search", label = "Find something you like" }) {
  let found = [];
  let active = -1;
  let asked = null;
  let timer = 0;
  let [pending, entered] = [false, false]; // an answer to what is typed; Enter, before it was there
  const list = h("ul", { id: `${id}-found`, class: "found", role: "listbox", "aria-label": "Items", hidden: true });
  const input = h("input", {
    id,
    type: "search",
    role: "combobox",
    placeholder: label,
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 200,
    "aria-label": label,
    "aria-controls": `${id}-found`,
    "aria-expanded": "false",
    "aria-autocomplete": "list",
  });

  const show = (items_, words = "") => {
    found = items_;
    list.replaceChildren(...found.map(option));
    if (!found.length && words) list.append(h("li", { class: "nothing", role: "option", "aria-disabled": "true" }, "Nothing has this in its title"));
    list.hidden = !list.children.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    point(found.length ? 0 : -1);
  };
  const wait = (words) => {
    list.replaceChildren(h("li", { class: "nothing", role: "option", "aria-disabled": "true" }, words));
    list.hidden = false;
  };
  const option = (item, place) =>
    h(
      "li",
      { id: `${id}-${place}`, role: "option", "aria-selected": "false", on: { pointerdown: (event) => (event.preventDefault(), take(place)) } },
      h("span", { class: "thumb" }, cover(item, nDims())),
      h("span", {}, nameOf(item)),
      h("span", { class: "quiet" }, item.popularity ? `${percent(item.popularity)} of users` : ""),
    );
  const point = (place) => {
    active = place;
    [...list.children].forEach((element, at) => element.setAttribute("aria-selected", String(at === place)));
    if (place >= 0) {
      input.setAttribute("aria-activedescendant", `${id}-${place}`);
      list.children[place].scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  };
  const take = (place) => {
    if (!found[place]) return;
    choose(found[place]);
    input.value = "";
    close();
  };
  const close = () => {
    asked?.abort();
    clearTimeout(timer);
    [pending, entered] = [false, false];
    show([]);
  };
  const look = async () => {
    asked?.abort();
    const words = input.value.trim();
    if (!words) return close();
    asked = new AbortController();
    const { signal } = asked;
    const waits = [
      setTimeout(() => !signal.aborted && !found.length && wait("Looking …"), LONG_MS),
      setTimeout(() => !signal.aborted && !found.length && wait("Looking … The first search of a large catalogue takes a few seconds."), LONGER_MS),
    ];
    try {
      const answer = await get(path(["items"], { q: words, n: SHOWN }), signal);
      const known = await items(answer.items.map((item) => item.item_id), signal);
      if (signal.aborted) return;
      show(answer.items.map((item) => known.get(item.item_id) ?? item), words);
      announce(counted(answer.n_matching, "item"));
      const takeFirst = entered;
      [pending, entered] = [false, false];
      if (takeFirst) take(0);
    } catch (error) {
      if (error.name !== "AbortError") close();
    } finally {
      waits.forEach(clearTimeout);
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    pending = true;
    timer = setTimeout(look, PAUSE_MS);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && pending) entered = true;
    else if (event.key === "Enter" && active >= 0) take(active);
    else if (event.key === "Escape") (input.value = ""), close();
    else if (event.key === "ArrowDown" && found.length) (pending = false), point((active + 1) % found.length);
    else if (event.key === "ArrowUp" && found.length) (pending = false), point((active - 1 + found.length) % found.length);
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", close);
  input.addEventListener("focus", look);
  return h("div", { class: "search" }, input, list);
}
