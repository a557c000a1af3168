// The browser client's logic against a fake socket, in fake time.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client } from '../../shared/page/client.js';
import { backoff, pingPause, rotationAge } from '../../shared/page/timing.js';
import { FakeClock, settled } from './fake-clock.mjs';
import { fakeWebSocket } from './fake-socket.mjs';

const MINUTE = 60_000;
const USER = { id: 'ann', name: 'Ann' };

const entry = (seq, more = {}) => ({
  seq, kind: 'message', at: seq * 1000, from: { id: 'bob', name: 'Bob' }, body: { text: `m${seq}` }, ...more,
});
const range = (from, to) => Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => entry(from + i));
const seqs = (items) => items.map(({ seq }) => seq);

function setUp({ random = () => 0.5 } = {}) {
  const clock = new FakeClock();
  const WebSocket = fakeWebSocket();
  let ids = 0;
  const client = new Client({
    address: () => 'ws://chat.example/local?user=ann', WebSocket, clock, random,
    newId: () => `client-id-number-${++ids}`,
  });
  const seen = { entries: [], replaced: [], messages: [], states: [], resumed: [], refused: [], events: [], trouble: [] };
  client.on('entries', ({ items }) => seen.entries.push(...seqs(items)));
  client.on('replaced', ({ items }) => seen.replaced.push(seqs(items)));
  client.on('message', ({ message }) => seen.messages.push(message.state));
  client.on('state', (state) => seen.states.push(state));
  client.on('resumed', ({ count }) => seen.resumed.push(count));
  client.on('refused', ({ room, error }) => seen.refused.push([room, error.code]));
  client.on('event', (event) => seen.events.push(event));
  client.on('trouble', (trouble) => seen.trouble.push(trouble));
  return { clock, client, seen, sockets: WebSocket.sockets, last: () => WebSocket.sockets.at(-1) };
}

const welcome = (clock, rooms = {}) => ({
  protocol: 'gatepost.v1', user: USER, expires_at: clock.now() + 120 * MINUTE,
  limits: { ping_ms: 270_000, frame: 32_768, body: 8_192, page: 100, rooms: 100 }, memberships: [], rooms,
});
const joined = (items, more = false, epoch = 1) => ({
  room: 'lobby', kind: 'public', epoch, head: items.at(-1)?.seq ?? 0, role: null, subscribers: 1, items, more,
});
const state = (items, { head, epoch = 1, more = false, error } = {}) => ({
  epoch, head: head ?? items.at(-1)?.seq ?? 0, items, more, ...(error && { error: { code: error, message: error } }),
});

/** A client that is in the lobby and has entries 1 to `last`. */
async function inLobby(options) {
  const all = setUp(options);
  const { client, clock, last } = all;
  client.join('lobby');
  client.start();
  await settled();
  const socket = last();
  await socket.accept();
  await socket.ok(socket.take('hello'), welcome(clock));
  await socket.ok(socket.take('join'), joined(range(1, options?.last ?? 3)));
  return { ...all, socket };
}

/** Lets time pass on a connection where nothing happens but pings. */
async function answerPings(socket, clock, ms) {
  for (let passed = 0; passed < ms; passed += MINUTE / 2) {
    await clock.pass(MINUTE / 2);
    while (socket.sent.length > 0) await socket.ok(socket.take('ping'), { heads: { lobby: 3 } });
  }
}

// ---- Greeting ---------------------------------------------------------------------------------------

test('nothing is sent before the reply to hello', async () => {
  const { client, clock, last } = setUp();
  client.join('lobby');
  client.start();
  await settled();
  client.send('lobby', 'early bird');
  const socket = last();
  assert.deepEqual(socket.protocols, ['gatepost.v1']);
  await socket.accept();
  const hello = socket.take('hello');
  assert.deepEqual(hello, { action: 'hello', id: hello.id, client: client.id, resume: {} });
  await clock.pass(10_000);
  assert.deepEqual(socket.sent, []);
  await socket.ok(hello, welcome(clock));
  assert.deepEqual(socket.sent.map(({ action }) => action).sort(), ['join', 'send']);
});

test('a page that is loaded again is another client', () => {
  const [one, two] = [1, 2].map(() => new Client({ address: () => '', WebSocket: fakeWebSocket() }));
  assert.notEqual(one.id, two.id);
  assert.match(one.id, /^[0-9a-f]{32}$/);
});

