// The console's API; its shapes are described in local-dev/emulator/src/console/.

/** Whether the token that came with this page was ever good: where none is kept, none will be. */
let known = false;

/** Everything but the events. */
export async function state() {
  const response = await fetch("api/state");
  // Another start has another token, which comes with the page.
  if (response.status === 401 && known) location.reload();
  if (!response.ok) throw new Error(`the emulator answers ${response.status}`);
  known = true;
  return response.json();
}

/** Sends text to a connection as the server would. */
export function send(connection, text) {
  return post(connection, "send", { text });
}

/** Closes a connection as `DELETE @connections` does. */
export function close(connection) {
  return post(connection, "close", {});
}

/** Calls `onEvent` with each event, the kept ones first, and `onLink` with whether it is connected. */
export function follow(onEvent, onLink) {
  const source = new EventSource("api/events");
  source.onopen = () => onLink(true);
  source.onerror = () => onLink(false);
  source.onmessage = (message) => onEvent(JSON.parse(message.data));
}

/** The fault rules, and the steps with the effects that they admit. */
export function faults() {
  return call("GET", "api/faults");
}

/** Sets a rule. */
export function addFault(rule) {
  return call("POST", "api/faults", rule);
}

/** Removes a rule. */
export function removeFault(id) {
  return call("DELETE", `api/faults/${id}`, {});
}

/** Removes every rule. */
export function resetFaults() {
  return call("DELETE", "api/faults", {});
}

function post(connection, verb, body) {
  return call("POST", `api/connections/${encodeURIComponent(connection)}/${verb}`, body);
}

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body ? { "content-type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}
