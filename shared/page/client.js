// The browser's client of gatepost.v1: one identity, any number of rooms.
//
// What it promises: `entries` gives each entry of a room once, in order, whatever the connection
// does; a message is either `sent` (durable), `failed` (not sent), or still being tried.

import { Lost, Refused } from './connection.js';
import { Emitter } from './emitter.js';
import { RoomLog } from './log.js';
import { Outbox } from './outbox.js';
import { Session } from './session.js';
import { OWED_MS, backoff } from './timing.js';

/** Entries asked for at a time. */
const PAGE = 50;

const CLOCK = {
  now: () => Date.now(),
  setTimeout: (act, ms) => globalThis.setTimeout(act, ms),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
};

/** 128 random bits in hexadecimal. */
export function randomId() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Events (`on(type, listener)`):
 * - `state` `{state, reason?, code?, request?, retryMs?, attempt?}`: `connecting`, `online`,
 *   `waiting` (for the next attempt), `ended` (for good; `code` says why);
 * - `entries` `{room, items}`, `replaced` `{room, items}` (what was shown of the room is void);
 * - `resumed` `{room, count}`: after a reconnection the room is complete again, with `count` new entries;
 * - `joined` with the answer to `join`, `refused` `{room, error}`: how joining a room ended;
 * - `message` `{room, message}`: an own message changed its `state`;
 * - `event` with the server's `joined`, `left`, `typing`, `read`, `occupancy`, `room`, `notice`;
 * - `memberships` with those that the greeting told: `[{room, kind, role, head, read, with?}]`;
 * - `trouble` `{message, request, code?}`: something failed on the server, and is being repeated;
 * - `degraded` `{degraded}`: whether the server delivers late.
 */
export class Client extends Emitter {
  /** This page load. In memory only: a reload or a duplicated tab is another client. */
  id;

  #session;
  #rooms = new Map();
  #typingKnown = true;
  #clock;
  #random;
  #newId;

  /**
   * `address()` gives the URL for the next connection, also as a promise: a token may have changed.
   * The other options are for tests and for Node without a WebSocket of its own.
   */
  constructor({ address, WebSocket = globalThis.WebSocket, clock = CLOCK, random = Math.random, newId = randomId }) {
    super();
    this.#clock = clock;
    this.#random = random;
    this.#newId = newId;
    this.id = newId();
    const handlers = {
      greeting: () => this.#greeting(),
      online: () => this.#online(),
      ping: (patience) => this.#ping(patience),
      event: (event) => this.#event(event),
      emit: (type, detail) => this.emit(type, detail),
    };
    this.#session = new Session({ address, WebSocket, clock, random, handlers });
  }

  /** `{id, name}` as the server knows the user; null before the first greeting. */
  get user() {
    return this.#session.user;
  }

  /** Bytes of a message's body as JSON. */
  get bodyLimit() {
    return this.#session.limits.body;
  }

