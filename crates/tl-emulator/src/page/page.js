// Refreshes the page by server-sent events, and adds copy buttons, bodies of requests and keys.
// The page works without this script.
"use strict";
document.documentElement.classList.add("script");
const parts = [...document.querySelectorAll(".live")];
const last = new Map(parts.map((part) => [part.id, part.innerHTML]));
// The bodies that were loaded, by the number of the request.
const bodies = new Map();
const said = document.getElementById("said");

// Labels for narrow windows, where each row is a card, and a copy button after each ID.
function decorate(part) {
  for (const table of part.querySelectorAll("table")) {
    const titles = [...table.querySelectorAll("thead th")].map((title) => title.textContent);
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.cells].forEach((cell, column) => (cell.dataset.title = titles[column] ?? ""));
    }
  }
  for (const id of part.querySelectorAll("code.id")) {
    if (id.nextElementSibling?.classList.contains("copy")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.ariaLabel = `Copy ${id.textContent}`;
    id.after(button);
  }
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function showBodies(entry) {
  const place = entry.querySelector(".bodies");
  const shown = bodies.get(entry.dataset.number);
  if (!shown || place.querySelector("pre")) return;
  for (const [title, body] of shown) {
    const heading = document.createElement("h3");
    heading.textContent = title;
    const text = document.createElement("pre");
    text.textContent = body ? pretty(body) : "empty";
    text.tabIndex = 0;
    place.append(heading, text);
  }
}

async function loadBodies(entry) {
  const number = entry.dataset.number;
  if (!bodies.has(number)) {
    const response = await fetch(entry.querySelector(".bodies a").href);
    const found = response.ok ? (await response.json()).entries[0] : undefined;
    if (!found) return;
    bodies.set(number, [["Request", found.request_body], ["Response", found.response_body]]);
  }
  showBodies(entry);
}

function replace(part, html) {
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const scroller = part.querySelector(".scroll");
  const left = scroller ? scroller.scrollLeft : 0;
  const open = [...part.querySelectorAll("details[open]")].map((entry) => entry.dataset.number);
  part.innerHTML = html;
  decorate(part);
  for (const entry of part.querySelectorAll("details.entry")) {
    if (open.includes(entry.dataset.number)) {
      entry.open = true;
      showBodies(entry);
    }
  }
  if (left && part.querySelector(".scroll")) part.querySelector(".scroll").scrollLeft = left;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// Whether the user works in this part: a replacement would disturb.
function isInUse(part) {
  const selection = getSelection();
  const isSelected = selection && !selection.isCollapsed && selection.containsNode(part, true);
  const at = document.activeElement;
  const isRead = part.contains(at) && at.matches(".scroll, .copy, summary, pre, .bodies a");
  return isSelected || isRead;
}

function refresh(html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  for (const part of parts) {
    const html = fresh.content.getElementById(part.id)?.innerHTML;
    if (html !== undefined && html !== last.get(part.id) && !isInUse(part)) {
      last.set(part.id, html);
      replace(part, html);
    }
  }
}

// Only while the page is visible: a browser opens six connections to a server at most.
let events;
let waiting = "";
function connect() {
  const isShown = parts.length > 0 && !document.hidden;
  if (isShown === Boolean(events)) return;
  events?.close();
  events = undefined;
  if (!isShown) return;
  const query = new URLSearchParams(location.search);
  query.set("tab", document.getElementById("main").dataset.tab);
  events = new EventSource(`/_emulator/live/events?${query}`);
  events.onmessage = (event) => refresh((waiting = event.data));
  events.onopen = () => document.body.classList.remove("stale");
  events.onerror = () => document.body.classList.add("stale");
}
document.addEventListener("visibilitychange", connect);
addEventListener("pageshow", connect);
addEventListener("pagehide", () => {
  events?.close();
  events = undefined;
});
// What was in use is brought up to date afterwards.
setInterval(() => waiting && refresh(waiting), 1000);
for (const part of [...parts, ...document.querySelectorAll(".address")]) decorate(part);

document.addEventListener("toggle", (event) => {
  if (event.target.matches("details.entry[open]")) loadBodies(event.target);
}, true);

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.previousElementSibling.textContent);
  button.textContent = said.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  if (event.key === "/") {
    event.preventDefault();
    document.querySelector("input[name=q]").select();
  }
  document.querySelectorAll("nav[aria-label=Tabs] a")[Number(event.key) - 1]?.click();
});
