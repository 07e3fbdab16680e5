/** Bars that lie, with a name and a number each; and a histogram. */

import { h } from "./element.js";
import { count } from "./numbers.js";

/** `entries` have a label, a value of 0 or more, the text of it, and whether it is `own`. */
export function bars(entries) {
  const most = Math.max(...entries.map(({ value }) => value), 1e-12);
  return h(
    "table",
    { class: "bars" },
    h(
      "tbody",
      {},
      entries.map(({ label, value, text, own }) =>
        h("tr", { class: own ? "own" : null }, h("th", { scope: "row" }, label), h("td", { class: "length", "aria-hidden": "true" }, h("span", { style: { "--share": `${(100 * value) / most}%` } })), h("td", { class: "number" }, text)),
      ),
    ),
  );
}

const [WIDTH, HEIGHT, BOTTOM, BINS] = [480, 170, 34, 12];

/** How many of `values`, which are 1 or more, are how large: bins as wide as each other by their logarithms. */
export function histogram(values, unit, counted) {
  if (!values.length) return h("p", { class: "quiet" }, "There are none.");
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const [low, high] = [Math.log(least), Math.log(most + 1)];
  const counts = Array.from({ length: Math.min(BINS, Math.max(1, most - least + 1)) }, () => 0);
  for (const value of values) counts[Math.min(counts.length - 1, Math.floor(((Math.log(value) - low) / (high - low || 1)) * counts.length))]++;
  const tallest = Math.max(...counts);
  const wide = WIDTH / counts.length;
  const edge = (bin) => Math.round(Math.exp(low + ((high - low) * bin) / counts.length));
  const label = `${values.length} ${counted} of ${count(least)} to ${count(most)} ${unit}`;
  return h(
    "svg",
    { class: "histogram", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    counts.map((many, bin) => {
      const tall = ((HEIGHT - BOTTOM - 18) * many) / tallest;
      return [
        h("rect", { x: bin * wide + 2, y: HEIGHT - BOTTOM - tall, width: wide - 4, height: tall, rx: 3 }),
        many > 0 && h("text", { x: (bin + 0.5) * wide, y: HEIGHT - BOTTOM - tall - 5, "text-anchor": "middle" }, many),
        h("text", { class: "edge", x: bin * wide + 2, y: HEIGHT - BOTTOM + 16 }, count(edge(bin))),
      ];
    }),
    h("text", { class: "edge", x: WIDTH - 2, y: HEIGHT - 4, "text-anchor": "end" }, `${unit}, from`),
  );
}
