// One WebSocket that speaks gatepost.v1: actions go out, replies find their action, events come in.

import { OPEN_MS, UNANSWERED_MS, backoff } from './timing.js';

/** The server's answer to an action that it did not carry out. */
export class Refused extends Error {
  constructor({ code, message, request, retry_after_ms, expected, floor }) {
    super(message);
    this.code = code;
    this.request = request;
    this.retryAfterMs = retry_after_ms;
    this.expected = expected;
    this.floor = floor;
  }

  /** Whether the same action may succeed later. */
  get temporary() {
    return ['rate_limited', 'early', 'unregistered', 'unavailable', 'internal'].includes(this.code);
  }
}

/** The connection ended before the answer: whether the action was carried out is unknown. */
export class Lost extends Error {}

/** Every action but these may be repeated, and is when its answer does not come. */
const SAID_ONCE = new Set(['leave', 'typing', 'create', 'invite']);

export class Connection {
  #socket;
  #clock;
  #random;
  #handlers;
  #unanswered = new Map();
  #count = 0;
  #ended = false;
  #retiring = false;

  /**
   * Opens a socket. `handlers`: `event(event)`, `trouble({message, request})` for a frame of the
   * gateway's own, `end({code, reason})` once, whoever ended it.
   */
  constructor({ url, WebSocket, clock, random, handlers }) {
    this.#clock = clock;
    this.#random = random;
    this.#handlers = handlers;
    this.opened = new Promise((resolve, reject) => {
      const socket = new WebSocket(url, ['gatepost.v1']);
      this.#socket = socket;
      const timer = clock.setTimeout(() => this.#end(1006, 'the server did not answer'), OPEN_MS);
      this.settleOpening = (error) => {
        clock.clearTimeout(timer);
        if (error) reject(error);
        else resolve();
      };
      socket.onopen = () => this.settleOpening();
      socket.onmessage = ({ data }) => this.#received(data);
      socket.onclose = ({ code, reason }) => this.#end(code, reason);
    });
    // Whoever opens a connection may stop waiting for it.
    this.opened.catch(() => {});
  }

  /** Whether actions can be sent. */
  get open() {
    return !this.#ended && this.#socket.readyState === 1;
  }

  /**
   * Sends an action and resolves with its `ok`. Rejects with Refused or Lost. Unanswered for
   * `patience`, it is repeated once; after that again the connection is dead. One that must not be
   * repeated is lost at once, and says nothing about the connection.
   */
  ask(action, fields = {}, patience = UNANSWERED_MS) {
    if (!this.open) return Promise.reject(new Lost('not connected'));
    const id = String(++this.#count);
    const frame = JSON.stringify({ action, id, ...fields });
    if (new TextEncoder().encode(frame).length > 32_768) {
      // The gateway would close the connection.
      return Promise.reject(new Refused({ code: 'too_large', message: 'the message is too long' }));
    }
    return new Promise((resolve, reject) => {
      const repeatable = !SAID_ONCE.has(action);
      const waiting = { id, frame, resolve, reject, patience, repeatable, repeats: 1, failures: 0, timer: 0 };
      this.#unanswered.set(id, waiting);
      this.#transmit(waiting);
    });
  }

  /** Sends an action for whose answer nobody waits. */
  tell(action, fields = {}) {
    if (this.open) this.#socket.send(JSON.stringify({ action, ...fields }));
  }

  /** Closes when nothing is unanswered any more, or after the time of one answer. */
  retire() {
    this.#retiring = true;
    this.#clock.setTimeout(() => this.close(), UNANSWERED_MS);
    this.#leaveIfDone();
  }

  close() {
    this.#end(1000, 'closed by the page');
  }

  #transmit(waiting) {
    this.#socket.send(waiting.frame);
    this.#clock.clearTimeout(waiting.timer);
    waiting.timer = this.#clock.setTimeout(() => {
      if (!waiting.repeatable) {
        this.#unanswered.delete(waiting.id);
        return waiting.reject(new Lost('no answer'));
      }
      if (waiting.repeats === 0) return this.#end(1006, 'the server stopped answering');
      waiting.repeats -= 1;
      this.#transmit(waiting);
    }, waiting.patience);
  }

  #received(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof frame !== 'object' || frame === null) return;
    if (typeof frame.event === 'string') return this.#handlers.event(frame);
    if ('reply' in frame) return this.#answered(frame);
    if ('message' in frame) this.#troubled(frame);
  }

  #answered({ reply, ok, error }) {
    const waiting = this.#unanswered.get(reply);
    if (!waiting) {
      // An action that nobody waits for was refused: of interest only if the server is at fault.
      if (error && ['internal', 'unavailable'].includes(error.code)) this.#handlers.trouble(error);
      return;
    }
    this.#unanswered.delete(reply);
    this.#clock.clearTimeout(waiting.timer);
    if (error) waiting.reject(new Refused(error));
    else waiting.resolve(ok);
    this.#leaveIfDone();
  }

  /**
   * The gateway's own error frame says that some action failed, not which: whatever may be repeated
   * is repeated soon instead of after the full wait.
   */
  #troubled({ message, requestId }) {
    for (const waiting of this.#unanswered.values()) {
      if (!waiting.repeatable || waiting.failures >= 8) continue;
      const pause = backoff(waiting.failures, this.#random);
      waiting.failures += 1;
      this.#clock.clearTimeout(waiting.timer);
      waiting.timer = this.#clock.setTimeout(() => this.#transmit(waiting), pause);
    }
    this.#handlers.trouble({ message, request: requestId });
  }

  #leaveIfDone() {
    if (this.#retiring && this.#unanswered.size === 0) this.close();
  }

  #end(code, reason) {
    if (this.#ended) return;
    this.#ended = true;
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
    socket.close(1000);
    const lost = new Lost(reason || `closed with code ${code}`);
    this.settleOpening(lost);
    for (const waiting of this.#unanswered.values()) {
      this.#clock.clearTimeout(waiting.timer);
      waiting.reject(lost);
    }
    this.#unanswered.clear();
    this.#handlers.end({ code, reason });
  }
}
