// What goes wrong on purpose: the rules, and a form for a new one.

import { addFault, faults, removeFault, resetFaults } from "./api.js";
import { element, empty, show, table } from "./dom.js";

const at = (id) => document.getElementById(id);
const COLUMNS = [
  { title: "Effect" },
  { title: "When" },
  { title: "Fired", number: true },
  { title: "", actions: true },
];

/** Reads the rules and shows them. */
export async function showFaults() {
  const { faults: rules, steps } = await faults();
  showSteps(steps);
  at("faults-count").textContent = rules.length > 0 ? String(rules.length) : "";
  at("faults-reset").hidden = rules.length === 0;
  if (rules.length === 0) {
    show(at("faults"), empty("Nothing goes wrong on purpose"));
    return;
  }
  const rows = rules.map((rule) => [
    element("code", {}, rule.effect),
    element("span", { class: rule.over ? "soft" : "" }, when(rule)),
    String(rule.fired),
    element("button", { type: "button", "data-rule": rule.id }, "Remove"),
  ]);
  show(at("faults"), table(COLUMNS, rows));
}

/** `at post, connection X, 50 %, 3 times, over`. */
function when({ match, probability, times, ttl_ms: ttl, over }) {
  const { step, ...rest } = match;
  return [
    `at ${step}`,
    ...Object.entries(rest).map(([name, value]) => `${name} ${value}`),
    probability < 1 ? `${probability * 100} %` : "",
    times ? `${times} times` : "",
    ttl ? `for ${ttl} ms` : "",
    over ? "over" : "",
  ].filter(Boolean).join(", ");
}

/** Offers the steps and effects that the emulator has; once. */
function showSteps(steps) {
  const select = at("faults-step");
  if (select.childElementCount > 1) return;
  select.append(...steps.map(({ step }) => element("option", { value: step }, step)));
  const effects = new Set(steps.flatMap(({ effects }) => effects));
  at("faults-effects").append(...[...effects].sort().map((effect) => element("option", { value: effect })));
}

/** Makes the form and the buttons work. */
export function prepareFaults() {
  at("faults-form").addEventListener("submit", async (submit) => {
    submit.preventDefault();
    const text = (id) => at(id).value.trim();
    const match = {};
    if (text("faults-step")) match.step = text("faults-step");
    if (text("faults-connection")) match.connection = text("faults-connection");
    const rule = { effect: text("faults-effect"), match };
    if (text("faults-probability")) rule.probability = Number(text("faults-probability"));
    if (text("faults-times")) rule.times = Number(text("faults-times"));
    await told(addFault(rule));
  });
  at("faults-reset").addEventListener("click", () => told(resetFaults()));
  at("faults").addEventListener("click", ({ target }) => {
    if (target.dataset.rule) told(removeFault(target.dataset.rule));
  });
}

/** Says what was refused, or shows what came of it. */
async function told(done) {
  try {
    await done;
    at("faults-error").textContent = "";
    await showFaults();
  } catch (error) {
    at("faults-error").textContent = error.message;
  }
}
