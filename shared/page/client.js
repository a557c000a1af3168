// The browser's client of gatepost.v1: one identity, any number of rooms, one connection at a time.
//
// What it promises: `entries` gives each entry of a room once, in order, whatever the connection
// does; a message is either `sent` (durable), `failed` (not sent), or still being tried.

import { Connection, Lost, Refused } from './connection.js';
import { Emitter } from './emitter.js';
import { RoomLog } from './log.js';
import { Outbox } from './outbox.js';
import { OWED_MS, STABLE_MS, backoff, pingPause, rotationAge } from './timing.js';

/** Entries asked for at a time. */
const PAGE = 50;

/** After a sleep or a change of network: an answer takes no longer, or the connection is dead. */
const WAKE_PATIENCE_MS = 5_000;

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
 * - `state` `{state, reason?, code?, request?, retryMs?}`: `connecting`, `online`, `waiting` (for the
 *   next attempt), `ended` (for good; `code` says why);
 * - `entries` `{room, items}`, `replaced` `{room, items}` (what was shown of the room is void);
 * - `resumed` `{room, count}`: after a reconnection the room is complete again, with `count` new entries;
 * - `joined` `{room, kind, role, subscribers}`, `refused` `{room, error}`: how joining a room ended;
 * - `message` `{room, message}`: an own message changed its `state`;
 * - `event` with the server's `joined`, `left`, `typing`, `read`, `occupancy`, `room`, `notice`;
 * - `trouble` `{message, request}`: something failed on the server, and is being repeated;
 * - `degraded` `{degraded}`: whether the server delivers late.
 */
export class Client extends Emitter {
  /** This page load. In memory only: a reload or a duplicated tab is another client. */
  id;
  /** `{id, name}` as the server knows the user; null before the first hello. */
  user = null;
  state = 'connecting';

  #address;
  #WebSocket;
  #clock;
  #random;
  #newId;
  #rooms = new Map();
  #limits = { ping_ms: 270_000, body: 8_192 };
  #connection = null;
  #attempts = 0;
  #take = false;
  #farewell = null;
  #ended = true;
  #greeted = false;
  #degraded = false;
  #rotation = null;
  #timers = {};
  #rest = null;
  #running = false;

  /**
   * `address()` gives the URL for the next connection, also as a promise: a token may have changed.
   * The other options are for tests and for Node without a WebSocket of its own.
   */
  constructor({ address, WebSocket = globalThis.WebSocket, clock = CLOCK, random = Math.random, newId = randomId }) {
    super();
    this.#address = address;
    this.#WebSocket = WebSocket;
    this.#clock = clock;
    this.#random = random;
    this.#newId = newId;
    this.id = newId();
  }