test('a hello refused for good ends the session, and says why', async () => {
  const { client, last, seen, clock, sockets } = setUp();
  client.start();
  await settled();
  await last().accept();
  await last().refuse(last().take('hello'), 'replaced');
  assert.deepEqual(seen.states.at(-1), { state: 'ended', code: 'replaced', reason: 'replaced', request: 'req-1' });
  await clock.pass(60 * MINUTE);
  assert.equal(sockets.length, 1);
  client.start({ take: true });
  await settled();
  await last().accept();
  assert.equal(last().take('hello').take, true);
});

// ---- Order, once -------------------------------------------------------------------------------------

test('entries are given once and in order, whatever the pushes do', async () => {
  const { socket, seen, clock } = await inLobby();
  await socket.push('lobby', [entry(4)]);
  await socket.push('lobby', [entry(4)]);
  await socket.push('lobby', [entry(6), entry(7)]);
  await socket.push('lobby', [entry(2)]);
  assert.deepEqual(seen.entries, [4]);
  await clock.pass(249);
  await socket.push('lobby', [entry(5)]);
  assert.deepEqual(seen.entries, [4, 5, 6, 7]);
  await clock.pass(10_000);
  assert.deepEqual(socket.sent, []);
});

test('a missing entry is fetched after 250 ms', async () => {
  const { socket, seen, clock } = await inLobby();
  await socket.push('lobby', [entry(6)]);
  await clock.pass(249);
  assert.deepEqual(socket.sent, []);
  await clock.pass(1);
  const sync = socket.take('sync');
  assert.deepEqual(sync.rooms, { lobby: { epoch: 1, seq: 3 } });
  await socket.push('lobby', [entry(7)]);
  assert.deepEqual(seen.entries, []);
  await socket.ok(sync, { rooms: { lobby: state(range(4, 6)) } });
  assert.deepEqual(seen.entries, [4, 5, 6, 7]);
});

test('a sync that does not reach the head goes on', async () => {
  const { socket, seen, clock } = await inLobby();
  await socket.push('lobby', [entry(9)]);
  await clock.pass(250);
  await socket.ok(socket.take('sync'), { rooms: { lobby: state(range(4, 6), { head: 9, more: true }) } });
  const second = socket.take('sync');
  assert.deepEqual(second.rooms, { lobby: { epoch: 1, seq: 6 } });
  await socket.ok(second, { rooms: { lobby: state(range(7, 9)) } });
  assert.deepEqual(seen.entries, [4, 5, 6, 7, 8, 9]);
});

test('a sync that brings nothing is not repeated at full speed', async () => {
  const { socket, clock } = await inLobby();
  await socket.push('lobby', [entry(9)]);
  let syncs = 0;
  for (let second = 0; second < 60; second += 1) {
    await clock.pass(1000);
    while (socket.sent.length > 0) {
      await socket.ok(socket.take('sync'), { rooms: { lobby: state([], { head: 3 }) } });
      syncs += 1;
    }
  }
  assert.ok(syncs >= 3 && syncs <= 12, `${syncs} syncs in a minute`);
});

test('pushes that come before the answer to join are held', async () => {
  const { client, clock, last, seen } = setUp();
  client.join('lobby');
  client.start();
  await settled();
  const socket = last();
  await socket.accept();
  await socket.ok(socket.take('hello'), welcome(clock));
  await socket.push('lobby', [entry(4)]);
  await socket.push('lobby', [entry(5)]);
  assert.deepEqual(seen.entries, []);
  await socket.ok(socket.take('join'), joined(range(2, 4), true));
  assert.deepEqual(seen.replaced, [[2, 3, 4]]);
  assert.deepEqual(seen.entries, [5]);
});

test('another epoch drops what was shown and loads the newest', async () => {
  const { socket, seen } = await inLobby();
  await socket.push('lobby', [entry(1)], 2);
  assert.deepEqual(seen.entries, []);
  const sync = socket.take('sync');
  await socket.ok(sync, { rooms: { lobby: state([entry(1)], { epoch: 2, error: 'stale_epoch' }) } });
  assert.deepEqual(seen.replaced, [[1, 2, 3], [1]]);
  await socket.push('lobby', [entry(2)], 2);
  assert.deepEqual(seen.entries, [2]);
});

