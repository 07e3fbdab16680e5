import { h } from "./element.js";

export function segmentPage(place) {
  place.replaceChildren(h("h1", {}, "Segment"));
  return { async refresh() {} };
}
