// Being connected: opening, greeting, coming back, exchanging a connection before it grows too old.

import { Connection, Lost, Refused } from './connection.js';
import { STABLE_MS, backoff, pingPause, rotationAge } from './timing.js';

/** After a sleep or a change of network: an answer takes no longer, or the connection is dead. */
const WAKE_PATIENCE_MS = 5_000;

/** A connection that answered this lately needs no asking whether it lives. */
const LATELY_MS = 15_000;

export class Session {
  /** The `user` and the `limits` that the last greeting gave. */
  user = null;
  limits = { ping_ms: 270_000, body: 8_192 };

  #options;
  #clock;
  #random;
  #handlers;
  #connection = null;
  #opening = null;
  #rotation = null;
  #attempts = 0;
  #take = false;
  #farewell = null;
  #ended = true;
  #running = false;
  #rest = null;
  #timers = {};
  #pinged = 0;
  #degraded = false;
  #degradedPings = 0;

  /**
   * `address()` gives the URL for the next connection, also as a promise. `handlers`: `greeting()`
   * gives `{fields, taken(ok), end()}` for a hello, `online()` once there is a greeted connection,
   * `ping(patience)` when one is due, `event(event)`, `emit(type, detail)`.
   */
  constructor({ address, WebSocket, clock, random, handlers }) {
    this.#options = { address, WebSocket };
    this.#clock = clock;
    this.#random = random;
    this.#handlers = handlers;
  }

  /** Whether there is a greeted connection. */
  get online() {
    return this.#connection !== null;
  }

  start(take) {
    if (!this.#ended) return;
    this.#ended = false;
    this.#farewell = null;
    this.#take = take;
    this.#attempts = 0;
    this.#connect();
  }

  stop() {
    this.#finish({ code: 'stopped' });
  }

  wake() {
    if (this.#rest) this.#rest();
    else if (this.#connection && this.#clock.now() - this.#pinged >= LATELY_MS) this.#ping(WAKE_PATIENCE_MS);
  }

  tell(action, fields) {
    this.#connection?.tell(action, fields);
  }

  /**
   * Asks on the current connection, once more on its successor if it is lost meanwhile. Says hello
   * again if the server forgot that it was said.
   */
  async ask(action, fields, patience) {
    const connection = this.#connection;
    if (!connection) throw new Lost('not connected');
    try {
      return this.#noteDegraded(await connection.ask(action, fields, patience));
    } catch (error) {
      const current = this.#connection === connection;
      if (error instanceof Lost && !current) return this.ask(action, fields, patience);
      if (error.code === 'replaced' && current) this.#finish(error);
      if (error.code !== 'unregistered') throw error;
      await this.#hello(connection);
      return this.#noteDegraded(await connection.ask(action, fields, patience));
    }
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
          this.#handlers.emit('state', { state: 'connecting' });
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
    const { message: reason, request } = error;
    this.#handlers.emit('state', { state: 'waiting', reason, request, retryMs, attempt: this.#attempts });
    await new Promise((resolve) => {
      this.#rest = resolve;
      this.#timers.rest = this.#clock.setTimeout(resolve, retryMs);
    });
    this.#stopTimers('rest');
    this.#rest = null;
  }

  /** Opens a connection and greets. */
  async #establish() {
    const url = await this.#options.address();
    const connection = new Connection({
      url,
      WebSocket: this.#options.WebSocket,
      clock: this.#clock,
      random: this.#random,
      handlers: {
        event: (event) => this.#event(event, connection),
        trouble: (trouble) => this.#handlers.emit('trouble', trouble),
        end: ({ code, reason }) => this.#left(connection, code, reason),
      },
    });
    this.#opening = connection;
    try {
      await connection.opened;
      await this.#hello(connection);
      if (this.#ended || !connection.open) throw new Lost('closed while connecting');
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      if (this.#opening === connection) this.#opening = null;
    }
  }

  async #hello(connection) {
    const { fields, taken, end } = this.#handlers.greeting();
    try {
      const take = this.#take ? { take: true } : {};
      const ok = await connection.ask('hello', { ...fields, ...take });
      this.#take = false;
      this.user = ok.user;
      this.limits = { ...this.limits, ...ok.limits };
      this.#rotateIn(rotationAge(ok.expires_at - this.#clock.now(), this.#random));
      this.#schedulePing();
      this.#noteDegraded(ok);
      taken(ok);
    } finally {
      end();
    }
  }

  /** Makes a greeted connection the one that is used. */
  #use(connection) {
    const old = this.#connection;
    this.#connection = connection;
    this.#farewell = null;
    old?.retire();
    this.#stopTimers('stable');
    this.#timers.stable = this.#clock.setTimeout(() => (this.#attempts = 0), STABLE_MS);
    this.#handlers.emit('state', { state: 'online' });
    this.#handlers.online();
  }

  /** A connection ended, whoever ended it. */
  #left(connection, code, reason) {
    if (connection !== this.#connection) return;
    this.#connection = null;
    this.#stopTimers('ping', 'stable');
    if (this.#ended) return;
    if (this.#farewell && !this.#farewell.reconnect) this.#finish(this.#farewell);
    else this.#return(new Lost(reason || `closed with code ${code}`));
  }

  async #return(error) {
    if (!this.#rotation && !this.#running) await this.#pause(error);
    this.#connect();
  }

  /** Ends for good; `code` says why. */
  #finish({ code, message: reason, request }) {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopTimers('ping', 'stable', 'rotate');
    this.#opening?.close();
    this.#connection?.close();
    this.#connection = null;
    this.#rest?.();
    this.#handlers.emit('state', { state: 'ended', code, reason, request });
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

  // ---- Pings, events ---------------------------------------------------------------------------

  #schedulePing() {
    this.#stopTimers('ping');
    this.#pinged = this.#clock.now();
    // A server without its registry has no subscription to push to. A ping makes it anew, as soon
    // as that is possible.
    const pause = this.#degraded
      ? backoff(this.#degradedPings++, this.#random)
      : pingPause(this.limits.ping_ms, this.#random);
    this.#timers.ping = this.#clock.setTimeout(() => this.#ping(), pause);
  }

  #ping(patience) {
    if (!this.#connection) return;
    this.#schedulePing();
    this.#handlers.ping(patience);
  }

  #event(event, connection) {
    if (event.event !== 'bye') return this.#handlers.event(event);
    if (connection !== this.#connection) return;
    this.#farewell = event;
    // Time enough to have another connection before this one goes.
    if (event.reconnect) this.#rotateIn(this.#random() * event.after_ms);
  }

  #noteDegraded(ok) {
    const degraded = ok.degraded === true;
    if (degraded !== this.#degraded) {
      this.#degraded = degraded;
      this.#degradedPings = 0;
      this.#schedulePing();
      this.#handlers.emit('degraded', { degraded });
    }
    return ok;
  }

  #stopTimers(...names) {
    for (const name of names) this.#clock.clearTimeout(this.#timers[name]);
  }
}