test('a late push of an old epoch changes nothing', async () => {
  const { socket, seen } = await inLobby();
  await socket.push('lobby', [entry(4)], 0);
  await socket.ok(socket.take('sync'), { rooms: { lobby: state([], { head: 3 }) } });
  assert.deepEqual(seen.replaced, [[1, 2, 3]]);
  assert.deepEqual(seen.entries, []);
});

test('a room that may no longer be read is left', async () => {
  const { socket, seen, clock } = await inLobby();
  await socket.push('lobby', [entry(9)]);
  await clock.pass(250);
  await socket.ok(socket.take('sync'), { rooms: { lobby: { epoch: 0, head: 0, items: [], more: false, error: { code: 'banned', message: 'banned' } } } });
  assert.deepEqual(seen.refused, [['lobby', 'banned']]);
  await clock.pass(20_000);
  assert.deepEqual(socket.sent, []);
});

test('history goes back page by page and is dropped when the log changed meanwhile', async () => {
  const { client, clock, last, seen } = setUp();
  client.join('lobby');
  client.start();
  await settled();
  const socket = last();
  await socket.accept();
  await socket.ok(socket.take('hello'), welcome(clock));
  await socket.ok(socket.take('join'), joined(range(51, 100), true));
  const first = client.older('lobby');
  const ask = socket.take('history');
  assert.deepEqual([ask.before, ask.limit], [51, 50]);
  await socket.ok(ask, { items: range(1, 50), head: 100, floor: 0, more: true });
  assert.deepEqual(seqs((await first).items), seqs(range(1, 50)));
  const second = client.older('lobby');
  const again = socket.take('history');
  assert.equal(again.before, 1);
  await socket.push('lobby', [entry(1)], 2);
  await socket.ok(socket.take('sync'), { rooms: { lobby: state([entry(1)], { epoch: 2, error: 'stale_epoch' }) } });
  await socket.ok(again, { items: [entry(0)], head: 100, floor: 0, more: false });
  assert.deepEqual((await second).items, []);
  assert.deepEqual(seen.replaced.at(-1), [1]);
});

// ---- Resuming ------------------------------------------------------------------------------------------

test('a lost connection comes back after the back-off and catches up', async () => {
  const { socket, seen, clock, last, sockets, client } = await inLobby();
  await socket.push('lobby', [entry(4)]);
  await socket.drop();
  assert.equal(seen.states.at(-1).state, 'waiting');
  assert.equal(seen.states.at(-1).retryMs, 750);
  await clock.pass(749);
  assert.equal(sockets.length, 1);
  await clock.pass(1);
  await last().accept();
  const hello = last().take('hello');
  assert.deepEqual(hello.resume, { lobby: { epoch: 1, seq: 4 } });
  assert.equal(hello.client, client.id);
  await last().push('lobby', [entry(8)]);
  assert.deepEqual(seen.entries, [4]);
  await last().ok(hello, welcome(clock, { lobby: state(range(5, 7)) }));
  assert.deepEqual(seen.entries, [4, 5, 6, 7, 8]);
  assert.deepEqual(seen.resumed, [3]);
  assert.deepEqual(last().sent, []);
});

test('what does not fit the answer to hello is fetched before the room counts as resumed', async () => {
  const { socket, seen, clock, last } = await inLobby();
  await socket.drop();
  await clock.pass(1000);
  await last().accept();
  await last().ok(last().take('hello'), welcome(clock, { lobby: state(range(4, 5), { head: 7, more: true }) }));
  assert.deepEqual(seen.resumed, []);
  await last().ok(last().take('sync'), { rooms: { lobby: state(range(6, 7)) } });
  assert.deepEqual(seen.entries, [4, 5, 6, 7]);
  assert.deepEqual(seen.resumed, [4]);
});

test('the pauses between attempts grow, stay between 0.5 and 20 s, and start again after 5 stable seconds', async () => {
  const { seen, clock, last, socket } = await inLobby({ random: () => 0.999 });
  await socket.drop();
  for (let attempt = 0; attempt < 8; attempt += 1) {
    await clock.pass(seen.states.at(-1).retryMs);
    await last().drop();
  }
  const pauses = seen.states.filter(({ state }) => state === 'waiting').map(({ retryMs }) => Math.round(retryMs));
  assert.deepEqual(pauses, [1000, 1499, 2498, 4496, 8492, 16484, 20000, 20000, 20000]);
  await clock.pass(20_000);
  await last().accept();
  await last().ok(last().take('hello'), welcome(clock, { lobby: state([], { head: 3 }) }));
  await clock.pass(4_999);
  await last().drop();
  assert.equal(Math.round(seen.states.at(-1).retryMs), 20000);
  await clock.pass(20_000);
  await last().accept();
  await last().ok(last().take('hello'), welcome(clock, { lobby: state([], { head: 3 }) }));
  await clock.pass(5_000);
  await last().drop();
  assert.equal(Math.round(seen.states.at(-1).retryMs), 1000);
});

