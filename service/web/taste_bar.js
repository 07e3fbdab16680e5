/** Above every page: the search box, what is liked, what is steered and muted, and what one can do with all of it. */

import { here, linkTo } from "./address.js";
import { nameOf } from "./card.js";
import { hueOf } from "./colour.js";
import { h, keep, say, set } from "./element.js";
import { notify } from "./notices.js";
import { searchBox } from "./search_box.js";
import { itemNow, items, segment, segmentNow } from "./service.js";
import { forget, isKnown, like, startOver, steer, unmute } from "./taste.js";

const SHOWN = 12; // chips, before the rest is a number

/** Fills `place`; `nDims()` says how many dims the model has. Returns what brings it up to date. */
export function tasteBar(place, nDims) {
  const chips = h("ul", { class: "chips", "aria-label": "What you like" });
  let whole = false;
  const copy = h("button", { class: "quiet", on: { click: copyAddress } }, "Copy link");
  const clear = h("button", { class: "quiet", on: { click: startOver } }, "Start over");
  const picked = h("div", { class: "picked" }, chips, h("span", { class: "tools" }, copy, clear));
  place.replaceChildren(
    searchBox({ nDims, choose: (item) => like(item.item_id, nameOf(item)) }),
    picked,
  );

  const rest = () => h("li", { class: "chip rest" }, h("button", { "aria-expanded": "false", on: { click: () => ((whole = !whole), refresh()) } }, h("span", { class: "said" }, h("em"), h("span"))));

  return refresh;

  async function refresh() {
    const { taste } = here();
    const draw = () => {
      const now = here().taste;
      const focused = picked.contains(document.activeElement);
      keep(chips, entriesOf(now, whole), (entry) => entry.key, (entry) => (entry.kind === "rest" ? rest() : chip(entry)), relabel);
      picked.hidden = !isKnown(now) && !now.muted.length;
      if (focused && picked.hidden) place.querySelector("input").focus();
    };
    draw();
    const shown = [...taste.likes, ...taste.dislikes];
    if (shown.some((id) => !itemNow(id))) await items(shown);
    await Promise.all([...Object.keys(taste.steering), ...taste.muted].map((id) => segment(id)));
    draw();
  }
}

/** Everything that a taste is made of, as chips: the latest first. */
function entriesOf({ likes, dislikes, steering, muted }, whole) {
  const all = [
    ...likes.map((id) => ({ key: `+${id}`, kind: "like", id, name: itemName(id) })),
    ...dislikes.map((id) => ({ key: `-${id}`, kind: "dislike", id, name: itemName(id) })),
  ].reverse();
  const rest = all.length > SHOWN + 1 ? all.length - SHOWN : 0;
  return [
    ...Object.entries(steering).map(([id, strength]) => ({ key: `s${id}`, kind: "steer", id, strength, name: segmentName(id) })),
    ...muted.map((id) => ({ key: `m${id}`, kind: "mute", id, name: segmentName(id) })),
    ...(rest && !whole ? all.slice(0, SHOWN) : all),
    ...(rest ? [{ key: "…", kind: "rest", whole, name: whole ? "show fewer" : `and ${rest} more` }] : []),
  ];
}

const itemName = (id) => (itemNow(id) ? nameOf(itemNow(id)) : id);
const segmentName = (id) => segmentNow(id)?.label ?? id;

const WORDS = { dislike: "less like", mute: "without" };
const UNDO = {
  like: ({ id }) => forget(id, itemName(id)),
  dislike: ({ id }) => forget(id, itemName(id)),
  steer: (entry) => steer(entry.id, 0),
  mute: ({ id }) => unmute(id, segmentName(id)),
};

function chip(entry) {
  const undo = UNDO[entry.kind];
  const hue = entry.kind === "steer" || entry.kind === "mute" ? { "--hue": hueOf(entry.id) } : {};
  return h(
    "li",
    { class: `chip ${entry.kind}`, style: hue },
    h("span", { class: "said" }, h("em"), h("span")),
    h("button", { class: "remove", on: { click: () => undo(entry) } }, "×"),
  );
}

function relabel(element, entry) {
  const word = entry.kind === "steer" ? (entry.strength > 0 ? "more" : "less") : (WORDS[entry.kind] ?? "");
  const [em, name] = element.querySelector(".said").children;
  const button = element.querySelector("button");
  say(em, word && `${word} `);
  say(name, entry.name);
  if (entry.kind === "rest") set(button, "aria-expanded", String(entry.whole));
  else set(button, "aria-label", `Remove ${entry.name}`);
}

async function copyAddress() {
  const address = new URL(linkTo(here().view, here().about, here().query), location.href).href;
  try {
    await navigator.clipboard.writeText(address);
    notify("The link is copied. Who opens it sees this page.");
  } catch {
    notify("The browser does not let the page copy; the address of this page is the link.");
  }
}
