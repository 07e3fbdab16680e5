/** What the browser keeps for this page; where it is told to keep nothing, the page does so itself, until it is left. */

const here = new Map();

/** A value of "localStorage", or of "sessionStorage", which ends with the tab; null where there is none. */
export function kept(storage, name) {
  try {
    return window[storage].getItem(name);
  } catch {
    return here.get(name) ?? null;
  }
}

export function keepValue(storage, name, value) {
  try {
    window[storage].setItem(name, value);
  } catch {
    here.set(name, value);
  }
}