test('a person who comes back does not wait for the next attempt', async () => {
  const { socket, client, sockets } = await inLobby({ random: () => 0.999 });
  await socket.drop();
  client.wake();
  await settled();
  assert.equal(sockets.length, 2);
});

test('after a sleep a connection that does not answer is given up within ten seconds', async () => {
  const { socket, client, clock, sockets } = await inLobby();
  client.wake();
  assert.deepEqual(socket.sent, [], 'a connection that answered just now is not asked');
  await clock.pass(15_000);
  client.wake();
  assert.equal(socket.take('ping').rooms.lobby, 3);
  await clock.pass(5_000);
  socket.take('ping');
  await clock.pass(5_000);
  assert.equal(socket.closed, true);
  await clock.pass(1_000);
  assert.equal(sockets.length, 2);
});

test('a socket that never opens is given up', async () => {
  const { client, clock, sockets, seen } = setUp();
  client.start();
  await clock.pass(15_000);
  assert.equal(sockets[0].closed, true);
  assert.equal(seen.states.at(-1).state, 'waiting');
});

test('a bye without reconnect ends the session', async () => {
  const { socket, seen, clock, sockets } = await inLobby();
  await socket.receive({ event: 'bye', code: 'replaced', reconnect: false, after_ms: 0 });
  await socket.drop(1000);
  assert.equal(seen.states.at(-1).code, 'replaced');
  await clock.pass(30 * MINUTE);
  assert.equal(sockets.length, 1);
});

test('a stopped client leaves no timer that connects', async () => {
  const { socket, client, clock, sockets } = await inLobby();
  client.stop();
  assert.equal(socket.closed, true);
  await clock.pass(200 * MINUTE);
  assert.equal(sockets.length, 1);
});

// ---- Sending ------------------------------------------------------------------------------------------

test('one message is unanswered at a time, and numbers count from 1', async () => {
  const { socket, client, seen } = await inLobby();
  const one = client.send('lobby', 'one');
  client.send('lobby', 'two');
  const first = socket.take('send');
  assert.deepEqual([first.body, first.client, first.n], [{ text: 'one' }, client.id, 1]);
  assert.deepEqual(socket.sent, []);
  await socket.ok(first, { room: 'lobby', epoch: 1, seq: 4, at: 4000 });
  assert.deepEqual([one.state, one.seq], ['sent', 4]);
  assert.equal(socket.take('send').n, 2);
  assert.deepEqual(seen.messages, ['pending', 'pending', 'sent']);
});

test('an unanswered message is repeated unchanged after 30 s', async () => {
  const { socket, client, clock } = await inLobby();
  const message = client.send('lobby', 'hello?');
  const first = socket.take('send');
  await clock.pass(29_999);
  assert.deepEqual(socket.sent, []);
  await clock.pass(1);
  assert.deepEqual(socket.take('send'), first);
  await socket.ok(first, { room: 'lobby', epoch: 1, seq: 4, at: 4000, duplicate: true });
  assert.equal(message.state, 'sent');
  await socket.ok(first, { room: 'lobby', epoch: 1, seq: 4, at: 4000 });
});

test('a message unanswered twice moves to a new connection with its number', async () => {
  const { socket, client, clock, last } = await inLobby();
  client.send('lobby', 'hello?');
  const { n } = socket.take('send');
  await clock.pass(60_000);
  assert.equal(socket.closed, true);
  await clock.pass(1_000);
  await last().accept();
  await last().ok(last().take('hello'), welcome(clock, { lobby: state([], { head: 3 }) }));
  assert.deepEqual([last().take('send').n, n], [1, 1]);
});

