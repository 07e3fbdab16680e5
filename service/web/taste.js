/** What somebody likes, dislikes, steers towards and mutes: changed here, asked with here. */

import { goWith, here, MOST_ITEMS, NOBODY } from "./address.js";
import { announce, notify } from "./notices.js";
import { count } from "./numbers.js";

/** Likes an item; one that is liked already stays where it is. */
export function like(id, title) {
  const { likes, dislikes } = here().taste;
  if (likes.includes(id)) return notify(`${title} is picked already.`);
  if (full()) return;
  announce(`${title} added`);
  goWith({ likes: [...likes, id], dislikes: dislikes.filter((other) => other !== id) });
}

/** More of what is unlike an item. */
export function dislike(id, title) {
  const { likes, dislikes } = here().taste;
  if (dislikes.includes(id) || full()) return;
  announce(`${title}: less like this`);
  goWith({ likes: likes.filter((other) => other !== id), dislikes: [...dislikes, id] });
}

export function forget(id, title) {
  const { likes, dislikes } = here().taste;
  announce(`${title} removed`);
  goWith({ likes: likes.filter((other) => other !== id), dislikes: dislikes.filter((other) => other !== id) });
}

/** Towards a segment, away from it where `strength` is negative, neither where it is 0. */
export function steer(segmentId, strength, how) {
  const { [segmentId]: _before, ...others } = here().taste.steering;
  goWith({ steering: strength ? { ...others, [segmentId]: strength } : others }, how);
}

export function mute(segmentId, label) {
  const { muted, steering } = here().taste;
  const { [segmentId]: _before, ...others } = steering;
  announce(`${label} muted`);
  goWith({ muted: [...muted.filter((id) => id !== segmentId), segmentId], steering: others });
}

export function unmute(segmentId, label) {
  announce(`${label} comes back`);
  goWith({ muted: here().taste.muted.filter((id) => id !== segmentId) });
}

export function startOver() {
  announce("Everything cleared");
  goWith(NOBODY);
}

/** Takes over a history as it is. */
export function become(likes) {
  goWith({ ...NOBODY, likes: likes.slice(0, MOST_ITEMS) });
}

export function isKnown({ likes, dislikes, steering }) {
  return likes.length + dislikes.length + Object.keys(steering).length > 0;
}

/** What a request says of a taste: `history` and `steer`, with `mute` where segments may be muted. */
export function posted({ likes, dislikes, steering, muted }, { muting = true } = {}) {
  return {
    history: [...likes, ...dislikes.map((id) => ({ item_id: id, weight: -1 }))],
    steer: Object.entries(steering).map(([segment_id, strength]) => ({ segment_id, strength })),
    ...(muting ? { mute: muted } : {}),
  };
}

function full() {
  const { likes, dislikes } = here().taste;
  if (likes.length + dislikes.length < MOST_ITEMS) return false;
  notify(`A history has at most ${count(MOST_ITEMS)} items; remove one first.`);
  return true;
}
