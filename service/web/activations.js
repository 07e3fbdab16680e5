/**
 * The paper's Figure 2: what a profile has at each dim as a bar, and what segments have there as arrows in their colours.
 * Bars are shares of the profile's length, arrows of a segment's; where both point the same way, the segment suits.
 */

import { hueOf } from "./colour.js";
import { h, keep, set } from "./element.js";

const [HEIGHT, EDGE, LEAST_WIDTH, MOST_WIDTH] = [260, 14, 7, 40]; // pixels
const YOURS = { label: "your activations" };
const keyOf = ({ segment_id, label }) => `${segment_id ?? ""} ${label}`;
const [OF_A_SEGMENT, FEW, MANY] = [10, 32, 100]; // columns at most

/** `point(column, {passing})` is called for the dim that is looked at: under the pointer, or where arrow keys lead to. */
export function activations({ point }) {
  const all = h("input", { type: "checkbox", id: "all-dims", on: { change: () => draw() } });
  const tools = h("label", { class: "tools quiet", for: "all-dims" }, all, " all dims");
  const legend = h("ul", { class: "legend" });
  const frame = h("div", { class: "activations" });
  const element = h("div", {}, frame, legend);
  let shown = null;
  let columns = [];
  let place = 0;
  let pointed = null; // the dim, which stays the same where it is drawn elsewhere

  function show(profile, segments) {
    shown = { profile, segments };
    draw();
  }

  function draw() {
    if (!shown) return;
    columns = columnsOf(shown.profile, shown.segments, all.checked);
    const picture = chartOf(columns, Math.max(280, frame.clientWidth || 900));
    picture.addEventListener("pointermove", (event) => {
      const at = event.target.closest("[data-place]");
      if (at) mark(Number(at.dataset.place), picture, { passing: true });
    });
    picture.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -columns.length, End: columns.length }[event.key];
      if (!step) return;
      event.preventDefault();
      mark(Math.max(0, Math.min(columns.length - 1, place + step)), picture, { passing: true });
    });
    const hadFocus = frame.contains(document.activeElement);
    frame.replaceChildren(picture);
    if (hadFocus) picture.focus({ preventScroll: true });
    keep(legend, [YOURS, ...shown.segments], keyOf, ({ segment_id, label }) => (segment_id ? h("li", { class: "dot", style: { "--hue": hueOf(segment_id) } }, label) : h("li", { class: "bar" }, label)));
    const again = columns.findIndex(({ dim }) => dim === pointed);
    mark(again < 0 ? tallestOf(columns) : again, picture);
  }

  function mark(at, picture, how) {
    if (!columns[at]) return;
    place = at;
    pointed = columns[at].dim;
    for (const column of picture.querySelectorAll("[data-place]")) set(column, "aria-selected", String(column.dataset.place === String(place)));
    picture.setAttribute("aria-activedescendant", `dim-${pointed}`);
    point(columns[place], how);
  }

  let width = 0;
  new ResizeObserver(() => {
    if (Math.abs(frame.clientWidth - width) < 8) return;
    width = frame.clientWidth;
    draw();
  }).observe(frame);
  return { element, tools, show };
}

const tallestOf = (columns) => columns.reduce((best, { activation }, place) => (Math.abs(activation) > Math.abs(columns[best]?.activation ?? 0) ? place : best), 0);

/** A column a dim: those of the segments, one segment after the other, then the profile's strongest others. */
function columnsOf({ dims, length }, segments, all) {
  const activation = new Map(dims.map((entry) => [entry.dim, entry.activation / (length || 1)]));
  const columns = new Map();
  const column = (dim) => {
    if (!columns.has(dim)) columns.set(dim, { dim, activation: activation.get(dim) ?? 0, arrows: [] });
    return columns.get(dim);
  };
  for (const { segment_id, label, signed_dims } of segments) {
    const weight = 1 / Math.sqrt(signed_dims.length);
    const active = signed_dims.filter(({ dim }) => activation.get(dim));
    const strongest = (all || !active.length ? signed_dims : active).toSorted((a, b) => Math.abs(activation.get(b.dim) ?? 0) - Math.abs(activation.get(a.dim) ?? 0));
    for (const { dim, sign } of strongest.slice(0, OF_A_SEGMENT)) column(dim).arrows.push({ segment_id, label, value: sign * weight });
  }
  const others = dims.toSorted((a, b) => Math.abs(b.activation) - Math.abs(a.activation));
  for (const { dim } of others) if (columns.size < (all ? MANY : FEW)) column(dim);
  return [...columns.values()];
}

function chartOf(columns, room) {
  const wide = Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, (room - 2 * EDGE) / Math.max(1, columns.length)));
  const width = Math.max(room, columns.length * wide + 2 * EDGE);
  const begin = (width - columns.length * wide) / 2;
  const middle = HEIGHT / 2;
  const tallest = Math.max(...columns.map(({ activation }) => Math.abs(activation)), 1e-9);
  const longest = Math.max(...columns.flatMap(({ arrows }) => arrows.map(({ value }) => Math.abs(value))), 1e-9);
  const reach = middle - EDGE;
  const picture = h("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`,
    width,
    height: HEIGHT,
    tabindex: 0,
    role: "listbox",
    "aria-label": "Dims of the profile; arrow keys lead from one to the next",
    "aria-orientation": "horizontal",
  });
  picture.append(h("line", { class: "axis", "aria-hidden": "true", x1: EDGE, x2: width - EDGE, y1: middle, y2: middle }));
  columns.forEach((column, place) => {
    const x = begin + (place + 0.5) * wide;
    const tall = (reach * Math.abs(column.activation)) / tallest;
    const bar = { x: x - wide * 0.36, width: wide * 0.72, y: column.activation < 0 ? middle : middle - tall, height: Math.max(tall, 0.5), rx: 2 };
    picture.append(
      h(
        "g",
        { role: "option", id: `dim-${column.dim}`, "data-place": place, "aria-selected": "false", "aria-label": spoken(column) },
        h("rect", { class: "column", x: x - wide / 2, y: 0, width: wide, height: HEIGHT }),
        h("rect", { class: "activation", ...bar }),
        column.arrows.map((arrow, index) => arrowOf(arrow, x + spread(index, column.arrows.length, wide), middle, (reach * arrow.value) / longest)),
      ),
    );
  });
  return picture;
}

const spread = (index, many, wide) => (many < 2 ? 0 : (index / (many - 1) - 0.5) * wide * 0.6);

function arrowOf({ segment_id, value }, x, middle, long) {
  const tip = middle - long;
  const back = tip + (value > 0 ? 8 : -8);
  return h("path", { class: "arrow", style: { "--hue": hueOf(segment_id) }, d: `M${x} ${middle}V${back}H${x - 3}L${x} ${tip}L${x + 3} ${back}H${x}` });
}

const spoken = ({ dim, activation, arrows }) =>
  `dim ${dim}, activation ${activation.toFixed(2)}${arrows.map(({ label, value }) => `, ${label} ${value > 0 ? "plus" : "minus"}`).join("")}`;