  /** Own messages whose fate is open, in all rooms. */
  get unsent() {
    return [...this.#rooms.values()].reduce((sum, room) => sum + room.outbox.size, 0);
  }

  /** Connects. `take` takes over after the server said that another window is in use. */
  start({ take = false } = {}) {
    this.#session.start(take);
  }

  /** Disconnects for good. */
  stop() {
    this.#session.stop();
    for (const room of this.#rooms.values()) this.#forget(room);
  }

  /** The computer woke, the network changed, the page is looked at: do now what waits for a timer. */
  wake() {
    this.#session.wake();
  }

  /** Subscribes to a room, now and after every reconnection. */
  join(name) {
    if (this.#rooms.has(name)) return;
    const room = this.#newRoom(name);
    this.#rooms.set(name, room);
    if (this.#session.online) this.#enter(room);
  }

  /** Ends a subscription. */
  leave(name) {
    const room = this.#rooms.get(name);
    if (!room) return;
    this.#rooms.delete(name);
    this.#forget(room);
    this.#session.tell('leave', { room: name });
  }

  /** Sends a text. Returns the message, whose `state` is told by `message`; throws Refused. */
  send(name, text) {
    const body = { text };
    if (new TextEncoder().encode(JSON.stringify(body)).length > this.bodyLimit) {
      throw new Refused({ code: 'too_large', message: 'the message is too long' });
    }
    const message = this.#room(name).outbox.add(body);
    if (!message) throw new Refused({ code: 'rate_limited', message: 'too many messages wait' });
    return message;
  }

  /** Sends a failed message again. */
  retry(name, message) {
    this.#room(name).outbox.retry(message);
  }

  /** Gives an own message another text. Rejects with Refused or Lost, as all that follow. */
  edit(name, target, text) {
    return this.#session.ask('edit', { room: name, target, body: { text } });
  }

  /** Takes a message back. */
  takeBack(name, target) {
    return this.#session.ask('delete', { room: name, target });
  }

  /** Sets a reaction, or takes it back. */
  react(name, target, emoji, on) {
    return this.#session.ask('react', { room: name, target, emoji, on });
  }

  /** Writes to a user; the room is made if need be: `{room, with}`. */
  direct(to, text) {
    // A number of its own: asked again on another connection, it is not written twice.
    return this.#session.ask('direct', { to, body: { text }, client: this.#newId(), n: 1 });
  }

  /** Makes a `public` or `private` room. */
  create(name, kind) {
    return this.#session.ask('create', { room: name, kind });
  }

  /** Makes a user a member of a room. */
  invite(name, user) {
    return this.#session.ask('invite', { room: name, user });
  }

  /** Tells the others in a room that one is writing, or no longer. */
  async typing(name, on) {
    if (!this.#typingKnown) return;
    try {
      await this.#session.ask('typing', { room: name, on });
    } catch (error) {
      // Not every server does this, and one that does not need not be told again.
      if (error.code === 'unknown_action') this.#typingKnown = false;
    }
  }

  /** The page of entries before the oldest one here: `{items, more}`. Rejects with Refused or Lost. */
  async older(name) {
    const { log } = this.#room(name);
    if (log.epoch === null || !log.more || log.first === null) return { items: [], more: log.more };
    const { epoch, first } = log;
    const { items, more } = await this.#session.ask('history', { room: name, before: first, limit: PAGE });
    if (log.epoch !== epoch || log.first !== first) return { items: [], more: log.more };
    log.prepend(items, more);
    return { items, more };
  }

  /** Whether entries before the oldest one here exist. */
  hasOlder(name) {
    return this.#rooms.get(name)?.log.more ?? false;
  }

  /** Who is in a room: `{count, users, cursor?}`, the first page of it. */
  who(name) {
    return this.#session.ask('who', { room: name, limit: 100 });
  }

  // ---- What the session asks for ---------------------------------------------------------------

  /** Pushes wait while the greeting, which says where each room stands, is unanswered. */
  #greeting() {
    const known = this.#known();
    const resume = Object.fromEntries(known.map(({ name, log }) => [name, log.position]));
    const releases = known.map(({ log }) => log.hold());
    // Nobody needs to be told of a rotation.
    const returning = !this.#session.online;
    const taken = ({ rooms, memberships }) => {
      this.emit('memberships', memberships ?? []);
      for (const room of known) {
        if (returning) room.resuming = 0;
        const state = rooms?.[room.name];
        if (state) this.#adopt(room, state);
        else room.behind = true;
      }
    };
    const end = () => releases.forEach((release) => release());
    return { fields: { client: this.id, resume }, taken, end };
  }

  #online() {
    for (const room of this.#rooms.values()) {
      if (room.log.epoch === null) this.#enter(room);
      else if (room.behind) this.#sync(room);
      room.outbox.pump();
    }
  }

  async #ping(patience) {
    const known = this.#known();
    const rooms = Object.fromEntries(known.map(({ name, log }) => [name, log.last]));
    try {
      const { heads } = await this.#session.ask('ping', { rooms }, patience);
      for (const room of known) if (heads?.[room.name] > room.log.last) this.#sync(room);
    } catch {
      // A refused ping is repeated at its time; a lost connection is noticed by itself.
    }
  }

  #event(event) {
    if (event.event === 'entries') this.#rooms.get(event.room)?.log.push(event.epoch, event.items);
    else this.emit('event', event);
  }

  // ---- Rooms -----------------------------------------------------------------------------------

  #newRoom(name) {
    const { id: client } = this;
    const [clock, random, newClient] = [this.#clock, this.#random, this.#newId];
    // behind: entries are known to be missing; resuming: entries caught up so far, null when the
    // room is complete.
    const room = { name, entering: false, syncing: false, behind: false, resuming: null, failures: 0, timer: null, gone: false };
    room.log = new RoomLog({
      clock,
      random,
      applied: (items) => {
        this.#confirm(room, items);
        this.emit('entries', { room: name, items });
      },
      replaced: (items, another) => {
        if (another) room.outbox.newEpoch();
        this.#confirm(room, items);
        this.emit('replaced', { room: name, items });
      },
      fetch: () => this.#sync(room),
    });
    room.outbox = new Outbox({
      client,
      newClient,
      clock,
      random,
      ask: async (fields) => {
        const ok = await this.#session.ask('send', { room: name, ...fields });
        if (ok.seq) room.log.expect(ok.epoch, ok.seq, OWED_MS);
        return ok;
      },
      changed: (message) => this.emit('message', { room: name, message }),
    });
    return room;
  }

  #room(name) {
    const room = this.#rooms.get(name);
    if (!room) throw new Error(`${name} was not joined`);
    return room;
  }

