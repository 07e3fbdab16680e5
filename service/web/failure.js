/** What is shown in the place of what could not be answered. */

import { goWith, here } from "./address.js";
import { h } from "./element.js";
import { notify } from "./notices.js";
import { askForKeyAgain, segment } from "./service.js";

/** The reason in words and a way on: asking again, or without what the model does not know. */
export function failure(error, again) {
  if (error.code === "UNKNOWN_SEGMENT" && error.status === 422) {
    withoutUnknown();
    return h("p", { class: "hint", role: "status" }, "Some segments of this link are not in this model. Going on without them …");
  }
  return h(
    "div",
    { class: "failure", role: "alert" },
    h("p", {}, said(error)),
    error.code === "UNREACHABLE" ? null : error.status === 401 ? h("button", { on: { click: askForKeyAgain } }, "Give a key") : h("button", { on: { click: again } }, "Try again"),
  );
}

function said({ status, code, message }) {
  if (status === 401) return "This service answers to a key only.";
  if (status === 403) return "This key may not ask for this. A key with the scope read is needed.";
  if (status === 429) return "More was asked than this key may ask for. Wait a moment.";
  if (code === "NOT_READY") return "The service is starting. It takes a few seconds.";
  if (code === "OVERLOADED") return "The service has more to do than it can. Wait a moment.";
  if (status >= 500) return `The service could not answer: ${message}.`;
  return message;
}

/** Takes away what is steered or muted and not there: a link may be older than the model. */
async function withoutUnknown() {
  const { steering, muted } = here().taste;
  const ids = [...new Set([...Object.keys(steering), ...muted])];
  const there = new Set();
  await Promise.all(ids.map(async (id) => (await segment(id).catch(() => null)) && there.add(id)));
  const gone = ids.filter((id) => !there.has(id));
  if (!gone.length) return;
  notify(gone.length === 1 ? `Segment ${gone[0]} is not in this model.` : `${gone.length} segments are not in this model.`);
  goWith(
    { steering: Object.fromEntries(Object.entries(steering).filter(([id]) => there.has(id))), muted: muted.filter((id) => there.has(id)) },
    { replace: true },
  );
}
