// Who is connected, with Send and Close.

import { close, send } from "./api.js";
import { duration, element, empty, show, table } from "./dom.js";

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
export function showConnections({ connections, connections_total: total, endpoints, stages, now }) {
  at("connections-count").textContent = String(total);
  if (connections.length === 0) {
    show(at("connections"), empty(`Nobody is connected to ${endpoints.websocket}`));
    return;
  }
  const rows = connections.map((connection) => [
    element("span", {}, element("code", { title: connection.user_agent ?? "" }, connection.id),
      stages.length > 1 ? element("span", { class: "soft" }, ` ${connection.stage}`) : null),
    element("span", {}, connection.ip, principal(connection)),
    duration(now - connection.connected_at),
    duration(now - connection.active_at),
    String(connection.messages_in),
    String(connection.messages_out),
    element(
      "span",
      {},
      button("Send", connection.id),
      " ",
      button("Close", connection.id),
    ),
  ]);
  const more = total - connections.length;
  show(
    at("connections"),
    table(COLUMNS, rows),
    more > 0 ? element("p", { class: "soft" }, `and ${more} more`) : "",
  );
}

function principal({ principal }) {
  return principal ? element("span", { class: "soft" }, ` ${principal}`) : null;
}

function button(verb, connection) {
  return element("button", { type: "button", "data-verb": verb, "data-connection": connection }, verb);
}

function openSend(connection) {
  at("send-to").textContent = connection;
  at("send-error").textContent = "";
  at("send").showModal();
  at("send-text").focus();
}

/** Makes the buttons and the dialog work. */
export function prepareConnections() {
  at("connections").addEventListener("click", ({ target }) => {
    const { verb, connection } = target.dataset;
    if (verb === "Send") openSend(connection);
    // One that has just gone is closed, too.
    if (verb === "Close") close(connection).catch(() => {});
  });
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
