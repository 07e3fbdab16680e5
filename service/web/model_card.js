import { h } from "./element.js";

export function modelCard(place) {
  place.replaceChildren(h("h1", {}, "Model"));
  return { async refresh() {} };
}
