/** The profile, live: activations as bars, the signed dims of the segments that suit it as arrows; sliders that re-rank. */

import { here, linkTo } from "./address.js";
import { activations } from "./activations.js";
import { hueOf } from "./colour.js";
import { dimPanel } from "./dim_panel.js";
import { eachFrame, h, keep, say, set } from "./element.js";
import { failure } from "./failure.js";
import { items, post, segment } from "./service.js";
import { fillRow, row } from "./shelf.js";
import { isKnown, mute, posted, steer, unmute } from "./taste.js";
import { explainItem, explainSegment } from "./why.js";

const [SEGMENTS, ITEMS, MOST] = [6, 14, 2]; // MOST: of a strength, either way

/** Fills `place`; see `main.js` for what a view is. */
export function profile(place, { nDims }) {
  const empty = h(
    "section",
    { class: "opening" },
    h("h1", {}, "Your profile is empty."),
    h("p", { class: "lead" }, "Pick something you like above, or go back to the ", h("a", { href: linkTo("home") }, "homepage"), "."),
  );
  const trouble = h("div");
  const panel = dimPanel(nDims);
  const chart = activations({ point: panel.show });
  const sliders = h("ul", { class: "sliders" });
  const heads = h("div", { class: "heads", "aria-hidden": "true" }, h("span", {}, "segment"), h("span", {}, "how well it suits"), h("span", {}, "less or more of it"));
  const first = row("What comes first now");
  const full = h(
    "div",
    { class: "live" },
    h("h1", { class: "unseen" }, "Your profile"),
    h("section", { class: "chart", "aria-labelledby": "activations" }, h("header", {}, h("div", {}, h("h2", { id: "activations" }, "What your picks add up to"), h("p", { class: "reason" }, "A bar is your profile at one dim, an arrow the way a segment points there. Where they agree, the segment suits you.")), chart.tools), chart.element, panel.element),
    h("section", { "aria-labelledby": "steering" }, h("header", {}, h("h2", { id: "steering" }, "Segments that suit it"), h("p", { class: "reason" }, "Move a slider: everything is ranked again")), heads, sliders),
    h("section", { "aria-labelledby": "first" }, h("header", {}, h("h2", { id: "first" }, "What comes first now")), first),
  );
  place.replaceChildren(empty, trouble, full);
  let asked = null;
  let order = []; // of the sliders, which stay where they are while one of them moves
  let orderedFor = null;

  function ordered(entries, { likes, dislikes }) {
    const picked = JSON.stringify([likes, dislikes]);
    if (picked !== orderedFor) [order, orderedFor] = [[], picked];
    const at = new Map(order.map((id, index) => [id, index]));
    const sorted = entries.toSorted((a, b) => (at.get(a.segment_id) ?? order.length) - (at.get(b.segment_id) ?? order.length));
    order = sorted.map(({ segment_id }) => segment_id);
    return sorted;
  }

  async function refresh() {
    const { taste } = here();
    const known = isKnown(taste);
    if (empty.hidden !== known) empty.hidden = known;
    if (full.hidden === known) full.hidden = !known;
    if (!known) return;
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    try {
      const body = posted(taste);
      const unmuted = posted(taste, { muting: false });
      const touched = [...new Set([...Object.keys(taste.steering), ...taste.muted])];
      const finding = post("profile", unmuted, signal);
      const [ranked, others, best] = await Promise.all([
        post("segments", { ...body, n: SEGMENTS }, signal),
        touched.length ? post("segments", { ...unmuted, segments: touched, n: touched.length }, signal) : { segments: [] },
        withItems(post("recommend", { ...body, n: ITEMS }, signal), signal),
      ]);
      if (signal.aborted) return;
      keep(sliders, ordered(rows(ranked.segments, others.segments, taste), taste), (entry) => entry.segment_id, slider, setSlider);
      fillRow(first, best.items, nDims(), { open: explainItem });
      const [found, ...details] = await Promise.all([finding, ...ranked.segments.map(({ segment_id }) => segment(segment_id, signal))]);
      if (signal.aborted) return;
      trouble.replaceChildren(...(found.source === "popularity" ? [h("p", { class: "hint" }, "Nothing of what you picked has a code in this model: everything below goes by popularity.")] : []));
      chart.show(found, details.filter(Boolean));
    } catch (error) {
      if (error.name !== "AbortError") trouble.replaceChildren(failure(error, refresh));
    }
  }

  return { refresh };
}

/** An answer, once what its cards show is known too. */
async function withItems(asking, signal) {
  const answer = await asking;
  await items(answer.items.map(({ item_id }) => item_id), signal);
  return answer;
}

/** The ranked segments, and those that are steered or muted and not among them. */
function rows(ranked, others, { steering, muted }) {
  const there = new Set(ranked.map(({ segment_id }) => segment_id));
  const most = Math.max(...ranked.map(({ score }) => Math.abs(score)), 1e-9);
  return [...ranked, ...others.filter(({ segment_id }) => !there.has(segment_id))].map((entry) => ({
    ...entry,
    share: entry.score / most,
    strength: steering[entry.segment_id] ?? 0,
    muted: muted.includes(entry.segment_id),
  }));
}

function slider({ segment_id: id, label }) {
  const move = eachFrame((value) => steer(id, value, { replace: true }));
  const input = h("input", {
    type: "range",
    min: -MOST,
    max: MOST,
    step: 0.25,
    "aria-label": `Less or more of ${label}`,
    on: { input: () => move(Number(input.value)) },
  });
  return h(
    "li",
    { style: { "--hue": hueOf(id) } },
    h("a", { class: "dot", href: linkTo("segment", id) }, label),
    h("span", { class: "meter" }, h("span")),
    h("span", { class: "slider" }, h("span", { class: "quiet" }, "less"), input, h("span", { class: "quiet" }, "more")),
    h(
      "span",
      { class: "tools" },
      h("button", { class: "quiet", on: { click: () => explainSegment({ segment_id: id, label }) } }, "Why?"),
      h("button", { class: "quiet mute" }),
    ),
  );
}

function setSlider(element, { segment_id: id, label, share, strength, muted, score }) {
  const input = element.querySelector("input");
  const most = Math.max(MOST, Math.abs(strength)); // a link may say more than a slider does
  set(input, "max", String(most));
  set(input, "min", String(-most));
  if (document.activeElement !== input || Number(input.value) !== strength) input.value = strength;
  const placeOf = (value) => `${50 + (50 * value) / MOST}%`;
  input.style.setProperty("--from", placeOf(Math.min(0, strength)));
  input.style.setProperty("--to", placeOf(Math.max(0, strength)));
  set(input, "aria-valuetext", strength ? `${Math.abs(strength)} lengths ${strength > 0 ? "more" : "less"}` : "as it is");
  set(element.querySelector("a.dot"), "href", linkTo("segment", id));
  const meter = element.querySelector(".meter");
  set(meter, "title", `score ${score.toFixed(3)}`);
  meter.firstChild.style.setProperty("--share", `${Math.max(0, 100 * share)}%`);
  element.classList.toggle("muted", muted);
  if (input.disabled !== muted) input.disabled = muted;
  const button = element.querySelector(".mute");
  say(button, muted ? "Unmute" : "Mute");
  set(button, "aria-label", `${muted ? "Unmute" : "Mute"} ${label}`);
  button.onclick = () => (muted ? unmute(id, label) : mute(id, label));
}
