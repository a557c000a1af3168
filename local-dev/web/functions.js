// Functions and routes of the template.

import { duration, element, empty, show, table } from "./dom.js";

const at = (id) => document.getElementById(id);
const pill = (state) => element("span", { class: `pill ${state}` }, state);
const reason = (text) => (text ? element("span", { class: "reason" }, text) : null);

/** Shows the functions of a state. */
export function showFunctions({ functions, now }) {
  if (functions.length === 0) {
    show(at("functions"), empty("The template has no functions"));
    return;
  }
  const columns = [
    { title: "Function" },
    { title: "State" },
    { title: "Environments", number: true },
    { title: "Invoked", number: true },
    { title: "Cold", number: true },
    { title: "Errors", number: true },
    { title: "Mean", number: true },
  ];
  const rows = functions.map((f) => [
    element("span", {}, f.id, program(f), reason(f.reason), lastError(f, now)),
    pill(f.state),
    f.environments.length === 0
      ? "0"
      : element("span", { title: f.environments.map((e) => `pid ${e.pid}: ${e.state}`).join("\n") },
        String(f.environments.length)),
    String(f.invocations),
    String(f.cold_starts),
    f.errors > 0 ? element("span", { class: "error" }, String(f.errors)) : "0",
    f.invocations > 0 ? `${f.mean_ms.toFixed(1)} ms` : "",
  ]);
  show(at("functions"), table(columns, rows));
}

/** The last part of its path; the rest is the same for all. */
function program({ program }) {
  if (!program) return null;
  return element("code", { class: "soft", title: program }, ` ${program.split("/").pop()}`);
}

function lastError(f, now) {
  if (!f.last_error) return null;
  return reason(`${duration(now - f.last_error.at)} ago: ${f.last_error.message}`);
}

/** Shows the routes of a state, and what is said about its template. */
export function showRoutes({ routes, findings, stages, not_reloaded }) {
  const several = new Set(stages.map((stage) => stage.api)).size > 1;
  const columns = [
    { title: "Route" },
    { title: "Calls" },
    { title: "Timeout", number: true },
    { title: "State" },
  ];
  const rows = routes.map((route) => [
    element("span", {}, several && route.api ? element("span", { class: "soft" }, `${route.api} `) : null,
      element("code", { class: "key" }, route.key)),
    element("span", {}, route.function ?? "nothing",
      route.note ? element("span", { class: "soft" }, ` ${route.note}`) : null, reason(route.reason)),
    route.timeout_ms ? duration(route.timeout_ms) : "",
    pill(route.state),
  ]);
  show(at("routes"), table(columns, rows));
  show(
    at("findings"),
    not_reloaded ? element("pre", { class: "error" }, `Not reloaded, what ran before goes on: ${not_reloaded}`) : "",
    ...findings.map((finding) =>
      element("p", {}, element("code", { class: "soft" }, finding.at), ` ${finding.kind}: ${finding.what}`,
        finding.help ? element("span", { class: "soft" }, ` ${finding.help}`) : null)),
  );
}
