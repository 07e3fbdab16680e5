/** The service, asked over HTTP: with its key, in its own pace, and with a memory of items and segments. */

import { askForKey } from "./key_prompt.js";
import { notify, warn } from "./notices.js";
import { keepValue, kept } from "./storage.js";

const KEY = "sparseshelf.key";
const STARTING = "The service is starting …";
const AWAY = "The service does not answer. Trying again …";
const MOST_RETRIES = 3;
const LONGEST_WAIT_MS = 10_000;
const TOLD_AFTER_MS = 1000; // workers change their models one after the other, and answer in turns meanwhile
const KEPT = 5000; // items and segments each, before all are forgotten

/** What came in the place of an answer. `code` is the service's, or "UNREACHABLE". */
class ServiceError extends Error {
  constructor(status, code, detail, errors = []) {
    super(detail);
    Object.assign(this, { status, code, errors });
  }
}

let version = null;
let returning = null; // to the service, once it was lost
let telling = null; // of another version
let asking = null; // for a key, once for all who need one
let declined = false; // to give one: nobody is asked twice
const changes = new EventTarget();

/** Tells of a "version", another model that answers from now on, and of "back", the service after it was away. */
export function onChange(kind, listener) {
  changes.addEventListener(kind, listener);
}

/** The answer to a request, parsed, with the outcome of the cache as `cache`. Raises ServiceError, or AbortError. */
export async function ask(method, path, body = undefined, signal = undefined) {
  for (let attempt = 0; ; attempt++) {
    const key = kept("sessionStorage", KEY);
    const response = await sent(method, path, body, signal, key);
    if (response.ok) {
      const answer = await parsed(response);
      noticeVersion(response.headers.get("x-model-version"));
      return { ...answer, cache: response.headers.get("x-cache") ?? undefined };
    }
    const problem = await problemOf(response);
    if (response.status === 401 && !declined) {
      if (kept("sessionStorage", KEY) !== key) continue; // one was given since this was sent
      asking ??= askForKey(key !== null).finally(() => (asking = null));
      const given = await asking;
      declined = given === null;
      if (declined) throw problem;
      keepValue("sessionStorage", KEY, given);
    } else if (problem.code === "NOT_READY") {
      await lost(STARTING);
    } else if ((response.status === 429 || response.status === 503) && attempt < MOST_RETRIES) {
      const seconds = Number(response.headers.get("retry-after")) || 1;
      await slept(Math.min(seconds * 1000, LONGEST_WAIT_MS), signal);
    } else throw problem;
  }
}

/** Asks for a key after all, and for everything that could not be answered without. */
export function askForKeyAgain() {
  declined = false;
  changes.dispatchEvent(new Event("back"));
}

export const post = (path, body, signal) => ask("POST", path, body, signal);
export const get = (path, signal) => ask("GET", path, undefined, signal);

/** A path of ids, whatever they are made of, with the words of a query. */
export function path(parts, words = {}) {
  const said = new URLSearchParams(words).toString();
  return parts.map(encodeURIComponent).join("/") + (said ? `?${said}` : "");
}

async function sent(method, where, body, signal, key) {
  const headers = {};
  if (key !== null) headers.authorization = `Bearer ${key}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    return await fetch(where, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    lost();
    throw new ServiceError(0, "UNREACHABLE", navigator.onLine ? "The service does not answer." : "You are offline.");
  }
}

async function parsed(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(response.status, "UNKNOWN", "What came is no answer of the service.");
  }
}

async function problemOf(response) {
  try {
    const { code, detail, errors } = await response.json();
    return new ServiceError(response.status, code, detail ?? response.statusText, errors ?? []);
  } catch {
    return new ServiceError(response.status, "UNKNOWN", `${response.status} ${response.statusText}`);
  }
}

// ---------------------------------------------------------------- away and back

/** Says that the service is away, and ends when it answers again. */
export function lost(words = AWAY) {
  returning ??= returned(words).finally(() => (returning = null));
  return returning;
}

async function returned(words) {
  for (let wait = 500; ; wait = Math.min(wait * 1.5, 5000)) {
    warn(navigator.onLine ? words : "You are offline. This page goes on when you are back.");
    const enough = new AbortController();
    await Promise.race([slept(wait), new Promise((done) => addEventListener("online", done, { once: true, signal: enough.signal }))]);
    enough.abort();
    try {
      const response = await fetch("health/ready", { cache: "no-store" });
      if (response.ok) break;
      words = STARTING;
    } catch {
      words = AWAY;
    }
  }
  warn(null);
  changes.dispatchEvent(new Event("back"));
}

addEventListener("offline", () => lost());

function noticeVersion(answered) {
  if (answered === null || answered === version) return;
  const before = version;
  version = answered;
  if (before === null) return;
  known.items.clear();
  known.segments.clear();
  card = null;
  telling ??= setTimeout(() => {
    telling = null;
    notify(`Another model answers now: ${version}`);
    changes.dispatchEvent(new Event("version"));
  }, TOLD_AFTER_MS);
}

function slept(milliseconds, signal) {
  return new Promise((done, failed) => {
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), failed(new DOMException("", "AbortError"))));
  });
}

// ---------------------------------------------------------------- what is remembered

const known = { items: new Map(), segments: new Map() };
let card = null;

/** What is known of items, by id, asked for once; ids that the model does not hold are left out. */
export async function items(ids, signal) {
  const missing = [...new Set(ids)].filter((id) => !known.items.has(id));
  if (missing.length) {
    if (known.items.size > KEPT) known.items.clear();
    const asked = known.items.size ? missing : [...new Set(ids)];
    for (let at = 0; at < asked.length; at += 1000) {
      const answer = await post("items", { item_ids: asked.slice(at, at + 1000), code: true }, signal);
      for (const item of answer.items) known.items.set(item.item_id, item);
      for (const id of answer.unknown_items) known.items.set(id, null);
    }
  }
  return new Map(ids.filter((id) => known.items.get(id)).map((id) => [id, known.items.get(id)]));
}

/** The item, where it was asked for before. */
export const itemNow = (id) => known.items.get(id) ?? null;

/** A segment with its signed dims; null where the model has none of this id. */
export async function segment(id, signal) {
  if (!known.segments.has(id)) {
    if (known.segments.size > KEPT) known.segments.clear();
    const answer = await get(path(["segments", id], { n: 20 }), signal).catch((error) => {
      if (error.status === 404) return null;
      throw error;
    });
    known.segments.set(id, answer);
  }
  return known.segments.get(id);
}

/** The segment, where it was asked for before. */
export const segmentNow = (id) => known.segments.get(id) ?? null;

/** What answers: its card, asked for once a version. */
export function model() {
  card ??= get("model").catch((error) => {
    card = null;
    throw error;
  });
  return card;
}
