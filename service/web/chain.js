/**
 * A score as two sums with the same result, side by side: over what is liked, and over signed dims. Every bar begins where
 * the one above it ends, and the ribbons between them are what one item adds over one dim.
 */

import { hueOf } from "./colour.js";
import { h } from "./element.js";
import { score, signed } from "./numbers.js";

const [ROW, WIDTH] = [34, 150]; // pixels: of a row, between the sums
const THICKEST = 0.8; // of a row

/** `segments` has those that the dims of `why` belong to, by id; `saidOf(part)` names a part of the history. */
export function chain(why, total, segments, saidOf) {
  const from = [
    ...why.history.map((part) => ({ label: saidOf(part), part: part.part })),
    ...why.steering.map((part) => ({ label: `${part.part < 0 ? "Less" : "More"} of ${part.label}`, part: part.part, hue: hueOf(part.segment_id) })),
  ];
  const over = why.dims.map((dim) => ({
    label: dim.segments.length ? dim.segments.map((id) => segments.get(id)?.label ?? id).join(", ") : "in no segment",
    note: `${dim.sign > 0 ? "+" : "−"}${dim.dim}`,
    part: dim.part,
    hue: dim.segments.length ? hueOf(dim.segments[0]) : undefined,
  }));
  const sums = [withRest(from, why.history_rest, "everything else that you picked"), withRest(over, why.dims_rest, "all other dims")];
  const scale = scaleOf(sums, total);
  const picture = ribbons(why.flows, over);
  const point = (kind, place) => picture.dispatchEvent(new CustomEvent("point", { detail: { kind, place } }));
  return h(
    "div",
    { class: "chain" },
    sum("By what you picked", sums[0], scale, total, (place) => point("from", place)),
    picture,
    sum("By signed dim", sums[1], scale, total, (place) => point("over", place)),
  );
}

const withRest = (parts, rest, label) => (Math.abs(rest) > 5e-4 ? [...parts, { label, part: rest, quiet: true }] : parts);

/** Per cent of a bar's width for every value that either sum goes through: both have the same scale. */
function scaleOf(sums, total) {
  let [low, high] = [Math.min(0, total), Math.max(0, total)];
  for (const rows of sums) {
    let reached = 0;
    for (const { part } of rows) {
      reached += part;
      [low, high] = [Math.min(low, reached), Math.max(high, reached)];
    }
  }
  return (value) => (100 * (value - low)) / (high - low || 1);
}

/** One of the sums, as a table of bars that end at the score. */
function sum(title, rows, share, total, point) {
  let reached = 0;
  const drawn = rows.map(({ label, note, part, hue, quiet }, place) => {
    const [begin, end] = [Math.min(reached, reached + part), Math.max(reached, reached + part)];
    reached += part;
    return h(
      "tr",
      { on: { pointerenter: () => point(place), pointerleave: () => point(null) } },
      h("th", { scope: "row", title: label }, note && h("b", {}, note), h("span", {}, label)),
      h(
        "td",
        { class: "bar", "aria-hidden": "true" },
        h("span", {
          class: [part < 0 ? "minus" : "plus", quiet && "quiet", hue !== undefined && "hued"].filter(Boolean).join(" "),
          style: { "--begin": `${share(begin)}%`, "--length": `${share(end) - share(begin)}%`, "--hue": hue ?? 0 },
        }),
      ),
      h("td", { class: "number" }, signed(part)),
    );
  });
  return h(
    "table",
    { class: "sum" },
    h("caption", {}, title),
    h("tbody", {}, drawn),
    h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "Score"), h("td", { class: "bar", "aria-hidden": "true" }, h("span", { class: "total", style: { "--begin": `${share(Math.min(0, total))}%`, "--length": `${Math.abs(share(total) - share(0))}%` } })), h("td", { class: "number" }, score(total)))),
  );
}

/** From each row on the left to each on the right, as thick as what flows; a negative flow is hatched. */
function ribbons(flows, over) {
  const height = ROW * Math.max(flows.length, over.length);
  const picture = h("svg", { class: "ribbons", viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height, "aria-hidden": "true", preserveAspectRatio: "none" });
  const thick = (values) => values.reduce((total, value) => total + Math.abs(value), 0);
  const left = flows.map(thick);
  const right = over.map((_, column) => thick(flows.map((row) => row[column])));
  const scale = (THICKEST * ROW) / Math.max(...left, ...right, 1e-9);
  const begins = left.map((total, place) => (place + 0.5) * ROW - (total * scale) / 2);
  const ends = right.map((total, place) => (place + 0.5) * ROW - (total * scale) / 2);
  flows.forEach((row, from) =>
    row.forEach((flow, to) => {
      const width = Math.abs(flow) * scale;
      const [y, z] = [begins[from], ends[to]];
      begins[from] += width;
      ends[to] += width;
      if (width < 0.3) return;
      const middle = WIDTH / 2;
      picture.append(
        h("path", {
          class: flow < 0 ? "minus" : over[to].hue === undefined ? "plain" : "plus",
          "data-from": from,
          "data-over": to,
          style: { "--hue": over[to].hue ?? 0 },
          d: `M0 ${y}C${middle} ${y} ${middle} ${z} ${WIDTH} ${z}V${z + width}C${middle} ${z + width} ${middle} ${y + width} 0 ${y + width}Z`,
        }),
      );
    }),
  );
  picture.addEventListener("point", ({ detail: { kind, place } }) => {
    picture.classList.toggle("pointing", place !== null);
    for (const path of picture.children) path.classList.toggle("pointed", path.dataset[kind] === String(place));
  });
  return picture;
}
