/** What merged with what: groups of one signed dim each on the right, a bracket where two became one, at its cosine. */

import { nameOf } from "./card.js";
import { h } from "./element.js";
import { count, counted } from "./numbers.js";

const [ROW, WIDTH, EDGE] = [38, 190, 6];
const MOST = 24; // rows, before what merged first is shown as one

/** The picture of an answer of `/segments/{id}/tree`. Of many groups only the last merges are drawn, until all are asked for. */
export function dendrogram(answer) {
  const { groups } = answer;
  const element = h("div", { class: "tree" });
  const draw = (drawn) => element.replaceChildren(...pictureOf(drawn, answer));
  if (groups.length <= MOST) draw(answer);
  else {
    draw(lastMerges(answer));
    const all = h("button", { on: { click: () => (draw(answer), element.querySelector("ol").focus()) } }, `Show all ${count(groups.length)} groups`);
    element.append(all);
  }
  return element;
}

/** The tree above what `MOST` groups were left of; each of these stands for all below it. */
function lastMerges({ groups, merges }) {
  const known = new Map(groups.map((group) => [group.node, { ...group, many: 1 }]));
  const early = merges.slice(0, merges.length + 1 - MOST);
  for (const { node, first, second, n_items } of early) {
    const [a, b] = [known.get(first), known.get(second)];
    const items = [...a.items, ...b.items].toSorted((one, other) => other.popularity - one.popularity).slice(0, 3);
    known.set(node, { node, many: a.many + b.many, n_items, items });
    known.delete(first);
    known.delete(second);
  }
  return { groups: [...known.values()], merges: merges.slice(early.length) };
}

function pictureOf({ groups, merges }, whole) {
  const parts = new Map(merges.map((merge) => [merge.node, merge]));
  const root = merges.length ? merges[merges.length - 1].node : groups[0].node;
  const order = leavesOf(root, parts);
  const group = new Map(groups.map((one) => [one.node, one]));
  const least = Math.min(...merges.map(({ cosine }) => cosine), 1);
  const x = (cosine) => EDGE + ((cosine - least) / (1 - least || 1)) * (WIDTH - 2 * EDGE);
  const at = new Map(order.map((node, place) => [node, { x: WIDTH, y: (place + 0.5) * ROW }]));
  const lines = merges.map(({ node, first, second, cosine, n_items }) => {
    const [a, b] = [at.get(first), at.get(second)];
    const bracket = Math.min(x(cosine), a.x, b.x);
    at.set(node, { x: bracket, y: (a.y + b.y) / 2 });
    return h("path", { d: `M${a.x} ${a.y}H${bracket}V${b.y}H${b.x}` }, h("title", {}, `${counted(n_items, "item")}, cosine ${cosine.toFixed(2)}`));
  });
  const end = at.get(root);
  const height = ROW * order.length;
  const words = merges.length ? `${counted(whole.groups.length, "group")} of a signed dim each became one; the further left two meet, the less they are alike.` : "One group: all that have this signed dim.";
  return [
    h("p", { class: "quiet" }, words),
    h(
      "div",
      { class: "branches" },
      h("svg", { viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height, "aria-hidden": "true", preserveAspectRatio: "none" }, lines, merges.length > 0 && h("path", { d: `M${end.x} ${end.y}H0` })),
      h(
        "ol",
        { tabindex: -1 },
        order.map((node) => {
          const { dim, sign, n_items, items, many } = group.get(node);
          return h("li", {}, h("b", {}, many > 1 ? `${many} groups` : `${sign > 0 ? "+" : "−"}${dim}`), h("span", {}, items.map(nameOf).join(", ")), h("span", { class: "quiet number" }, count(n_items)));
        }),
      ),
    ),
  ];
}

/** The groups below a node, from top to bottom, without recursion: a chain of merges may be long. */
function leavesOf(root, parts) {
  const waiting = [root];
  const found = [];
  while (waiting.length) {
    const node = waiting.pop();
    const merge = parts.get(node);
    if (merge) waiting.push(merge.second, merge.first);
    else found.push(node);
  }
  return found;
}
