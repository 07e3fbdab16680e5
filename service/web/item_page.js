/** One item: all that is known of it, its code, and what is like it. */

import { here, linkTo } from "./address.js";
import { nameOf } from "./card.js";
import { hueOf } from "./colour.js";
import { cover } from "./cover.js";
import { dimPanel } from "./dim_panel.js";
import { h, renew } from "./element.js";
import { failure } from "./failure.js";
import { count, percent } from "./numbers.js";
import { get, items, path } from "./service.js";
import { fillRow, row } from "./shelf.js";
import { dislike, forget, isKnown, like } from "./taste.js";
import { explainItem } from "./why.js";

const ALIKE = 14;

/** Fills `place`; see `main.js` for what a view is. */
export function itemPage(place, { nDims }) {
  const panel = dimPanel(nDims, "its weight");
  let asked = null;

  async function refresh() {
    const { about: id } = here();
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    try {
      const item = id === null ? undefined : (await items([id], signal)).get(id);
      if (!item) {
        place.replaceChildren(h("header", { class: "opening" }, h("h1", {}, "There is no such item"), h("p", { class: "lead" }, "The model that answers now does not hold it. ", h("a", { href: linkTo("home") }, "Home"))));
        return;
      }
      const alike = await get(path(["items", id, "similar"], { n: ALIKE }), signal);
      await items(alike.items.map(({ item_id }) => item_id), signal);
      if (!signal.aborted) draw(item, alike);
    } catch (error) {
      if (error.name !== "AbortError") place.replaceChildren(failure(error, refresh));
    }
  }

  function draw(item, alike) {
    const list = row("Items like it");
    fillRow(list, alike.items, nDims(), { open: explainItem });
    if (!place.hidden) document.title = `${nameOf(item)} · sparseshelf`;
    if (item.dims.length) panel.show(largest(item.dims));
    renew(
      place,
      h(
        "header",
        { class: "opening subject large" },
        h("span", { class: "frame" }, cover(item, nDims())),
        h("div", {}, h("h1", {}, nameOf(item)), facts(item), tools(item)),
      ),
      item.coded
        ? h("section", { "aria-labelledby": "its-code" }, h("h2", { id: "its-code" }, "Its code"), h("p", { class: "reason" }, `${item.dims.length} of ${count(nDims())} dims; everything else is zero. Point at one to see what it is about.`), codeOf(item, panel), panel.element)
        : h("p", { class: "hint" }, "It has no code: it was not trained, and comes back by popularity only."),
      alike.items.length > 0 && h("section", { "aria-labelledby": "items-like-it" }, h("h2", { id: "items-like-it" }, "Items like it"), list),
    );
  }

  return { refresh };
}

function facts(item) {
  const rows = [
    ["Id", item.item_id],
    ["Popularity", `${percent(item.popularity)} of users have it`],
    ...Object.entries(item.attributes)
      .filter(([, value]) => value !== null && String(value) !== "")
      .map(([name, value]) => [sentenceCase(name), Array.isArray(value) ? value.join(", ") : typeof value === "string" && /^https?:\/\//.test(value) ? h("a", { href: value, rel: "noreferrer", target: "_blank" }, value) : String(value)]),
    item.segment && ["Segment", named(item.segment)],
    item.guest_of.length > 0 && ["Guest of", item.guest_of.map((one, place) => [place ? ", " : "", named(one)])],
  ].filter(Boolean);
  return h("dl", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** `language_code` as "Language code". */
const sentenceCase = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

const named = ({ segment_id, label }) => h("a", { class: "dot", href: linkTo("segment", segment_id), style: { "--hue": hueOf(segment_id) } }, label);

function tools(item) {
  const { likes, dislikes } = here().taste;
  const [id, name] = [item.item_id, nameOf(item)];
  const own = likes.includes(id) || dislikes.includes(id);
  return h(
    "p",
    { class: "tools spaced" },
    own
      ? h("button", { on: { click: () => forget(id, name) } }, "Take it out again")
      : [h("button", { on: { click: () => like(id, name) } }, "I like it"), h("button", { on: { click: () => dislike(id, name) } }, "Less like this")],
    !own && isKnown(here().taste) && h("button", { on: { click: () => explainItem(item) } }, "Why?"),
  );
}

/** The non-zero of the largest weight, as a panel of a dim takes it. */
function largest(dims) {
  const { dim, weight } = dims.reduce((best, one) => (Math.abs(one.weight) > Math.abs(best.weight) ? one : best));
  return { dim, activation: weight };
}

/** Its non-zeros as bars, the largest first. */
function codeOf({ dims }, panel) {
  const sorted = dims.toSorted((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
  const most = Math.abs(sorted[0].weight);
  return h(
    "ul",
    { class: "code" },
    sorted.map(({ dim, weight }) =>
      h(
        "li",
        {},
        h(
          "button",
          { "aria-label": `Dim ${dim}, weight ${weight.toFixed(2)}`, on: { pointerenter: () => panel.show({ dim, activation: weight }, { passing: true }), focus: () => panel.show({ dim, activation: weight }, { passing: true }) } },
          h("span", { class: weight < 0 ? "minus" : "plus", style: { "--share": `${(100 * Math.abs(weight)) / most}%` } }),
          h("b", {}, `${weight < 0 ? "−" : "+"}${dim}`),
        ),
      ),
    ),
  );
}
