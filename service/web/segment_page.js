/** One segment: what it holds, for you where something is known of you; what it is like, and what it was made of. */

import { here, linkTo } from "./address.js";
import { hueOf } from "./colour.js";
import { dendrogram } from "./dendrogram.js";
import { h } from "./element.js";
import { failure } from "./failure.js";
import { counted } from "./numbers.js";
import { get, items, path, post, segment } from "./service.js";
import { fillRow, row } from "./shelf.js";
import { isKnown, mute, posted, steer, unmute } from "./taste.js";
import { explainItem, explainSegment } from "./why.js";

const [SHOWN, MOST, ALIKE, STEP] = [18, 200, 8, 0.5];

/** Fills `place`; see `main.js` for what a view is. */
export function segmentPage(place, { nDims }) {
  let asked = null;
  let shown = SHOWN;
  let about = null;

  async function refresh() {
    const { about: id, taste } = here();
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    if (id !== about) [about, shown] = [id, SHOWN];
    try {
      const found = id === null ? null : await segment(id, signal);
      if (!found) {
        place.replaceChildren(h("header", { class: "opening" }, h("h1", {}, "There is no such segment"), h("p", { class: "lead" }, h("a", { href: linkTo("explore") }, "All segments"), " of the model that answers now.")));
        return;
      }
      const own = isKnown(taste);
      const [best, alike, tree] = await Promise.all([
        own ? post(path(["segments", id, "items"]), { ...posted(taste, { muting: false }), n: Math.min(MOST, shown + 1) }, signal) : { items: found.items },
        get(path(["segments", id, "similar"], { n: ALIKE }), signal),
        get(path(["segments", id, "tree"]), signal),
      ]);
      await items(best.items.map(({ item_id }) => item_id), signal);
      if (signal.aborted) return;
      draw(found, own, best, alike, tree);
    } catch (error) {
      if (error.name !== "AbortError") place.replaceChildren(failure(error, refresh));
    }
  }

  function draw(found, own, best, alike, tree) {
    const { segment_id: id, label, size, coherence, n_guests, signed_dims } = found;
    const grid = row("Its items", "grid");
    fillRow(grid, best.items.slice(0, shown), nDims(), { open: explainItem });
    const again = () => ((shown = Math.min(MOST, shown + 3 * SHOWN)), refresh());
    place.style.setProperty("--hue", hueOf(id));
    document.title = `${label} · sparseshelf`;
    place.replaceChildren(
      h(
        "header",
        { class: "opening" },
        h("p", {}, h("a", { class: "quiet", href: linkTo("explore") }, "‹ All segments")),
        h("h1", { class: "dot" }, label),
        h(
          "p",
          { class: "lead" },
          [
            counted(size, "item"),
            n_guests ? `${counted(n_guests, "guest")} on its shelf` : null,
            coherence === null ? null : `coherence ${coherence.toFixed(2)}`,
            counted(signed_dims.length, "signed dim"),
          ]
            .filter(Boolean)
            .join(" · "),
        ),
        tools(found),
      ),
      h("section", { "aria-labelledby": "its-items" }, h("h2", { id: "its-items" }, own ? "Best of it for you" : "Best known of it"), grid, best.items.length > shown && h("button", { on: { click: again } }, "Show more")),
      h(
        "div",
        { class: "two" },
        tree.groups.length > 0 && h("section", { "aria-labelledby": "its-tree" }, h("h2", { id: "its-tree" }, "How it came to be"), dendrogram(tree)),
        alike.segments.length > 0 &&
          h(
            "section",
            { "aria-labelledby": "its-like" },
            h("h2", { id: "its-like" }, "Segments like it"),
            h(
              "ul",
              { class: "segments" },
              alike.segments.map(({ segment_id, label: name, score }) =>
                h("li", { style: { "--hue": hueOf(segment_id) } }, h("a", { class: "dot", href: linkTo("segment", segment_id) }, name), h("span", { class: "meter" }, h("span", { style: { "--share": `${Math.max(0, 100 * score)}%` } })), h("span", { class: "number", title: "cosine of their mean codes" }, score.toFixed(2))),
              ),
            ),
            h("h2", { class: "small" }, "Its signed dims"),
            h("p", { class: "signed" }, signed_dims.map(({ dim, sign }) => h("span", {}, `${sign > 0 ? "+" : "−"}${dim}`))),
          ),
      ),
    );
  }

  return { refresh };
}

function tools({ segment_id: id, label }) {
  const { steering, muted } = here().taste;
  const by = (step) => () => steer(id, Math.max(-2, Math.min(2, (here().taste.steering[id] ?? 0) + step)));
  const away = muted.includes(id);
  return h(
    "p",
    { class: "tools spaced" },
    h("button", { on: { click: by(STEP) }, disabled: away }, "More of it"),
    h("button", { on: { click: by(-STEP) }, disabled: away }, "Less of it"),
    h("button", { on: { click: () => (away ? unmute(id, label) : mute(id, label)) } }, away ? "Unmute" : "Mute"),
    isKnown(here().taste) && h("button", { on: { click: () => explainSegment({ segment_id: id, label }) } }, "Why?"),
    steering[id] && h("span", { class: "quiet" }, `${steering[id] > 0 ? "+" : "−"}${Math.abs(steering[id])} lengths of your profile`),
  );
}
