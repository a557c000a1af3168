// The console: a state that is asked for again when something happens, and the stream of events.

import { follow, state } from "./api.js";
import { prepareConnections, showConnections } from "./connections.js";
import { element } from "./dom.js";
import { addEvent, prepareEvents } from "./events.js";
import { prepareFaults, showFaults } from "./faults.js";
import { showFunctions, showRoutes } from "./functions.js";

const at = (id) => document.getElementById(id);
/** Idle times grow while nothing happens. */
const REFRESH_MS = 2000;
/** Many events in a row ask for one state. */
const SOON_MS = 200;

let due = 0;
let soon = false;
let asking = false;

async function refresh() {
  if (asking) return;
  asking = true;
  soon = false;
  try {
    show(await state());
    await showFaults();
  } catch (error) {
    showHealth("failed", "not running", error.message);
  } finally {
    asking = false;
    refreshIn(soon ? SOON_MS : REFRESH_MS);
  }
}

function refreshIn(ms) {
  clearTimeout(due);
  due = setTimeout(refresh, ms);
}

function show(state) {
  at("version").textContent = `${state.version} · ${state.template}`;
  const waiting = state.functions.filter((f) => f.state !== "ready");
  if (waiting.length === 0) showHealth("ready", "ready", "every function is ready");
  else {
    const worst = waiting.some((f) => f.state !== "starting") ? "failed" : "starting";
    showHealth(worst, `${waiting.length} of ${state.functions.length} not ready`,
      waiting.map((f) => `${f.id}: ${f.reason ?? f.state}`).join("\n"));
  }
  showEndpoints(state);
  showConnections(state);
  showFunctions(state);
  showRoutes(state);
}

function showHealth(kind, text, title) {
  const pill = at("health");
  pill.className = `pill ${kind}`;
  pill.textContent = text;
  pill.title = title;
}

function showEndpoints({ endpoints, stages }) {
  const nav = at("endpoints");
  if (nav.childElementCount > 0) return;
  const copy = (url) => element("button", { type: "button", class: "link", title: "copy" }, url);
  nav.addEventListener("click", ({ target }) => {
    if (target.tagName === "BUTTON") navigator.clipboard?.writeText(target.textContent).catch(() => {});
  });
  if (endpoints.page !== endpoints.console) {
    nav.append(element("a", { href: endpoints.page }, "page"));
  }
  if (stages.length === 1) nav.append(copy(endpoints.websocket), copy(endpoints.management));
  else nav.append(...stages.map((stage) => copy(stage.websocket)));
}

prepareConnections();
prepareEvents();
prepareFaults();
follow(
  (event) => {
    addEvent(event);
    if (soon) return;
    soon = true;
    if (!asking) refreshIn(SOON_MS);
  },
  (linked) => {
    if (!linked) showHealth("failed", "not running", "the emulator does not answer");
    else refresh();
  },
);
refresh();