  /** Connects. `take` takes over after the server said that another window is in use. */
  start({ take = false } = {}) {
    if (!this.#ended) return;
    this.#ended = false;
    this.#farewell = null;
    this.#take = take;
    this.#attempts = 0;
    this.#connect();
  }

  /** Disconnects for good. */
  stop() {
    this.#finish({ code: 'stopped' });
    for (const room of this.#rooms.values()) this.#forget(room);
  }

  /** The computer woke, the network changed, the page is looked at: do now what waits for a timer. */
  wake() {
    if (this.#rest) this.#rest();
    else if (this.#connection) this.#ping(WAKE_PATIENCE_MS);
  }

  /** Subscribes to a room, now and after every reconnection. */
  join(name) {
    if (this.#rooms.has(name)) return;
    const room = this.#newRoom(name);
    this.#rooms.set(name, room);
    if (this.#connection) this.#enter(room);
  }

  /** Ends a subscription. */
  leave(name) {
    const room = this.#rooms.get(name);
    if (!room) return;
    this.#rooms.delete(name);
    this.#forget(room);
    this.#connection?.tell('leave', { room: name });
  }

  /** Sends a text. Returns the message, whose `state` is told by `message`; throws Refused. */
  send(name, text) {
    const body = { text };
    if (new TextEncoder().encode(JSON.stringify(body)).length > this.#limits.body) {
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

  /** Own messages whose fate is open, in all rooms. */
  get unsent() {
    return [...this.#rooms.values()].reduce((sum, room) => sum + room.outbox.size, 0);
  }

  /** The page of entries before the oldest one here: `{items, more}`. Rejects with Refused or Lost. */
  async older(name) {
    const { log } = this.#room(name);
    if (log.epoch === null || !log.more || log.first === null) return { items: [], more: log.more };
    const { epoch, first } = log;
    const { items, more } = await this.#ask('history', { room: name, before: first, limit: PAGE });
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
    return this.#ask('who', { room: name, limit: 100 });
  }

  // ---- Connecting ------------------------------------------------------------------------------

  async #connect() {
    if (this.#running) return;
    this.#running = true;
    while (!this.#ended && !this.#connection) {
      try {
        // A rotation under way becomes the new connection.
        if (this.#rotation) await this.#rotation;
        else {
          this.#set('connecting');
          this.#use(await this.#establish());
        }
      } catch (error) {
        if (this.#ended) break;
        if (error instanceof Refused && !error.temporary) this.#finish(error);
        else await this.#pause(error);
      }
    }
    this.#running = false;
  }

  /** Waits for the next attempt, or until somebody says that it may succeed now. */
  async #pause(error) {
    const least = error.retryAfterMs ?? this.#farewell?.after_ms ?? 0;
    const retryMs = Math.max(least, backoff(this.#attempts, this.#random));
    this.#attempts += 1;
    this.#set('waiting', { reason: error.message, request: error.request, retryMs, attempt: this.#attempts });
    await new Promise((resolve) => {
      this.#rest = resolve;
      this.#timers.rest = this.#clock.setTimeout(resolve, retryMs);
    });
    this.#clock.clearTimeout(this.#timers.rest);
    this.#rest = null;
  }

  /** Opens a connection and greets. */
  async #establish() {
    const url = await this.#address();
    const connection = new Connection({
      url,
      WebSocket: this.#WebSocket,
      clock: this.#clock,
      random: this.#random,
      handlers: {
        event: (event) => this.#event(event, connection),
        trouble: (trouble) => this.emit('trouble', trouble),
        end: ({ code, reason }) => this.#left(connection, code, reason),
      },
    });
    this.#timers.opening = connection;
    try {
      await connection.opened;
      await this.#hello(connection);
      if (this.#ended || !connection.open) throw new Lost('closed while connecting');
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      if (this.#timers.opening === connection) this.#timers.opening = null;
    }
  }

  async #hello(connection) {
    const known = [...this.#rooms.values()].filter(({ log }) => log.epoch !== null);
    const resume = Object.fromEntries(known.map(({ name, log }) => [name, log.position]));
    const releases = known.map(({ log }) => log.hold());
    try {
      const take = this.#take ? { take: true } : {};
      const ok = await connection.ask('hello', { client: this.id, resume, ...take });
      this.#take = false;
      this.user = ok.user;
      this.#limits = { ...this.#limits, ...ok.limits };
      this.#rotateIn(rotationAge(ok.expires_at - this.#clock.now(), this.#random));
      this.#noteDegraded(ok);
      for (const room of known) {
        const state = ok.rooms?.[room.name];
        // Nobody needs to be told of a rotation.
        room.resuming = this.#connection ? null : 0;
        if (state) this.#adopt(room, state);
        else room.behind = true;
      }
    } finally {
      for (const release of releases) release();
    }
  }

  /** Makes a greeted connection the one that is used. */
  #use(connection) {
    const old = this.#connection;
    this.#connection = connection;
    this.#farewell = null;
    old?.retire();
    this.#clock.clearTimeout(this.#timers.stable);
    this.#timers.stable = this.#clock.setTimeout(() => (this.#attempts = 0), STABLE_MS);
    this.#schedulePing();
    this.#set('online', { again: this.#greeted });
    this.#greeted = true;
    for (const room of this.#rooms.values()) {
      if (room.log.epoch === null) this.#enter(room);
      else if (room.behind) this.#sync(room);
      room.outbox.pump();
    }
  }

  /** A connection ended, whoever ended it. */
  #left(connection, code, reason) {
    if (connection !== this.#connection) return;
    this.#connection = null;
    this.#stopTimers('ping', 'stable');
    if (this.#ended) return;
    if (this.#farewell && !this.#farewell.reconnect) return this.#finish(this.#farewell);
    this.#reconnect(new Lost(reason || `closed with code ${code}`));
  }

  async #reconnect(error) {
    if (!this.#rotation && !this.#running) await this.#pause(error);
    this.#connect();
  }

  /** Ends for good; `code` says why. */
  #finish({ code, message, request }) {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopTimers('ping', 'stable', 'rotate');
    this.#timers.opening?.close();
    this.#connection?.close();
    this.#connection = null;
    this.#rest?.();
    this.#set('ended', { code, reason: message, request });
  }

  // ---- Rotation: the new connection is there before the old one goes ---------------------------

  #rotateIn(ms) {
    this.#stopTimers('rotate');
    this.#timers.rotate = this.#clock.setTimeout(() => this.#rotate(0), ms);
  }

  async #rotate(failures) {
    if (this.#ended || this.#rotation || !this.#connection) return;
    this.#rotation = this.#establish().then((connection) => this.#use(connection));
    try {
      await this.#rotation;
    } catch {
      const again = backoff(failures, this.#random);
      this.#timers.rotate = this.#clock.setTimeout(() => this.#rotate(failures + 1), again);
    } finally {
      this.#rotation = null;
    }
  }

  // ---- Pings -----------------------------------------------------------------------------------

  #schedulePing() {
    this.#stopTimers('ping');
    const pause = pingPause(this.#limits.ping_ms, this.#random);
    this.#timers.ping = this.#clock.setTimeout(() => this.#ping(), pause);
  }

  async #ping(patience) {
    this.#schedulePing();
    const known = [...this.#rooms.values()].filter(({ log }) => log.epoch !== null);
    const rooms = Object.fromEntries(known.map(({ name, log }) => [name, log.last]));
    try {
      const { heads } = await this.#ask('ping', { rooms }, patience);
      for (const room of known) if (heads?.[room.name] > room.log.last) this.#sync(room);
    } catch {
      // A refused ping is repeated at its time; a lost connection is noticed by itself.
    }
  }

  // ---- Rooms -----------------------------------------------------------------------------------

  #newRoom(name) {
    const { id: client } = this;
    const [clock, random, newClient] = [this.#clock, this.#random, this.#newId];
    const room = { name, entering: false, syncing: false, behind: false, resuming: null, failures: 0, timer: null, gone: false };
    room.log = new RoomLog({
      clock,
      random,
      applied: (items) => this.#applied(room, items),
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
        const ok = await this.#ask('send', { room: name, ...fields });
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
      const ok = await this.#ask('join', { room: room.name, history: PAGE });
      room.entering = false;
      if (room.gone) return;
      room.failures = 0;
      room.log.begin(ok);
      this.emit('joined', ok);
      room.log.expect(ok.epoch, ok.head, 0);
      room.outbox.pump();
    } catch (error) {
      room.entering = false;
      this.#failed(room, error, () => this.#enter(room));
    } finally {
      release();
    }
  }

  /** Asks for what came after what the page has, until nothing is missing. */
  async #sync(room) {
    if (room.syncing || room.gone || room.log.epoch === null || !this.#connection) return;
    room.syncing = true;
    const release = room.log.hold();
    try {
      const { rooms } = await this.#ask('sync', { rooms: { [room.name]: room.log.position } });
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
    const { error } = state;
    const refused = error && error.code !== 'stale_epoch' && error.code !== 'below_floor';
    if (refused) return this.#refuse(room, new Refused(error));
    const count = room.log.adopt(state);
    if (room.resuming !== null) room.resuming += count;
    room.behind = !error && state.more && count > 0;
    if (room.behind) return void this.#sync(room);
    if (room.resuming === null) return;
    this.emit('resumed', { room: room.name, count: room.resuming });
    room.resuming = null;
  }

  #failed(room, error, repeat) {
    if (room.gone || error instanceof Lost) return;
    if (!error.temporary) return this.#refuse(room, error);
    const pause = error.retryAfterMs ?? backoff(room.failures, this.#random);
    room.failures += 1;
    room.timer = this.#clock.setTimeout(repeat, pause);
  }

  #refuse(room, error) {
    this.#rooms.delete(room.name);
    this.#forget(room);
    this.emit('refused', { room: room.name, error });
  }

  #applied(room, items) {
    this.#confirm(room, items);
    this.emit('entries', { room: room.name, items });
  }

  #confirm(room, items) {
    for (const item of items) {
      if (item.n !== undefined && item.from.id === this.user?.id) room.outbox.confirm(item);
    }
  }

  // ---- Events and answers ----------------------------------------------------------------------

  #event(event, connection) {
    if (event.event === 'entries') {
      return this.#rooms.get(event.room)?.log.push(event.epoch, event.items);
    }
    if (event.event === 'bye') {
      if (connection !== this.#connection) return;
      this.#farewell = event;
      // Time enough to have another connection before this one goes.
      if (event.reconnect) this.#rotateIn(this.#random() * event.after_ms);
      return;
    }
    this.emit('event', event);
  }

  /**
   * Asks on the current connection, once more on its successor if it is lost meanwhile. Says hello
   * again if the server forgot that it was said.
   */
  async #ask(action, fields, patience) {
    const connection = this.#connection;
    if (!connection) throw new Lost('not connected');
    try {
      return this.#noteDegraded(await connection.ask(action, fields, patience));
    } catch (error) {
      const current = this.#connection === connection;
      if (error instanceof Lost && !current) return this.#ask(action, fields, patience);
      if (error.code === 'replaced' && current) this.#finish(error);
      if (error.code !== 'unregistered') throw error;
      await this.#hello(connection);
      return this.#noteDegraded(await connection.ask(action, fields, patience));
    }
  }

  #noteDegraded(ok) {
    const degraded = ok.degraded === true;
    if (degraded !== this.#degraded) {
      this.#degraded = degraded;
      this.emit('degraded', { degraded });
    }
    return ok;
  }

  #set(state, detail = {}) {
    this.state = state;
    this.emit('state', { state, ...detail });
  }

  #stopTimers(...names) {
    for (const name of names) this.#clock.clearTimeout(this.#timers[name]);
  }
}
