import { h } from "./element.js";

export function explore(place) {
  place.replaceChildren(h("h1", {}, "Explore"));
  return { async refresh() {} };
}
