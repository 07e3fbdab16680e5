/** All segments: how many items each has, how much these have in common; and a way to any item. */

import { go, here, linkTo } from "./address.js";
import { hueOf } from "./colour.js";
import { h, keep, say } from "./element.js";
import { failure } from "./failure.js";
import { count, counted } from "./numbers.js";
import { scatter } from "./scatter.js";
import { searchBox } from "./search_box.js";
import { get, onChange, path } from "./service.js";

const [MOST, SHOWN, PAUSE_MS] = [2000, 60, 80];
const ORDERS = {
  size: ["largest first", (a, b) => b.size - a.size],
  coherence: ["most coherent first", (a, b) => (b.coherence ?? -1) - (a.coherence ?? -1)],
  label: ["by name", (a, b) => a.label.localeCompare(b.label)],
};

/** Fills `place`; see `main.js` for what a view is. */
export function explore(place, { nDims }) {
  const summary = h("p", { class: "lead" });
  const field = h("input", { id: "segment-search", class: "field", type: "search", placeholder: "Find a segment", "aria-label": "Find a segment", autocomplete: "off", maxlength: 200 });
  const order = h("select", { id: "segment-order", "aria-label": "Order" }, Object.entries(ORDERS).map(([value, [words]]) => h("option", { value }, words)));
  const lookUp = searchBox({ id: "item-search", nDims, label: "Look up an item", choose: ({ item_id }) => go({ view: "item", about: item_id, query: "" }) });
  const plot = h("div", { class: "plot" });
  const list = h("ul", { class: "segments" });
  const heads = h("p", { class: "heads", "aria-hidden": "true" }, h("span", {}, "segment"), h("span", {}), h("span", { class: "number" }, "items"), h("span", { class: "number" }, "coherence"));
  const more = h("button", {}, "Show more");
  const trouble = h("div");
  place.replaceChildren(
    h("header", { class: "opening" }, h("h1", {}, "Segments"), summary),
    h("div", { class: "finders" }, field, order, lookUp),
    trouble,
    h("div", { class: "two" }, h("section", { "aria-label": "List of segments" }, heads, list, more), h("figure", {}, plot, h("figcaption", { class: "quiet" }, "Each dot is a segment: the further right, the more items; the higher, the more alike they are. Coherence is the mean cosine of two of them."))),
  );
  let answer = null;
  let asked = null;
  let shown = SHOWN;
  let timer = 0;

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => ((shown = SHOWN), go({ query: field.value.trim() }, { replace: true })), PAUSE_MS);
  });
  order.addEventListener("change", draw);
  more.addEventListener("click", () => ((shown += 4 * SHOWN), draw()));
  onChange("version", () => (answer = null));

  async function refresh() {
    const { query } = here();
    if (document.activeElement !== field) field.value = query;
    asked?.abort();
    if (answer?.query === query) return draw();
    asked = new AbortController();
    try {
      const found = await get(path(["segments"], { n: MOST, ...(query ? { q: query } : {}) }), asked.signal);
      answer = { ...found, query };
      trouble.replaceChildren();
      draw();
    } catch (error) {
      if (error.name !== "AbortError") trouble.replaceChildren(failure(error, refresh));
    }
  }

  function draw() {
    if (!answer) return;
    const { segments, n_matching: n, query } = answer;
    const words = counted(n, "segment");
    const part = n > segments.length ? ` These are the ${count(segments.length)} largest; the search finds the others.` : "";
    say(summary, (query ? `${words} with “${query}”.` : `${words}, found in what the same people like. Nobody made them by hand.`) + part);
    const sorted = segments.toSorted(ORDERS[order.value][1]);
    const largest = Math.max(...segments.map(({ size }) => size), 1);
    const entries = sorted.slice(0, shown).map((segment) => ({ ...segment, share: segment.size / largest }));
    keep(list, entries, (segment) => segment.segment_id, line, update);
    heads.hidden = !sorted.length;
    more.hidden = sorted.length <= shown;
    plot.replaceChildren(scatter(segments));
  }

  return { refresh };
}

function line({ segment_id: id, label, size, coherence, share }) {
  return h(
    "li",
    { style: { "--hue": hueOf(id) } },
    h("a", { class: "dot" }, label),
    h("span", { class: "meter", title: `${count(size)} items` }, h("span", { style: { "--share": `${100 * share}%` } })),
    h("span", { class: "number" }, count(size)),
    h("span", { class: "number quiet", title: "mean cosine of two of its items" }, coherence === null ? "–" : coherence.toFixed(2)),
  );
}

function update(element, { segment_id: id, share }) {
  element.querySelector("a").href = linkTo("segment", id);
  element.querySelector(".meter span").style.setProperty("--share", `${100 * share}%`);
}
