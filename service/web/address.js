/**
 * Where we are and for whom: the fragment of the address, which browsers never send. So a page can be shared and gone back
 * to, and no history comes into a server's log.
 *
 *     #/home?i=50&i=181&d=95&s:s3=0.5&mute=s9      i: liked, d: disliked, s:SEGMENT: strength, mute: segments
 *     #/segment/s3?q=…                             a view with what it is about, and what is looked for in it
 */

const VIEWS = ["home", "profile", "explore", "segment", "item", "model"];
export const NOBODY = Object.freeze({ likes: [], dislikes: [], steering: {}, muted: [] });
export const MOST_ITEMS = 1000;
const MOST_STEERED = 100;
const LONGEST_ID = 512;

/** The place that a fragment names: `view`, `about`, `query` and `taste`. */
export function parsed(fragment) {
  const [path, search = ""] = splitOnce(fragment.replace(/^#?\/?/, ""), "?");
  const [view, about] = splitOnce(path, "/");
  const words = new URLSearchParams(search);
  const likes = [...new Set(words.getAll("i").filter(isId))].slice(0, MOST_ITEMS);
  const steering = {};
  for (const [name, value] of words) {
    const strength = Number(value);
    if (name.startsWith("s:") && isId(name.slice(2)) && strength && Math.abs(strength) <= 10) steering[name.slice(2)] = strength;
  }
  const muted = [...new Set(words.getAll("mute").filter(isId))].slice(0, MOST_STEERED);
  return {
    view: VIEWS.includes(view) ? view : "home",
    about: about ? decoded(about) : null,
    query: words.get("q") ?? "",
    taste: {
      likes,
      dislikes: [...new Set(words.getAll("d").filter((id) => isId(id) && !likes.includes(id)))].slice(0, MOST_ITEMS - likes.length),
      steering: Object.fromEntries(Object.entries(steering).slice(0, MOST_STEERED)),
      muted,
    },
  };
}

/** The fragment that names a place. */
export function written({ view, about, query, taste }) {
  const words = new URLSearchParams();
  for (const id of taste.likes) words.append("i", id);
  for (const id of taste.dislikes) words.append("d", id);
  for (const [id, strength] of Object.entries(taste.steering)) words.append(`s:${id}`, String(strength));
  for (const id of taste.muted) words.append("mute", id);
  if (query) words.append("q", query);
  const search = words.toString();
  return `#/${view}${about === null ? "" : `/${encodeURIComponent(about)}`}${search ? `?${search}` : ""}`;
}

const PAUSE_MS = 250;
let writing = 0;
let place = parsed(location.hash);
const listeners = new Set();

export const here = () => place;

/** Tells a listener of every place that is gone to from now on. */
export function onMove(listener) {
  listeners.add(listener);
}

/** The address of a view for the same taste. */
export function linkTo(view, about = null, query = "") {
  return written({ view, about, query, taste: place.taste });
}

/** Goes to another place; `replace` where going back should not stop here, as while a slider moves. */
export function go(change, { replace = false } = {}) {
  if (writing && !replace) write("replaceState"); // what the last slider left, before there is another place
  place = { ...place, ...change };
  clearTimeout(writing);
  writing = replace ? setTimeout(write, PAUSE_MS, "replaceState") : 0;
  if (!replace) write("pushState");
  for (const listener of listeners) listener(place);
}

/** Browsers allow a hundred changes of the address in half a minute, and a slider makes them in a second. */
function write(how) {
  clearTimeout(writing);
  writing = 0;
  const fragment = written(place);
  if (fragment !== location.hash) history[how](null, "", fragment);
}

/** Another taste at the same place. */
export function goWith(change, how) {
  go({ taste: { ...place.taste, ...change } }, how);
}

window.addEventListener("popstate", () => {
  clearTimeout(writing);
  writing = 0;
  place = parsed(location.hash);
  for (const listener of listeners) listener(place);
});

/** A link says where to go, and for whom when it was drawn: who follows one now goes on as who they are by now. */
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#/']");
  if (!link || event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const { view, about, query } = parsed(link.getAttribute("href"));
  go({ view, about, query });
});

function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function isId(text) {
  return text.length > 0 && text.length <= LONGEST_ID;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