test("the gateway's own error frame brings the repetition forward", async () => {
  const { socket, client, clock, seen } = await inLobby();
  const message = client.send('lobby', 'x');
  const first = socket.take('send');
  await socket.receive({ message: 'Internal server error', connectionId: 'c=', requestId: 'gw-7' });
  assert.deepEqual(seen.trouble, [{ message: 'Internal server error', request: 'gw-7' }]);
  await clock.pass(1_000);
  assert.deepEqual(socket.take('send'), first);
  await socket.ok(first, { room: 'lobby', epoch: 1, seq: 4, at: 1 });
  assert.equal(message.state, 'sent');
});

test('a temporary refusal is repeated when the server says', async () => {
  const { socket, client, clock } = await inLobby();
  const message = client.send('lobby', 'x');
  await socket.refuse(socket.take('send'), 'rate_limited', { retry_after_ms: 3_000 });
  assert.deepEqual([message.state, message.error.code, message.error.request], ['delayed', 'rate_limited', 'req-1']);
  await clock.pass(2_999);
  assert.deepEqual(socket.sent, []);
  await clock.pass(1);
  const again = socket.take('send');
  assert.equal(again.n, 1);
  await socket.ok(again, { room: 'lobby', epoch: 1, seq: 4, at: 1 });
  assert.equal(message.state, 'sent');
});

test('after a final refusal the next message begins a new numbering', async () => {
  const { socket, client } = await inLobby();
  const message = client.send('lobby', 'x');
  client.send('lobby', 'y');
  await socket.refuse(socket.take('send'), 'muted');
  assert.deepEqual([message.state, message.error.code], ['failed', 'muted']);
  const next = socket.take('send');
  assert.deepEqual([next.body.text, next.n], ['y', 1]);
  assert.notEqual(next.client, client.id);
  await socket.ok(next, { room: 'lobby', epoch: 1, seq: 4, at: 1 });
  client.retry('lobby', message);
  const retried = socket.take('send');
  assert.deepEqual([retried.body.text, retried.n, retried.client], ['x', 2, next.client]);
});

for (const code of ['early', 'conflict']) {
  test(`a message answered ${code} is sent under a new numbering`, async () => {
    const { socket, client } = await inLobby();
    const message = client.send('lobby', 'x');
    await socket.refuse(socket.take('send'), code, { expected: 1 });
    const again = socket.take('send');
    assert.equal(again.n, 1);
    assert.notEqual(again.client, client.id);
    await socket.ok(again, { room: 'lobby', epoch: 1, seq: 4, at: 1 });
    assert.equal(message.state, 'sent');
  });

  test(`a message that is always answered ${code} fails in the end`, async () => {
    const { socket, client } = await inLobby();
    const message = client.send('lobby', 'x');
    for (let attempt = 0; attempt < 4; attempt += 1) await socket.refuse(socket.take('send'), code);
    assert.equal(message.state, 'failed');
    assert.deepEqual(socket.sent, []);
  });
}

test('a message under way while the epoch changes keeps its number; the next begins anew', async () => {
  const { socket, client } = await inLobby();
  client.send('lobby', 'x');
  client.send('lobby', 'y');
  const first = socket.take('send');
  await socket.push('lobby', [entry(1)], 2);
  await socket.ok(socket.take('sync'), { rooms: { lobby: state([], { epoch: 2, head: 0, error: 'stale_epoch' }) } });
  assert.deepEqual(socket.sent, []);
  await socket.ok(first, { room: 'lobby', epoch: 2, seq: 1, at: 1 });
  const second = socket.take('send');
  assert.equal(second.n, 1);
  assert.notEqual(second.client, first.client);
});

test('an own entry that is pushed before its reply settles the message', async () => {
  const { socket, client, seen } = await inLobby();
  const message = client.send('lobby', 'x');
  const { client: id, n } = socket.take('send');
  await socket.push('lobby', [entry(4, { from: { id: 'eve', name: 'Eve' }, client: id, n })]);
  assert.equal(message.state, 'pending');
  await socket.push('lobby', [entry(5, { from: USER, client: id, n })]);
  assert.deepEqual([message.state, message.seq], ['sent', 5]);
  assert.deepEqual(seen.entries, [4, 5]);
});

test('an acknowledged entry whose push is lost is fetched', async () => {
  const { socket, client, clock, seen } = await inLobby();
  client.send('lobby', 'x');
  await socket.ok(socket.take('send'), { room: 'lobby', epoch: 1, seq: 4, at: 1 });
  await clock.pass(2_000);
  await socket.ok(socket.take('sync'), { rooms: { lobby: state([entry(4)]) } });
  assert.deepEqual(seen.entries, [4]);
});

