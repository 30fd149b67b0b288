// Keeps the tables fresh. Without it the page is complete, and stands still.
"use strict";
const live = document.querySelector("#live");
let last = live.innerHTML;
async function refresh() {
  const busy = live.contains(document.activeElement) || [...live.querySelectorAll("video")].some((v) => !v.paused);
  if (!busy && !document.hidden) {
    try {
      const answer = await fetch("/_emulator/live" + location.search);
      const text = await answer.text();
      if (answer.ok && text !== last) { last = text; live.innerHTML = text; }
    } catch { /* the emulator is gone; the page stays as it was */ }
  }
  setTimeout(refresh, 1000);
}
setTimeout(refresh, 1000);
