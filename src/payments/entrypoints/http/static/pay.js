// Follows a payer's page: asks how it stands, and shows it anew once it says something else.
"use strict";

const EVERY_MS = 3000;
const SLOWEST_MS = 30000;
const shown = document.querySelector("[data-face]").dataset.face;

async function look(waitMs) {
  let nextMs = Math.min(waitMs * 2, SLOWEST_MS);
  try {
    // Served with and without its trailing slash, so the address is put together from the path.
    const path = location.pathname.replace(/\/?$/, "/status/");
    const answer = await fetch(path, { cache: "no-store", referrerPolicy: "no-referrer" });
    if (answer.status === 404 || (answer.ok && (await answer.json()).face !== shown)) {
      location.reload();
      return;
    }
    if (answer.ok) nextMs = EVERY_MS;
  } catch {
    // No network for a moment: asked again, ever more seldom.
  }
  setTimeout(look, nextMs, nextMs);
}

setTimeout(look, EVERY_MS, EVERY_MS);