  /** The rooms whose log the page has. */
  #known() {
    return [...this.#rooms.values()].filter(({ log }) => log.epoch !== null);
  }

  #forget(room) {
    room.gone = true;
    this.#clock.clearTimeout(room.timer);
    room.log.stop();
    room.outbox.stop();
  }

  async #enter(room) {
    if (room.entering || room.gone) return;
    room.entering = true;
    const release = room.log.hold();
    try {
      const ok = await this.#session.ask('join', { room: room.name, history: PAGE });
      if (room.gone) return;
      room.entering = false;
      room.failures = 0;
      room.log.begin(ok);
      this.emit('joined', ok);
      room.log.expect(ok.epoch, ok.head, 0);
    } catch (error) {
      room.entering = false;
      this.#failed(room, error, () => this.#enter(room));
    } finally {
      release();
    }
  }

  /** Asks for what came after what the page has, until nothing is missing. */
  async #sync(room) {
    room.behind = true;
    if (room.syncing || room.gone || room.log.epoch === null || !this.#session.online) return;
    room.syncing = true;
    const release = room.log.hold();
    try {
      const { rooms } = await this.#session.ask('sync', { rooms: { [room.name]: room.log.position } });
      room.syncing = false;
      room.failures = 0;
      if (!room.gone) this.#adopt(room, rooms[room.name]);
    } catch (error) {
      room.syncing = false;
      this.#failed(room, error, () => this.#sync(room));
    } finally {
      release();
    }
  }

  #adopt(room, state) {
    const { error, more } = state;
    const fresh = error?.code === 'stale_epoch' || error?.code === 'below_floor';
    if (error && !fresh) return this.#refuse(room, new Refused(error));
    const count = room.log.adopt(state);
    if (room.resuming !== null) room.resuming += count;
    room.behind = !error && more && count > 0;
    if (room.behind) return void this.#sync(room);
    if (room.resuming === null) return;
    this.emit('resumed', { room: room.name, count: room.resuming });
    room.resuming = null;
  }

  #failed(room, error, repeat) {
    // After a lost connection the greeting goes on where this stopped.
    if (room.gone || error instanceof Lost) return;
    if (!error.temporary) return this.#refuse(room, error);
    const pause = error.retryAfterMs ?? backoff(room.failures, this.#random);
    room.failures += 1;
    // Once may be chance.
    if (room.failures > 1) this.emit('trouble', error);
    room.timer = this.#clock.setTimeout(repeat, pause);
  }

  #refuse(room, error) {
    if (room.gone) return;
    this.#rooms.delete(room.name);
    this.#forget(room);
    this.emit('refused', { room: room.name, error });
  }

  #confirm(room, items) {
    for (const item of items) {
      if (item.n !== undefined && item.from.id === this.user?.id) room.outbox.confirm(item);
    }
  }
}