test('a server that forgot the hello is told again, and then asked again', async () => {
  const { socket, client } = await inLobby();
  const message = client.send('lobby', 'x');
  await socket.refuse(socket.take('send'), 'unregistered');
  const hello = socket.take('hello');
  assert.deepEqual(hello.resume, { lobby: { epoch: 1, seq: 3 } });
  await socket.ok(hello, welcome({ now: () => 0 }, { lobby: state([], { head: 3 }) }));
  const again = socket.take('send');
  assert.equal(again.n, 1);
  await socket.ok(again, { room: 'lobby', epoch: 1, seq: 4, at: 1 });
  assert.equal(message.state, 'sent');
});

test('a text longer than the server takes is refused here', async () => {
  const { client } = await inLobby();
  assert.throws(() => client.send('lobby', 'é'.repeat(4_200)), { code: 'too_large' });
});

// ---- Pings and rotation ------------------------------------------------------------------------------

test('pings follow their own schedule, whatever else flows', async () => {
  const { socket, client, clock } = await inLobby({ random: () => 0 });
  await clock.pass(200_000);
  client.send('lobby', 'x');
  await socket.ok(socket.take('send'), { room: 'lobby', epoch: 1, seq: 4, at: 1 });
  await socket.push('lobby', [entry(4)]);
  await clock.pass(69_999);
  assert.deepEqual(socket.sent, []);
  await clock.pass(1);
  const ping = socket.take('ping');
  assert.deepEqual(ping.rooms, { lobby: 4 });
  await socket.ok(ping, { heads: { lobby: 6 } });
  assert.deepEqual(socket.take('sync').rooms, { lobby: { epoch: 1, seq: 4 } });
});

test('a connection is exchanged without losing or doubling anything', async () => {
  const { socket: old, client, clock, sockets, seen, last } = await inLobby();
  await answerPings(old, clock, 102 * MINUTE);
  assert.equal(sockets.length, 1);
  client.send('lobby', 'under way');
  const send = old.take('send');
  await clock.pass(MINUTE / 2);
  while (old.sent.length > 0) old.sent.shift();
  assert.equal(sockets.length, 2);
  const next = last();
  await next.accept();
  const hello = next.take('hello');
  assert.deepEqual(hello.resume, { lobby: { epoch: 1, seq: 3 } });
  await old.push('lobby', [entry(4)]);
  await next.push('lobby', [entry(5)]);
  await next.ok(hello, welcome(clock, { lobby: state([entry(4)]) }));
  assert.deepEqual(seen.entries, [4, 5]);
  await old.push('lobby', [entry(5), entry(6)]);
  await next.push('lobby', [entry(6)]);
  assert.deepEqual(seen.entries, [4, 5, 6]);
  assert.notEqual(old.closed, true);
  await old.ok(send, { room: 'lobby', epoch: 1, seq: 6, at: 1 });
  assert.deepEqual(seen.messages, ['pending', 'sent']);
  client.send('lobby', 'on the new one');
  assert.equal(next.take('send').n, 2);
  await clock.pass(30_000);
  assert.equal(old.closed, true);
  assert.deepEqual(seen.states.map(({ state }) => state), ['connecting', 'online', 'online']);
  assert.deepEqual(seen.resumed, []);
});

test('a rotation that fails is tried again while the old connection goes on', async () => {
  const { socket: old, clock, sockets, seen, last } = await inLobby();
  await answerPings(old, clock, 102.5 * MINUTE);
  assert.equal(sockets.length, 2);
  await last().drop();
  await clock.pass(1_000);
  assert.equal(sockets.length, 3);
  await last().accept();
  await last().refuse(last().take('hello'), 'unavailable');
  await clock.pass(2_000);
  assert.equal(sockets.length, 4);
  assert.notEqual(old.closed, true);
  await old.push('lobby', [entry(4)]);
  assert.deepEqual(seen.entries, [4]);
  assert.deepEqual(seen.states.map(({ state }) => state), ['connecting', 'online']);
});

