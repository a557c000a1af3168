// The stream of events: newest last, with a filter.

import { clock, element } from "./dom.js";

const SHOWN = 1000;
const GROUPS = {
  connections: ["connected", "disconnected", "refused"],
  messages: ["received", "routed", "posted", "answered", "error_sent", "not_sent", "bad_signature"],
  functions: ["invoked", "queued", "scheduled", "environment_started", "environment_stopped",
    "throttled", "attempt_failed", "function_failed"],
  logs: ["log"],
  faults: ["fault_injected"],
};
const at = (id) => document.getElementById(id);

const kept = [];
let fresh = [];
let paused = false;

/** Takes an event. Those of one frame of the screen are shown together. */
export function addEvent(event) {
  kept.push(event);
  if (kept.length > SHOWN) kept.shift();
  if (paused || !wanted(event)) return;
  if (fresh.length === 0) requestAnimationFrame(showFresh);
  fresh.push(event);
}

function showFresh() {
  const list = at("events");
  // Who has scrolled up to read something stays there.
  const follow = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(...fresh.slice(-SHOWN).map(row));
  fresh = [];
  while (list.childElementCount > SHOWN) list.firstElementChild.remove();
  if (follow) list.scrollTop = list.scrollHeight;
  count();
}

/** Makes the filter and its buttons work. */
export function prepareEvents() {
  at("events-text").addEventListener("input", showAll);
  at("events-group").addEventListener("change", showAll);
  at("events-filter").addEventListener("submit", (submit) => submit.preventDefault());
  at("events-pause").addEventListener("click", () => {
    paused = !paused;
    at("events-pause").setAttribute("aria-pressed", String(paused));
    if (!paused) showAll();
  });
  at("events-clear").addEventListener("click", () => {
    kept.length = 0;
    showAll();
  });
}

function showAll() {
  fresh = [];
  const list = at("events");
  list.replaceChildren(...kept.filter(wanted).map(row));
  list.scrollTop = list.scrollHeight;
  count();
}

function count() {
  at("events-count").textContent = String(at("events").childElementCount);
}

function wanted(event) {
  const group = at("events-group").value;
  if (group === "errors" && !isError(event)) return false;
  if (group && group !== "errors" && !GROUPS[group].includes(event.event)) return false;
  const text = at("events-text").value.trim().toLowerCase();
  return !text || JSON.stringify(event).toLowerCase().includes(text);
}

function isError({ event, outcome }) {
  return ["refused", "error_sent", "not_sent", "bad_signature", "throttled", "attempt_failed", "function_failed"].includes(event)
    || (outcome !== undefined && outcome !== "response");
}

function row(event) {
  const group = Object.keys(GROUPS).find((name) => GROUPS[name].includes(event.event)) ?? "";
  const details = element("details", {},
    element("summary", {},
      element("span", { class: "soft" }, clock(event.at)),
      element("span", { class: `kind ${isError(event) ? "errors" : group}` }, event.event.replace("environment", "env").replace("_", " ")),
      element("span", {}, sentence(event))));
  details.addEventListener("toggle", () => {
    if (details.childElementCount === 1) {
      details.append(element("pre", {}, JSON.stringify(event, null, 2)));
    }
  });
  return element("li", {}, details);
}

/** What happened, on one line. */
function sentence(e) {
  const ms = (value) => `${value.toFixed(1)} ms`;
  switch (e.event) {
    case "connected": return [e.connection, e.principal].filter(Boolean).join(" as ");
    case "disconnected": return `${e.connection} ${e.code} ${e.reason} by ${e.by}`;
    case "refused": return `${e.status}: ${e.why}`;
    case "received": return `${e.connection} → ${e.route ?? "no route"}, ${e.bytes} bytes`;
    case "routed": return `${e.route} → ${e.function}: ${e.outcome} after ${ms(e.duration_ms)}`;
    case "invoked": return `${e.function}: ${e.error_type ?? e.outcome} after ${ms(e.duration_ms)}${e.cold ? ", cold" : ""}`;
    case "posted":
    case "answered": return `${e.connection} ← ${e.bytes} bytes`;
    case "error_sent": return `${e.connection} ← ${e.message}: ${[e.route, e.why].filter(Boolean).join(": ")}`;
    case "bad_signature": return `${e.service}: ${e.cause.replaceAll("_", " ")}, ${e.refused ? "refused" : "answered"}`;
    case "reloaded": return [...e.functions, ...e.removed.map((id) => `without ${id}`)].join(", ") || "the template";
    case "reload_failed": return e.reason;
    case "not_sent": return `${e.connection}: ${e.why}`;
    case "environment_started": return `${e.function} #${e.environment}, pid ${e.pid}, ${ms(e.init_ms)}`;
    case "environment_stopped": return `${e.function} #${e.environment}: ${e.why}`;
    case "memory": return `${e.function} #${e.environment}: at most ${e.max_memory_mb} of ${e.memory_size_mb} MB`;
    case "function_failed": return `${e.function}: ${e.message}`;
    case "attempt_failed": return `${e.function}: attempt ${e.attempt}`;
    case "fault_injected": return [e.effect, "at", e.step, e.function ?? e.connection].filter(Boolean).join(" ");
    case "log": return `${e.function}  ${e.line}`;
    default: return e.function ?? "";
  }
}
