/** Segments by size and coherence, a dot each. */

import { linkTo } from "./address.js";
import { hueOf } from "./colour.js";
import { h } from "./element.js";
import { count, counted } from "./numbers.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, EDGE] = [520, 340, 44, 40, 14];
const NAMED = 6; // of the largest
const MANY = 150; // from here on dots are small

/** The picture of a list of segments; a dot leads to its segment. */
export function scatter(segments) {
  const known = segments.filter(({ coherence, size }) => coherence !== null && size > 0);
  const picture = h("svg", { class: known.length > MANY ? "scatter many" : "scatter", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": `${counted(known.length, "segment")} by size and coherence; the list beside has the same` });
  if (!known.length) return picture;
  const sizes = known.map(({ size }) => Math.log(size));
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const top = Math.min(1, Math.max(...known.map(({ coherence }) => coherence)) * 1.12);
  const bottom = Math.min(0, ...known.map(({ coherence }) => coherence));
  const x = (size) => LEFT + EDGE + ((Math.log(size) - least) / (most - least || 1)) * (WIDTH - LEFT - 3 * EDGE);
  const y = (coherence) => HEIGHT - BOTTOM - ((coherence - bottom) / (top - bottom || 1)) * (HEIGHT - BOTTOM - EDGE);
  picture.append(
    h("line", { class: "axis", x1: LEFT, x2: WIDTH - EDGE, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }),
    h("line", { class: "axis", x1: LEFT, x2: LEFT, y1: EDGE, y2: HEIGHT - BOTTOM }),
    ...ticks(Math.exp(least), Math.exp(most)).map((size) => h("text", { x: x(size), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, count(size))),
    ...[0, 0.25, 0.5, 0.75, 1].filter((value) => value <= top && value >= bottom).map((value) => h("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(2))),
    h("text", { x: WIDTH - EDGE, y: HEIGHT - 6, "text-anchor": "end" }, "items"),
    h("text", { x: LEFT + 8, y: EDGE + 6 }, "coherence"),
  );
  const sorted = known.toSorted((a, b) => b.size - a.size);
  for (const { segment_id, label, size, coherence } of sorted) {
    const dot = h("circle", { cx: x(size), cy: y(coherence), r: known.length > MANY ? 3.5 : 6 });
    const link = h("svg:a", { class: "spot", href: linkTo("segment", segment_id), tabindex: -1, "aria-hidden": "true", style: { "--hue": hueOf(segment_id) } }, dot, h("title", {}, `${label}: ${count(size)} items, coherence ${coherence.toFixed(2)}`));
    picture.append(link);
  }
  picture.append(...names(sorted.slice(0, NAMED), x, y));
  return picture;
}

/** Labels of the largest, where they do not lie on each other. */
function names(segments, x, y) {
  const taken = [];
  return segments.flatMap(({ label, size, coherence }) => {
    const text = label.length > 26 ? `${label.slice(0, 25)}…` : label;
    const half = text.length * 3.6 + 4;
    const [left, top] = [Math.max(LEFT + half, Math.min(WIDTH - half, x(size))), y(coherence) - 11];
    if (taken.some((other) => Math.abs(other.top - top) < 14 && Math.abs(other.left - left) < other.half + half)) return [];
    taken.push({ left, top, half });
    return [h("text", { class: "name", x: left, y: top, "text-anchor": "middle", "aria-hidden": "true" }, text)];
  });
}

/** 1, 2, 5, 10, 20, … between two sizes, at most six. */
function ticks(least, most) {
  const all = [];
  for (let power = 1; power <= most; power *= 10) for (const digit of [1, 2, 5]) if (digit * power >= least * 0.999 && digit * power <= most * 1.001) all.push(digit * power);
  const step = Math.ceil(all.length / 6);
  return all.filter((_, place) => place % step === 0);
}
