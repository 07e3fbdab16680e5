/** What is shown to who has not picked anything yet: what this is, and somebody to look over the shoulder of. */

import { nameOf } from "./card.js";
import { h } from "./element.js";
import { get } from "./service.js";
import { become } from "./taste.js";

/** Fills `place` once. */
export async function opening(place) {
  place.append(
    h("h1", {}, "Pick a few things you like."),
    h("p", { class: "lead" }, "Each is a handful of signed numbers: the petals on its cover, filled where they are positive. They add up to your profile, and the page below follows it while you watch."),
  );
  const { samples } = await get("samples").catch(() => ({ samples: [] }));
  if (!samples.length) return;
  place.append(
    h("h2", { class: "small" }, "Or see it as somebody else does"),
    h("ul", { class: "samples" }, samples.map(sample)),
  );
}

function sample({ item_ids, items }) {
  const names = items.map(nameOf);
  const others = item_ids.length - names.length;
  return h(
    "li",
    {},
    h(
      "button",
      { class: "sample", on: { click: () => become(item_ids) } },
      h("span", {}, names.join(", ")),
      others > 0 && h("span", { class: "quiet" }, `and ${others} more`),
    ),
  );
}
