import { h } from "./element.js";

export function itemPage(place) {
  place.replaceChildren(h("h1", {}, "Item"));
  return { async refresh() {} };
}
