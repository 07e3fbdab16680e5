/** Elements made without markup: nothing that an answer says is ever parsed as HTML. */

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "svg:a", "g", "path", "rect", "circle", "line", "text", "polygon", "title", "desc"]);

/**
 * An element with its properties and children; "svg:a" is a link in a picture. `on` has listeners, `style` custom properties, the rest are attributes;
 * a child that is null or false is left out, a string becomes text.
 */
export function h(name, properties = {}, ...children) {
  const element = DRAWN.has(name) ? document.createElementNS(SVG, name.replace("svg:", "")) : document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (key === "style") for (const [property, said] of Object.entries(value)) element.style.setProperty(property, said);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value);
  }
  element.append(...present(children));
  return element;
}

const present = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

/** Replaces all children of `place`. What had the focus hands it on to what is there now, among tools where it was one. */
export function renew(place, ...children) {
  const focused = document.activeElement;
  const among = focused?.closest(".tools") ? ".tools button" : "a, button, input";
  const at = place.contains(focused) ? [...place.querySelectorAll(among)].indexOf(focused) : -1;
  place.replaceChildren(...present(children));
  const now = place.querySelectorAll(among);
  if (at >= 0) now[Math.min(at, now.length - 1)]?.focus({ preventScroll: true });
}

/** Sets the text of an element where it is another: what stays the same is neither drawn nor read out again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The same of an attribute. */
export function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * Makes the children of `parent` those of `entries`, in their order, keeping the element of each key.
 * `make(entry)` makes one, `update(element, entry)` brings it up to date. The focus stays where it was, or goes to a neighbour.
 */
export function keep(parent, entries, key, make, update = () => {}) {
  const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = entries.map((entry) => {
    const name = key(entry);
    const element = there.get(name) ?? make(entry);
    there.delete(name);
    if (element.dataset.key !== name) element.dataset.key = name;
    update(element, entry);
    return element;
  });
  const focused = document.activeElement;
  const at = [...parent.children].findIndex((child) => child.contains(focused));
  for (const gone of there.values()) gone.remove();
  const staying = inOrder(wanted, [...parent.children]);
  let next = null;
  for (const element of wanted.toReversed()) {
    if (!staying.has(element)) parent.insertBefore(element, next);
    next = element;
  }
  if (at < 0 || document.activeElement === focused) return;
  const neighbour = parent.children[Math.min(at, parent.children.length - 1)];
  focusSoon(parent.contains(focused) ? focused : neighbour?.querySelector("button, a, input"));
}

/** The most of `wanted` that are `there` in the same order already: whatever is moved, the browser lays out and paints anew. */
function inOrder(wanted, there) {
  const placeOf = new Map(there.map((element, place) => [element, place]));
  const ends = []; // of the rising runs by their length, each the one with the least last place
  for (const element of wanted) {
    const place = placeOf.get(element);
    if (place === undefined) continue;
    const length = ends.findIndex((end) => end.place > place);
    const at = length < 0 ? ends.length : length;
    ends[at] = { element, place, before: ends[at - 1] };
  }
  const staying = new Set();
  for (let end = ends.at(-1); end; end = end.before) staying.add(end.element);
  return staying;
}

let nextFocus = null;

/** Gives an element the focus once all is drawn that is being drawn: the browser lays out the page to give it. */
export function focusSoon(element) {
  if (!element) return;
  if (nextFocus === null) {
    queueMicrotask(() => {
      nextFocus.focus({ preventScroll: true });
      nextFocus = null;
    });
  }
  nextFocus = element;
}

/** Ends when what is drawn now is on the screen. */
export const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));

/** Runs `task` with the last of the values that came since it ran, once before the browser draws the next picture. */
export function eachFrame(task) {
  let waiting = null;
  return (...values) => {
    if (waiting === null) {
      requestAnimationFrame(() => {
        const last = waiting;
        waiting = null;
        task(...last);
      });
    }
    waiting = values;
  };
}
