// Who is connected, with Send and Close.

import { close, send } from "./api.js";
import { duration, element, empty, table } from "./dom.js";

const at = (id) => document.getElementById(id);
const COLUMNS = [
  { title: "Connection" },
  { title: "From" },
  { title: "Since", number: true },
  { title: "Idle", number: true },
  { title: "In", number: true },
  { title: "Out", number: true },
  { title: "", actions: true },
];

/** Shows the connections of a state. */
export function showConnections({ connections, connections_total: total, endpoints, now }) {
  at("connections-count").textContent = String(total);
  if (connections.length === 0) {
    at("connections").replaceChildren(empty(`Nobody is connected to ${endpoints.websocket}`));
    return;
  }
  const rows = connections.map((connection) => [
    element("code", { title: connection.user_agent ?? "" }, connection.id),
    element("span", {}, connection.ip, principal(connection)),
    duration(now - connection.connected_at),
    duration(now - connection.active_at),
    String(connection.messages_in),
    String(connection.messages_out),
    element(
      "span",
      {},
      element("button", { onclick: () => openSend(connection.id) }, "Send"),
      " ",
      element("button", { onclick: (click) => closeNow(connection.id, click.target) }, "Close"),
    ),
  ]);
  const more = total - connections.length;
  at("connections").replaceChildren(
    table(COLUMNS, rows),
    more > 0 ? element("p", { class: "soft" }, `and ${more} more`) : "",
  );
}

function principal({ principal }) {
  return principal ? element("span", { class: "soft" }, ` ${principal}`) : null;
}

async function closeNow(connection, button) {
  button.disabled = true;
  // One that has just gone is closed, too.
  await close(connection).catch(() => {});
}

function openSend(connection) {
  at("send-to").textContent = connection;
  at("send-error").textContent = "";
  at("send").showModal();
  at("send-text").focus();
}

/** Makes the dialog work. */
export function prepareSend() {
  at("send-cancel").addEventListener("click", () => at("send").close());
  at("send").querySelector("form").addEventListener("submit", async (submit) => {
    submit.preventDefault();
    try {
      await send(at("send-to").textContent, at("send-text").value);
      at("send-text").value = "";
      at("send").close();
    } catch (error) {
      at("send-error").textContent = error.message;
    }
  });
}
