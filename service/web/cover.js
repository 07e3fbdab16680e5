/**
 * What an item looks like: its picture where the catalogue links one from an origin that is allowed, else its own code.
 * A drawn code has a ray for each non-zero, in the direction of its dim and the longer the larger its weight; positive weights are
 * filled, negative ones are outlines. Items that are alike look alike.
 */

import { hueOf } from "./colour.js";
import { h } from "./element.js";

const ALLOWED = new Set((document.querySelector('meta[name="image-origins"]')?.content ?? "").split(" ").filter(Boolean));
const [INNER, OUTER, HALF_WIDTH] = [6, 48, 0.11]; // of a square of 100; radians

/** A picture for an item that may not be known yet (null), `size` pixels wide at most. */
export function cover(item, nDims) {
  const frame = h("span", { class: "cover", style: { "--hue": hueOf(item?.segment?.segment_id) } });
  frame.append(drawn(item, nDims));
  const source = item && pictureOf(item);
  if (source) {
    const picture = h("img", { src: source, alt: "", loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" });
    picture.addEventListener("load", () => frame.classList.add("pictured"));
    picture.addEventListener("error", () => picture.remove());
    frame.append(picture);
  }
  return frame;
}

function pictureOf(item) {
  if (!ALLOWED.size) return null;
  for (const value of Object.values(item.attributes)) {
    if (typeof value !== "string" || !URL.canParse(value)) continue;
    if (ALLOWED.has(new URL(value).origin)) return value;
  }
  return null;
}

function drawn(item, nDims) {
  const picture = h("svg", { viewBox: "0 0 100 100", "aria-hidden": "true", focusable: "false" });
  const code = item?.dims ?? [];
  if (!code.length) {
    picture.append(h("circle", { class: "ring", cx: 50, cy: 50, r: 30 }), h("circle", { class: "ring", cx: 50, cy: 50, r: 18 }));
    return picture;
  }
  const most = Math.max(...code.map(({ weight }) => Math.abs(weight)));
  const rays = { plus: [], minus: [] };
  for (const { dim, weight } of code) {
    const angle = (2 * Math.PI * dim) / nDims - Math.PI / 2;
    rays[weight > 0 ? "plus" : "minus"].push(ray(angle, INNER + (OUTER - INNER) * Math.sqrt(Math.abs(weight) / most)));
  }
  picture.append(
    h("circle", { class: "ring", cx: 50, cy: 50, r: OUTER }),
    h("path", { class: "minus", d: rays.minus.join("") }),
    h("path", { class: "plus", d: rays.plus.join("") }),
    h("circle", { class: "heart", cx: 50, cy: 50, r: 4 }),
  );
  return picture;
}

/** A petal from near the middle to its tip and back. */
function ray(angle, length) {
  const at = (radius, turn) => `${(50 + radius * Math.cos(angle + turn)).toFixed(1)} ${(50 + radius * Math.sin(angle + turn)).toFixed(1)}`;
  const belly = length * 0.72;
  return `M${at(INNER, 0)}Q${at(belly, -HALF_WIDTH * 2)} ${at(length, 0)}Q${at(belly, HALF_WIDTH * 2)} ${at(INNER, 0)}Z`;
}
