// A gatepost.v1 server in memory, for trying the page without the emulator.
//
//   node fake-server.mjs [PORT]

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

import { WebSocketServer } from 'ws';

const PAGE = fileURLToPath(new URL('../../shared/page/', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

/** Starts a server. `rooms` outlives it: hand it to the next one, and that was a restart. */
export async function startFakeServer({ port = 0, rooms = new Map(), failSends = 0 } = {}) {
  const connections = new Set();
  const http = createServer(async ({ url }, response) => {
    const path = normalize(new URL(url, 'http://x').pathname).replace(/\/$/, '/index.html');
    if (path === '/gatepost.json') {
      response.setHeader('content-type', 'application/json');
      return response.end(JSON.stringify({ endpoint: `ws://127.0.0.1:${http.address().port}/local` }));
    }
    try {
      const body = await readFile(join(PAGE, path));
      response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream');
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  const sockets = new WebSocketServer({ server: http, path: '/local', handleProtocols: () => 'gatepost.v1' });
  sockets.on('connection', (socket, request) => {
    const query = new URL(request.url, 'http://x').searchParams;
    const user = { id: query.get('user'), name: query.get('name') };
    const connection = { socket, user, rooms: new Set() };
    connections.add(connection);
    socket.on('message', (data) => {
      const { action, id, ...fields } = JSON.parse(data);
      const [ok, after] = actions[action]?.(connection, fields) ?? [null];
      const error = { code: 'unknown_action', message: `there is no ${action}`, request: 'fake-request' };
      if (ok?.error) socket.send(JSON.stringify({ reply: id ?? null, error: { request: 'fake-request', ...ok.error } }));
      else if (!ok || id) socket.send(JSON.stringify(ok ? { reply: id, ok } : { reply: id ?? null, error }));
      after?.();
    });
    socket.on('close', () => {
      connections.delete(connection);
      for (const room of connection.rooms) departed(room, connection.user);
    });
  });

  const room = (name) => {
    if (!rooms.has(name)) rooms.set(name, { epoch: 1, log: [], sent: new Map() });
    return rooms.get(name);
  };
  const inside = (name) => [...connections].filter((one) => one.rooms.has(name));
  const push = (name, event) => {
    for (const { socket } of inside(name)) socket.send(JSON.stringify({ ...event, room: name }));
  };
  const here = (name, user) => inside(name).some((one) => one.user.id === user.id);
  const departed = (name, user) => here(name, user) || push(name, { event: 'left', user });
  const subscribe = (connection, name) => {
    const arrived = !here(name, connection.user);
    connection.rooms.add(name);
    return () => arrived && push(name, { event: 'joined', user: connection.user });
  };
  const since = (name, { epoch, seq }) => {
    const { log, epoch: current } = room(name);
    const items = log.slice(epoch === current ? seq : -50);
    const error = epoch === current ? {} : { error: { code: 'stale_epoch', message: 'the log is another one' } };
    return { epoch: current, head: log.length, items, more: false, ...error };
  };

  const actions = {
    hello(connection, { resume = {} }) {
      const entered = Object.keys(resume).map((name) => subscribe(connection, name));
      const states = Object.fromEntries(Object.entries(resume).map(([name, at]) => [name, since(name, at)]));
      const ok = {
        protocol: 'gatepost.v1', user: connection.user, expires_at: Date.now() + 7_200_000,
        limits: { ping_ms: 270_000, frame: 32_768, body: 8_192, page: 100, rooms: 100 },
        memberships: [], rooms: states,
      };
      return [ok, () => entered.forEach((tell) => tell())];
    },
    join(connection, { room: name, history = 0 }) {
      if (name === 'forbidden') return [{ error: { code: 'banned', message: 'you are banned' } }];
      const { epoch, log } = room(name);
      const tell = subscribe(connection, name);
      const items = history ? log.slice(-history) : [];
      const subscribers = inside(name).length;
      return [{ room: name, kind: 'public', epoch, head: log.length, role: null, subscribers, items, more: items.length < log.length }, tell];
    },
    leave(connection, { room: name }) {
      connection.rooms.delete(name);
      return [{}, () => departed(name, connection.user)];
    },
    send({ user }, { room: name, body, client, n }) {
      if (failSends-- > 0) return [{ error: { code: 'unavailable', message: 'the store is away', retry_after_ms: 1500 } }];
      if (body.text === '/mute') return [{ error: { code: 'muted', message: 'you are muted' } }];
      const { epoch, log, sent } = room(name);
      const key = `${user.id} ${client} ${n}`;
      const seq = sent.get(key) ?? log.length + 1;
      if (sent.has(key)) return [{ room: name, epoch, seq, at: log[seq - 1].at, duplicate: true }];
      const entry = { seq, kind: 'message', at: Date.now(), from: user, client, n, body };
      log.push(entry);
      sent.set(key, seq);
      return [{ room: name, epoch, seq, at: entry.at }, () => push(name, { event: 'entries', epoch, items: [entry] })];
    },
    history(_, { room: name, before, limit }) {
      const { log } = room(name);
      const from = Math.max(0, before - 1 - limit);
      return [{ items: log.slice(from, before - 1), head: log.length, floor: 0, more: from > 0 }];
    },
    sync: (_, { rooms: asked }) => [
      { rooms: Object.fromEntries(Object.entries(asked).map(([name, at]) => [name, since(name, at)])) },
    ],
    ping: (_, { rooms: asked = {} }) => [
      { heads: Object.fromEntries(Object.keys(asked).map((name) => [name, room(name).log.length])) },
    ],
    who(_, { room: name }) {
      const users = [...new Map(inside(name).map(({ user }) => [user.id, user])).values()];
      return [{ count: users.length, users }];
    },
    typing({ user }, { room: name, on }) {
      return [{}, () => push(name, { event: 'typing', user, until: Date.now() + (on ? 6000 : -1) })];
    },
  };

  await new Promise((resolve) => http.listen(port, '127.0.0.1', resolve));
  const close = async () => {
    for (const { socket } of connections) socket.terminate();
    sockets.close();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  };
  return { url: `http://127.0.0.1:${http.address().port}/`, port: http.address().port, rooms, close };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startFakeServer({ port: Number(process.argv[2] ?? 3001) });
  console.log(url);
}
