/** What merged with what: groups of one signed dim each on the right, a bracket where two became one, at its cosine. */

import { nameOf } from "./card.js";
import { h } from "./element.js";
import { count, counted } from "./numbers.js";

const [ROW, WIDTH, EDGE] = [38, 190, 6];

/** The picture of an answer of `/segments/{id}/tree`. */
export function dendrogram({ groups, merges }) {
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
  const words = merges.length ? `${groups.length} groups became one, the last at a cosine of ${merges[merges.length - 1].cosine.toFixed(2)}` : "One group, a signed dim by itself";
  return h(
    "div",
    { class: "tree" },
    h("p", { class: "quiet" }, words, "; the further left two meet, the less they are alike."),
    h(
      "div",
      { class: "branches" },
      h("svg", { viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height, "aria-hidden": "true" }, lines, merges.length > 0 && h("path", { d: `M${end.x} ${end.y}H0` })),
      h(
        "ol",
        {},
        order.map((node) => {
          const { dim, sign, n_items, items } = group.get(node);
          return h("li", {}, h("b", {}, `${sign > 0 ? "+" : "−"}${dim}`), h("span", {}, items.map(nameOf).join(", ")), h("span", { class: "quiet number" }, count(n_items)));
        }),
      ),
    ),
  );
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
