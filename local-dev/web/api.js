// The console's API; its shapes are described in local-dev/emulator/src/console/.

/** Everything but the events. */
export async function state() {
  const response = await fetch("api/state");
  if (!response.ok) throw new Error(`the emulator answers ${response.status}`);
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

async function post(connection, verb, body) {
  const response = await fetch(`api/connections/${encodeURIComponent(connection)}/${verb}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error((await response.json()).message);
}
