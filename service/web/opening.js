/** What is shown to who has not picked anything yet: what this is, and somebody to look over the shoulder of. */

import { nameOf } from "./card.js";
import { h } from "./element.js";
import { get } from "./service.js";
import { become } from "./taste.js";

/** Fills `place`. False where the samples could not be had: then it may be asked again. */
export async function opening(place) {
  place.replaceChildren(
    h("h1", {}, "Pick a few things you like."),
    h("p", { class: "lead" }, "Each is a few signed numbers: the petals on its cover, filled where positive. They add up to your profile, and the page below follows it."),
  );
  const answer = await get("samples").catch(() => null);
  const samples = answer?.samples ?? [];
  if (!samples.length) return answer !== null;
  place.append(
    h("h2", { class: "small" }, "Or see it as somebody else does"),
    h("ul", { class: "samples" }, samples.map(sample)),
  );
  return true;
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
