// Runs before the page's own scripts: when was an input, and when was the last thing it changed in <main> painted?
{
  let began = null; // of the input that is waited for
  let painted = 0;
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
  const noticed = () => {
    changed = performance.now();
    pending++;
    requestAnimationFrame(() => requestAnimationFrame((now) => ((painted = Math.max(painted, performance.now(), now)), pending--)));
  };
  addEventListener("DOMContentLoaded", () =>
    new MutationObserver((mutations) => mutations.some(({ attributeName }) => attributeName !== "aria-busy") && noticed()).observe(
      document.getElementById("main"),
      { subtree: true, childList: true, characterData: true, attributes: true },
    ),
  );
  for (const kind of ["click", "input", "keydown"])
    addEventListener(kind, (event) => began === "waiting" && event.isTrusted && (began = event.timeStamp), { capture: true });

  window.paintWatch = {
    // The next input counts; the one before it is forgotten.
    arm: () => ((began = "waiting"), (painted = 0)),
    // The last of several inputs counts.
    again: () => (began = "waiting"),
    settled: (quiet) => !asking && !pending && performance.now() - changed > quiet && !document.querySelector("#main [aria-busy=true]"),
    // Milliseconds from the input to the paint; null where nothing changed.
    taken: () => (typeof began === "number" && painted > began ? painted - began : null),
    // Milliseconds from the navigation to the paint.
    sinceOpened: () => painted,
  };
}
