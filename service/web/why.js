/** Why an item or a segment is there: its score taken apart, by what is liked and by signed dim, as bars that add up to it. */

import { here, linkTo } from "./address.js";
import { aboutOf, nameOf } from "./card.js";
import { chain } from "./chain.js";
import { hueOf } from "./colour.js";
import { cover } from "./cover.js";
import { h } from "./element.js";
import { failure } from "./failure.js";
import { counted, percent } from "./numbers.js";
import { items, lost, model, post, segment } from "./service.js";
import { dislike, isKnown, like, posted } from "./taste.js";

/** Opens the explanation of an item's score. */
export async function explainItem({ item_id: id, title }) {
  await explain(async (body) => {
    const { taste } = here();
    const [known, { n_dims }] = await Promise.all([items([id]), model()]);
    const item = known.get(id) ?? { item_id: id, title, attributes: {}, dims: [], popularity: 0 };
    const asked = isKnown(taste) && !taste.likes.includes(id) && !taste.dislikes.includes(id);
    const { items: found } = asked
      ? await post("recommend", { ...posted(taste, { muting: false }), candidates: [id], n: 1, explain: true })
      : { items: [] };
    const name = nameOf(item);
    const close = (act) => () => (body.closest("dialog").close(), act());
    body.replaceChildren(
      h(
        "header",
        { class: "subject" },
        h("span", { class: "frame" }, cover(item, n_dims)),
        h(
          "div",
          {},
          h("h2", { id: "why-title" }, name),
          h("p", { class: "quiet" }, aboutOf(item)),
          item.segment && h("p", { style: { "--hue": hueOf(item.segment.segment_id) } }, h("a", { class: "dot", href: linkTo("segment", item.segment.segment_id) }, item.segment.label)),
          h(
            "p",
            { class: "tools" },
            h("button", { on: { click: close(() => like(id, name)) }, disabled: taste.likes.includes(id) }, "I like it"),
            h("button", { on: { click: close(() => dislike(id, name)) }, disabled: taste.dislikes.includes(id) }, "Less like this"),
            h("a", { href: linkTo("item", id) }, "All about it"),
          ),
        ),
      ),
      await reasonOf(found[0], taste.likes.includes(id) || taste.dislikes.includes(id), name, item),
    );
  });
}

/** Opens the explanation of a segment's score. */
export async function explainSegment({ segment_id: id, label }) {
  await explain(async (body) => {
    const { taste } = here();
    const { segments } = await post("segments", { ...posted(taste, { muting: false }), segments: [id], n: 1, explain: true });
    body.replaceChildren(
      h(
        "header",
        { class: "subject", style: { "--hue": hueOf(id) } },
        h(
          "div",
          {},
          h("h2", { id: "why-title", class: "dot" }, label),
          h("p", { class: "quiet" }, segments[0] ? counted(segments[0].size, "item") : ""),
          h("p", { class: "tools" }, h("a", { href: linkTo("segment", id) }, "All about it")),
        ),
      ),
      await reasonOf(segments[0], false, label),
    );
  });
}

async function reasonOf(found, own, name, item = null) {
  if (own) return h("p", {}, `${name} is part of what you picked; it explains itself.`);
  if (!found?.why) {
    const share = item?.popularity ? ` ${percent(item.popularity)} of all users have it.` : "";
    return h("p", {}, found && found.source === "profile" ? "Nothing of what you picked leads here." : `It is here because it is popular.${share} Pick something you like, and there will be a reason.`);
  }
  const { why, score } = found;
  const named = [...new Set(why.dims.flatMap((dim) => dim.segments))];
  const segments = new Map((await Promise.all(named.map((id) => segment(id)))).filter(Boolean).map((one) => [one.segment_id, one]));
  return h(
    "section",
    { class: "reasons" },
    h("p", { class: "lead" }, sentence(why, segments, name)),
    chain(why, score, segments, saidOf),
    h("p", { class: "quiet note" }, "The same score, taken apart twice. Each bar goes on where the one above ends; a ribbon is what one pick adds over one dim, in red where it takes away."),
  );
}

/** What somebody picked, as it counts: less like it where it is disliked. */
const saidOf = (part) => (here().taste.dislikes.includes(part.item_id) ? `“less like ${nameOf(part)}”` : nameOf(part));

/** The largest parts in words; a segment does not go through itself. */
function sentence(why, segments, name) {
  const from = why.history.filter(({ part }) => part > 0).slice(0, 2).map(saidOf);
  const through = why.dims.filter(({ part }) => part > 0).flatMap((dim) => dim.segments);
  const labels = [...new Set(through)].map((id) => segments.get(id)?.label).filter((label) => label && label !== name).slice(0, 2);
  const because = from.length ? `Mostly because of ${from.join(" and ")}` : "Nothing of what you picked leads here by itself";
  return `${because}${labels.length ? `, through ${labels.join(" and ")}` : ""}.`;
}

/** A dialog that `fill(body)` fills; it says that it waits, and what went wrong. */
async function explain(fill) {
  const body = h("div", { class: "body", "aria-busy": "true" }, h("p", { class: "quiet" }, "One moment …"));
  const close = () => dialog.close();
  const dialog = h(
    "dialog",
    {
      class: "drawer",
      "aria-label": "Why",
      on: {
        close: () => dialog.remove(),
        click: (event) => (event.target === dialog || event.target.closest("a")) && close(),
      },
    },
    h("button", { class: "close round", "aria-label": "Close", on: { click: close } }, "×"),
    body,
  );
  const opener = document.activeElement;
  dialog.addEventListener("close", () => opener?.isConnected && opener.focus());
  document.body.append(dialog);
  dialog.showModal();
  const attempt = async () => {
    try {
      await fill(body);
    } catch (error) {
      if (error.name !== "AbortError") body.replaceChildren(failure(error, attempt));
      if (error.code === "UNREACHABLE") lost().then(() => dialog.open && attempt());
    } finally {
      body.removeAttribute("aria-busy");
    }
  };
  await attempt();
}