test('a connection that dies during its rotation is followed by the new one', async () => {
  const { socket: old, clock, sockets, seen, last } = await inLobby();
  await answerPings(old, clock, 102.5 * MINUTE);
  assert.equal(sockets.length, 2);
  await old.drop();
  await last().accept();
  await last().ok(last().take('hello'), welcome(clock, { lobby: state([entry(4)]) }));
  assert.deepEqual(seen.entries, [4]);
  assert.equal(seen.states.at(-1).state, 'online');
  await clock.pass(MINUTE);
  assert.equal(sockets.length, 2);
});

test('the schedule stays within its bounds', () => {
  for (const random of [() => 0, () => 0.5, () => 0.999999]) {
    for (let attempt = 0; attempt < 40; attempt += 1) {
      const pause = backoff(attempt, random);
      assert.ok(pause >= 500 && pause <= 20_000);
    }
    const ping = pingPause(270_000, random);
    assert.ok(ping >= 243_000 && ping <= 270_000);
    const age = rotationAge(120 * MINUTE, random);
    assert.ok(age >= 90 * MINUTE && age <= 115 * MINUTE);
    assert.equal(rotationAge(30 * MINUTE, random), 29 * MINUTE);
    assert.equal(rotationAge(-MINUTE, random), 5 * MINUTE);
  }
});

test('a server that lost its registry is pinged until it has a subscription again', async () => {
  const { clock, client, last } = setUp();
  client.join('lobby');
  client.start();
  await settled();
  const socket = last();
  await socket.accept();
  await socket.ok(socket.take('hello'), welcome(clock));
  await socket.ok(socket.take('join'), { ...joined(range(1, 3)), degraded: true });
  await clock.pass(750);
  await socket.ok(socket.take('ping'), { heads: { lobby: 3 }, degraded: true });
  await clock.pass(1_000);
  await socket.ok(socket.take('ping'), { heads: { lobby: 4 } });
  assert.equal(socket.take('sync').rooms.lobby.seq, 3);
  await clock.pass(200_000);
  assert.deepEqual(socket.sent.filter(({ action }) => action === 'ping'), []);
});

test('a server that does not do typing is told once', async () => {
  const { socket, client } = await inLobby();
  client.typing('lobby', true);
  await socket.refuse(socket.take('typing'), 'unknown_action');
  client.typing('lobby', true);
  assert.deepEqual(socket.sent, []);
});

test('typing that is not answered does no harm to the connection', async () => {
  const { socket, client, clock } = await inLobby();
  client.typing('lobby', true);
  socket.take('typing');
  await clock.pass(100_000);
  assert.deepEqual(socket.sent, []);
  assert.notEqual(socket.closed, true);
});

// ---- Amending, direct messages, memberships ----------------------------------------------------------

test('an edit, a deletion and a reaction say what they are about', async () => {
  const { client, socket } = await inLobby();
  client.edit('lobby', 3, 'better');
  client.takeBack('lobby', 2);
  client.react('lobby', 1, '👍', true);
  await settled();
  const taken = ['edit', 'delete', 'react'].map((action) => socket.take(action));
  assert.deepEqual(taken.map(({ id, ...fields }) => fields), [
    { action: 'edit', room: 'lobby', target: 3, body: { text: 'better' } },
    { action: 'delete', room: 'lobby', target: 2 },
    { action: 'react', room: 'lobby', target: 1, emoji: '👍', on: true },
  ]);
});

test('a direct message has a number of its own, so that it is written once', async () => {
  const { client, socket } = await inLobby();
  const answers = [client.direct('bob', 'one'), client.direct('bob', 'two')];
  await settled();
  const [one, two] = [socket.take('direct'), socket.take('direct')];
  assert.deepEqual([one.n, two.n], [1, 1]);
  assert.notEqual(one.client, two.client);
  await socket.ok(one, { room: 'dm:1', epoch: 1, seq: 1, at: 1, with: 'bob' });
  assert.equal((await answers[0]).room, 'dm:1');
  const refused = assert.rejects(answers[1], { code: 'muted' });
  await socket.refuse(two, 'muted');
  await refused;
});

test('the memberships that a greeting tells are told on', async () => {
  const { client, last, clock } = setUp();
  const told = [];
  client.on('memberships', (list) => told.push(list));
  client.start();
  await settled();
  await last().accept();
  const memberships = [{ room: 'den', kind: 'private', role: 'owner', head: 3, read: 1 }];
  await last().ok(last().take('hello'), { ...welcome(clock), memberships });
  assert.deepEqual(told, [memberships]);
});
