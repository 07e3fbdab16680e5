/** What a dim is about: the items that have most of it, on either side. */

import { linkTo } from "./address.js";
import { nameOf } from "./card.js";
import { hueOf } from "./colour.js";
import { cover } from "./cover.js";
import { h, say } from "./element.js";
import { count } from "./numbers.js";
import { get, items, onChange, path } from "./service.js";
import { explainItem } from "./why.js";

const [SHOWN, PAUSE_MS] = [5, 60];

/** A panel that `show({dim, activation})` fills; `whose` activation it is, in words. */
export function dimPanel(nDims, whose = "yours") {
  const hint = h("p", { class: "quiet" }, "Point at a dim, or go through them with the arrow keys, to see what it is about.");
  const number = h("b");
  const amount = h("span");
  const said = h("p", { class: "dim", "aria-live": "polite", hidden: true }, "Dim ", number, amount);
  const element = h("div", { class: "dim-panel" }, hint, said);
  const answers = new Map();
  let timer = 0;
  let shown = null;
  let drawn = null; // the dim, with the side that is the profile's
  onChange("version", () => (answers.clear(), (shown = drawn = null)));

  /** With `passing` where the next one may follow at once, as under a pointer on its way. */
  function show(column, { passing = false } = {}) {
    if (shown?.dim === column.dim && shown.activation === column.activation) return;
    shown = column;
    clearTimeout(timer);
    if (passing && !answers.has(column.dim)) timer = setTimeout(() => look(column), PAUSE_MS);
    else look(column);
  }

  async function look(column) {
    const { dim, activation } = column;
    const name = `${dim} ${Math.sign(activation)}`;
    if (drawn === name) return tell(column);
    try {
      if (!answers.has(dim)) answers.set(dim, await get(path(["dims", dim], { n: SHOWN })));
      const { sides } = answers.get(dim);
      const known = await items(sides.flatMap((side) => side.items.map(({ item_id }) => item_id)));
      if (shown !== column || element.querySelector(":focus-visible")) return; // who is in it stays in it
      drawn = name;
      tell(column);
      element.replaceChildren(said, ...sides.map((side) => sideOf(side, known, activation)));
    } catch {
      if (shown === column) shown = null; // the page says what is wrong; the next movement asks again
    }
  }

  function tell({ dim, activation }) {
    said.hidden = false;
    say(number, String(dim));
    say(amount, ` · ${whose} ${activation < 0 ? "−" : "+"}${Math.abs(activation).toFixed(2)}`);
  }

  function sideOf({ sign, n_items, segments, items: strongest }, known, activation) {
    return h(
      "section",
      { class: sign === Math.sign(activation) ? "side yours" : "side" },
      h("h3", {}, `${sign > 0 ? "+" : "−"} side`, h("span", { class: "quiet" }, ` ${count(n_items)} items`)),
      h("ul", { class: "dots" }, segments.slice(0, 3).map((segment) => h("li", { style: { "--hue": hueOf(segment.segment_id) } }, h("a", { class: "dot", href: linkTo("segment", segment.segment_id) }, segment.label)))),
      h(
        "ul",
        { class: "strongest" },
        strongest.map((item) => h("li", {}, h("button", { on: { click: () => explainItem(item) } }, h("span", { class: "thumb" }, cover(known.get(item.item_id), nDims())), h("span", {}, nameOf(item))))),
      ),
    );
  }

  return { element, show };
}
