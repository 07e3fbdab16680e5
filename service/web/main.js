/**
 * The page as a whole. A view is `view(place, {nDims, nItems})`, which fills a place of its own and gives what brings it up to date,
 * `{refresh}`: called whenever the address, the taste or the model is another.
 */

import { here, linkTo, onMove } from "./address.js";
import { h } from "./element.js";
import { explore } from "./explore.js";
import { failure } from "./failure.js";
import { home } from "./home.js";
import { itemPage } from "./item_page.js";
import { modelCard } from "./model_card.js";
import { announce, notify } from "./notices.js";
import { profile } from "./profile.js";
import { segmentPage } from "./segment_page.js";
import { model, onChange } from "./service.js";
import { keepValue, kept } from "./storage.js";
import { tasteBar } from "./taste_bar.js";

const MADE = { home, profile, explore, segment: segmentPage, item: itemPage, model: modelCard };
const TITLES = { home: "Home", profile: "Profile", explore: "Explore", segment: "Segment", item: "Item", model: "Model" };

const places = new Map();
let card = null; // of the model
const context = { nDims: () => card?.n_dims ?? 1, nItems: () => card?.n_items ?? Infinity };
const main = document.getElementById("main");
const bar = tasteBar(document.getElementById("taste"), context.nDims);
const trouble = h("div");
main.append(trouble);
let shown = null;

async function show() {
  const { view } = here();
  if (!places.has(view)) {
    const element = document.createElement("div");
    element.className = `view ${view}`;
    main.append(element);
    places.set(view, { element, refresh: MADE[view](element, context).refresh });
  }
  for (const [name, { element }] of places) element.hidden = name !== view;
  for (const link of document.querySelectorAll("[data-view]")) {
    const { view: to } = link.dataset;
    link.href = linkTo(to);
    const current = to === view || (to === "explore" && (view === "segment" || view === "item"));
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const arrived = `${view} ${here().about}`;
  if (arrived !== shown) {
    document.title = view === "home" ? "sparseshelf" : `${TITLES[view]} · sparseshelf`;
    if (shown !== null) arrive(TITLES[view]);
    shown = arrived;
  }
  const refreshed = places.get(view).refresh(); // the service has something to do while the bar is drawn
  bar().catch(() => {}); // the view says what is wrong
  await refreshed;
}

/** At the top of another view; what led there from within the last one is not there any more, and cannot keep the focus. */
function arrive(title) {
  scrollTo({ top: 0 });
  announce(title);
  const focused = document.activeElement;
  if (focused === null || focused === document.body || main.contains(focused)) main.focus({ preventScroll: true });
}

async function begin() {
  try {
    card = await model();
    trouble.replaceChildren();
    document.getElementById("version").textContent = card.model_version;
  } catch (error) {
    card = null;
    if (error.status === 401) return trouble.replaceChildren(failure(error, begin)); // a view would only ask for the key again
  }
  await show();
}

onMove(() => (card ? show() : begin()));
onChange("back", begin);
onChange("version", () => {
  for (const made of main.querySelectorAll("[data-key]")) made.remove(); // an id may stand for something else by now
  begin();
});
begin();

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment is where we are
  main.focus();
});

// ---------------------------------------------------------------- light and dark

const THEME = "sparseshelf.theme";
const scheme = document.getElementById("theme");

function wear(theme) {
  document.documentElement.dataset.theme = theme;
  scheme.setAttribute("aria-label", `Colours: ${theme}`);
}

wear(kept("localStorage", THEME) ?? "auto");
scheme.addEventListener("click", () => {
  const next = { auto: "dark", dark: "light", light: "auto" }[document.documentElement.dataset.theme];
  keepValue("localStorage", THEME, next);
  wear(next);
  notify(`Colours: ${next}`);
});
