// Runs before the page's own scripts: when was an input, and when was the last thing it changed in <main> painted?
{
  let began = null; // of the input that is waited for
  let painted = 0; // what lies in the window
  let whole = 0; // and all else
  let pending = 0; // frames that are waited for
  let asking = 0; // requests that are under way
  let changed = 0;

  const ask = window.fetch;
  window.fetch = async (...given) => {
    asking++;
    try {
      return await ask(...given);
    } finally {
      asking--;
    }
  };

  // The second frame begins when the first one has been painted.
  const noticed = (inWindow) => {
    changed = performance.now();
    pending++;
    const done = (now) => {
      whole = Math.max(whole, performance.now(), now);
      if (inWindow) painted = whole;
      pending--;
    };
    requestAnimationFrame(() => requestAnimationFrame(done));
  };
  // A shelf is asked as a whole: to ask what is in one that is not drawn yet would have it laid out.
  const boxOf = ({ target }) => {
    const element = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
    return element?.closest(".shelf") ?? element;
  };
  const inWindow = (element) => {
    const { top, bottom } = element?.getBoundingClientRect() ?? {};
    return top < innerHeight && bottom > 0;
  };
  addEventListener("DOMContentLoaded", () =>
    new MutationObserver((mutations) => {
      const seen = mutations.filter(({ attributeName }) => attributeName !== "aria-busy");
      if (seen.length) noticed([...new Set(seen.map(boxOf))].some(inWindow));
    }).observe(document.getElementById("main"), { subtree: true, childList: true, characterData: true, attributes: true }),
  );
  for (const kind of ["click", "input", "keydown"])
    addEventListener(kind, (event) => began === "waiting" && event.isTrusted && (began = event.timeStamp), { capture: true });

  window.paintWatch = {
    // The next input counts; the one before it is forgotten.
    arm: () => ((began = "waiting"), (painted = whole = 0)),
    // The last of several inputs counts.
    again: () => (began = "waiting"),
    settled: (quiet) => !asking && !pending && performance.now() - changed > quiet && !document.querySelector("#main [aria-busy=true]"),
    // Milliseconds from the input to the paint of what lies in the window; null where nothing changed.
    taken: () => (typeof began === "number" && painted > began ? painted - began : null),
    // The same of the whole page, also of what one has to scroll to.
    takenByAll: () => (typeof began === "number" && whole > began ? whole - began : null),
    // Milliseconds from the navigation to the paint of the whole page.
    sinceOpened: () => whole,
  };
}
