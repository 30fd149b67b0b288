// Refreshes the tables every second. The page works without this script.
"use strict";
const parts = [...document.querySelectorAll(".live")];
const last = new Map(parts.map((part) => [part.id, part.innerHTML]));
function replace(part, html) {
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const scroller = part.querySelector(".scroll");
  const left = scroller ? scroller.scrollLeft : 0;
  part.innerHTML = html;
  if (left && part.querySelector(".scroll")) part.querySelector(".scroll").scrollLeft = left;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}
async function refresh() {
  if (!document.hidden) {
    try {
      const response = await fetch("/_emulator/live" + location.search);
      if (response.ok) {
        const fresh = document.createElement("template");
        fresh.innerHTML = await response.text();
        const selection = getSelection();
        for (const part of parts) {
          const html = fresh.content.getElementById(part.id)?.innerHTML;
          const isSelected = selection && !selection.isCollapsed && selection.containsNode(part, true);
          // Keep a region that is scrolled by keyboard, and text that is being selected.
          const isScrolled = document.activeElement?.classList.contains("scroll") && part.contains(document.activeElement);
          if (html !== undefined && html !== last.get(part.id) && !isSelected && !isScrolled) {
            last.set(part.id, html);
            replace(part, html);
          }
        }
      }
      document.body.classList.toggle("stale", !response.ok);
    } catch {
      document.body.classList.add("stale");
    }
  }
  setTimeout(refresh, 1000);
}
if (parts.length) setTimeout(refresh, 1000);
