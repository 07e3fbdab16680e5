// Runs before the page's own scripts: when was an input, and when was the last thing it changed in <main> painted?
{
  const UNSEEN = ["aria-busy", "tabindex"]; // attributes that change no pixel
  let awaited = null; // the kind of event that counts, and whether the last of several does
  let began = null; // of that event
  let painted = 0; // what lies in the window
  let whole = 0; // and all else
  let pending = 0; // frames that are waited for
  let asking = 0; // requests that are under way
  let changed = 0;
  const paints = []; // of inputs that took a frame or more, as the browser's Event Timing has them

  const ask = window.fetch;
  window.fetch = async (...given) => {
    asking++;
    try {
      return await ask(...given);
    } finally {
      asking--;
    }
  };

  // The second frame begins when the first one has been painted; then the browser knows where everything lies.
  const noticed = (elements) => {
    changed = performance.now();
    pending++;
    const done = (now) => {
      whole = Math.max(whole, performance.now(), now);
      if ([...elements].some(isVisible)) painted = whole;
      pending--;
    };
    requestAnimationFrame(() => requestAnimationFrame(done));
  };
  // A row lies in the window with its first cards and outside of it with its last: what comes into one or goes counts by
  // where it lies itself, or where what follows it does, or what is before it.
  const changedBy = ({ target, addedNodes, nextSibling, previousSibling }) => {
    const element = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
    if (!element?.matches(".row")) return [element];
    if (addedNodes.length) return [...addedNodes];
    return [nextSibling ?? previousSibling ?? element];
  };
  // A shelf is asked first: to ask what is in one that is not drawn yet would have it laid out.
  const isVisible = (element) => {
    const shelf = element?.closest(".shelf");
    return (!shelf || isInWindow(shelf)) && isInWindow(element);
  };
  const isInWindow = (element) => {
    const { top, bottom, left, right } = element?.getBoundingClientRect() ?? {};
    return top < innerHeight && bottom > 0 && left < innerWidth && right > 0;
  };
  addEventListener("DOMContentLoaded", () =>
    new MutationObserver((mutations) => {
      const seen = mutations.filter(({ attributeName }) => !UNSEEN.includes(attributeName));
      if (seen.length) noticed(new Set(seen.flatMap(changedBy)));
    }).observe(document.getElementById("main"), { subtree: true, childList: true, characterData: true, attributes: true }),
  );
  for (const kind of ["click", "input", "keydown"]) {
    const happened = ({ isTrusted, timeStamp }) => {
      if (isTrusted && kind === awaited?.kind && (awaited.last || began === null)) began = timeStamp;
    };
    addEventListener(kind, happened, { capture: true });
  }

  const timings = (entries) => paints.push(...entries.map(({ startTime, duration }) => ({ startTime, duration })));
  const observer = new PerformanceObserver((list) => timings(list.getEntries()));
  observer.observe({ type: "event", durationThreshold: 16 });

  window.paintWatch = {
    // The next event of a kind counts, or with `last` the last of them; what was before is forgotten.
    arm: (kind, last) => ((awaited = { kind, last }), (began = null), (painted = whole = 0)),
    settled: (quiet) => changed && !asking && !pending && performance.now() - changed > quiet && !document.querySelector("#main [aria-busy=true]"),
    // Milliseconds from the event to the paint of what lies in the window; null where nothing changed.
    taken: () => (began !== null && painted > began ? painted - began : null),
    // Milliseconds from the event to the browser's next paint, whatever that shows (Event Timing, to 8 ms; below 16 is 0).
    nextPaint: () => {
      timings(observer.takeRecords());
      return Math.max(0, ...paints.filter(({ startTime }) => Math.abs(startTime - began) < 1).map(({ duration }) => duration));
    },
    // The same as taken() of the whole page, also of what one has to scroll to.
    takenByAll: () => (began !== null && whole > began ? whole - began : null),
    // Milliseconds from the navigation to the paint of the whole page.
    sinceOpened: () => whole,
  };
}
