// Looks again until what the page shows has changed, then shows the page anew.
"use strict";
(() => {
  const shown = document.querySelector("[data-revision]");
  const address = `/shop/orders/${encodeURIComponent(shown.dataset.order)}/revision.json`;
  const look = async () => {
    try {
      const answer = await fetch(address, { cache: "no-store" });
      const { revision } = await answer.json();
      if (answer.ok && revision !== shown.dataset.revision) {
        location.replace(location.pathname.replace(/\/pay$/, ""));
        return;
      }
    } catch {
      // The service may be starting again; the next look will tell.
    }
    setTimeout(look, 1000);
  };
  setTimeout(look, 700);
})();
