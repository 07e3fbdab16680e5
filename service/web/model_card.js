/** The model card: what answers here, what it learned from, how good it is, what it costs. */

import { bars, histogram } from "./bars.js";
import { h } from "./element.js";
import { failure } from "./failure.js";
import { count, number } from "./numbers.js";
import { get, model, path } from "./service.js";

const MOST = 10_000;
const NAMED = { "ndcg@100": "nDCG@100", "recall@20": "Recall@20", "recall@50": "Recall@50", "mrr@100": "MRR@100", "hit_rate@20": "Hit rate@20" };
const MEANT = {
  "ndcg@100": "hidden items of a test user, found early among the best 100",
  "recall@20": "share of hidden items among the best 20",
  "recall@50": "share of hidden items among the best 50",
};

/** Fills `place`; see `main.js` for what a view is. */
export function modelCard(place) {
  async function refresh() {
    try {
      const [card, { segments }] = await Promise.all([model(), get(path(["segments"], { n: MOST }))]);
      draw(place, card, segments);
    } catch (error) {
      if (error.name !== "AbortError") place.replaceChildren(failure(error, refresh));
    }
  }
  return { refresh };
}

function draw(place, card, segments) {
  const { data, options, metrics } = card;
  const dense = 4 * card.n_dims;
  const test = metrics.test && typeof metrics.test === "object";
  const size = h("section", { "aria-labelledby": "bytes" }, h("h2", { id: "bytes" }, "What an item takes"), bars([
    { label: `its code, ${card.k} non-zeros`, value: card.bytes_per_item, text: `${card.bytes_per_item} B`, own: true },
    { label: `as ${count(card.n_dims)} float32`, value: dense, text: `${count(dense)} B` },
  ]), !test && h("p", { class: "quiet" }, "How good it is was not measured when this version was made."));
  const sizes = h("section", {}, h("h2", {}, "How large segments are"), histogram(segments.map((segment) => segment.size), "items", "segments"));
  place.replaceChildren(
    h("header", { class: "opening" }, h("h1", {}, "The model behind this page"), h("p", { class: "lead" }, card.model_version)),
    h(
      "dl",
      { class: "figures" },
      figure("items", card.n_items),
      figure("segments", card.n_segments),
      figure("bytes an item", card.bytes_per_item),
      figure("numbers an item", card.k, `of ${count(card.n_dims)}`),
      data.n_users !== undefined && figure("users", data.n_users),
      data.n_interactions !== undefined && figure("interactions", data.n_interactions),
    ),
    h(
      "div",
      { class: "two" },
      test && quality(metrics),
      test ? h("div", {}, size, sizes) : [size, sizes],
    ),
    h(
      "div",
      { class: "two" },
      h("div", {}, table("Data", data), table("Attributes of an item", Object.fromEntries((card.attributes ?? []).map(({ name, type }) => [name, type])))),
      table("Options of the training", options),
    ),
  );
}

const figure = (name, value, note = null) => h("div", {}, h("dt", {}, name), h("dd", {}, count(value), note && h("span", { class: "quiet" }, ` ${note}`)));

/** Of the systems that were measured on the same test users, a bar each. */
function quality({ test, test_users: nUsers }) {
  const systems = Object.keys(test);
  const names = Object.keys(MEANT).filter((name) => systems.some((system) => name in test[system]));
  const own = systems.find((system) => system.startsWith("sparseshelf"));
  return h(
    "section",
    { "aria-labelledby": "quality" },
    h("h2", { id: "quality" }, "How good it is"),
    h("p", { class: "reason" }, nUsers ? `On ${count(nUsers)} users that it did not learn from` : "On users that it did not learn from"),
    names.map((name) => [
      h("h3", {}, NAMED[name], h("span", { class: "quiet" }, ` ${MEANT[name]}`)),
      bars(
        systems
          .map((system) => ({ label: system, value: test[system][name] ?? 0, text: (test[system][name] ?? 0).toFixed(3), own: system === own }))
          .toSorted((a, b) => b.value - a.value),
      ),
    ]),
  );
}

function table(title, entries) {
  const rows = Object.entries(entries).filter(([, value]) => value !== null && typeof value !== "object");
  if (!rows.length) return null;
  return h(
    "section",
    {},
    h("h2", {}, title),
    h("table", { class: "facts" }, h("tbody", {}, rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name.replace(/^n_/, "").replaceAll("_", " ")), h("td", {}, typeof value === "number" ? number(value) : String(value)))))),
  );
}
