// The messages that this page sends to one room: numbered, one unanswered at a time, repeated until
// it is known what became of them.

import { Lost } from './connection.js';
import { backoff } from './timing.js';

/** Messages that may wait; beyond that, writing is refused. */
const WAITING = 100;

/** Times a message may be given a new number before it counts as failed. */
const RENUMBERED = 3;

export class Outbox {
  #client;
  #newClient;
  #n = 0;
  #renew = false;
  #queue = [];
  #busy = false;
  #timer = null;
  #stopped = false;
  #clock;
  #random;
  #ask;
  #changed;

  /**
   * `ask(fields)` sends and resolves with the reply, rejects with Refused or Lost. `changed(message)`
   * is called whenever a message's `state` changes: `pending`, `delayed`, `sent` or `failed`.
   */
  constructor({ client, newClient, clock, random, ask, changed }) {
    this.#client = client;
    this.#newClient = newClient;
    this.#clock = clock;
    this.#random = random;
    this.#ask = ask;
    this.#changed = changed;
  }

  /** Messages whose fate is open. */
  get size() {
    return this.#queue.length;
  }

  /** Sends `body` when its turn comes. Returns the message, or null when too many wait. */
  add(body) {
    if (this.#queue.length >= WAITING) return null;
    const message = { body, at: this.#clock.now(), state: 'pending', attempts: 0, renumbered: 0 };
    this.#queue.push(message);
    this.#changed(message);
    this.pump();
    return message;
  }

  /** Sends a failed message again, as a new one. */
  retry(message) {
    Object.assign(message, { n: undefined, client: undefined, error: undefined, attempts: 0, renumbered: 0 });
    this.#queue.push(message);
    this.#set(message, 'pending');
    this.pump();
  }

  /** The log is another one: numbers start again once what is under way is answered. */
  newEpoch() {
    this.#renew = true;
  }

  /** An own entry came by another way than its reply. */
  confirm({ client, n, seq, at }) {
    const [message] = this.#queue;
    if (!message || message.n === undefined || message.client !== client || message.n !== n) return;
    this.#sent(message, { seq, at });
  }

  /** Sends the next message unless one is unanswered. Called again whenever there is a connection. */
  async pump() {
    const [message] = this.#queue;
    if (!message || this.#busy || this.#stopped || this.#timer !== null) return;
    this.#number(message);
    this.#busy = true;
    const { body, client, n } = message;
    let lost = false;
    try {
      this.#sent(message, await this.#ask({ body, client, n }));
    } catch (error) {
      lost = error instanceof Lost;
      // A message that the log has confirmed meanwhile is settled.
      if (!lost && message.state !== 'sent') this.#refused(message, error);
    }
    this.#busy = false;
    if (!lost) this.pump();
  }

  stop() {
    this.#stopped = true;
    this.#clock.clearTimeout(this.#timer);
  }

  #number(message) {
    if (message.n !== undefined) return;
    if (this.#renew) {
      this.#client = this.#newClient();
      this.#n = 0;
      this.#renew = false;
    }
    message.client = this.#client;
    message.n = ++this.#n;
  }

  #sent(message, { seq, at, epoch }) {
    if (message.state === 'sent') return;
    this.#remove(message);
    Object.assign(message, { seq, at: at ?? message.at, epoch, error: undefined });
    this.#set(message, 'sent');
  }

  #refused(message, error) {
    // Nothing was stored under this number by us: it is safe to try another.
    if (error.code === 'early' || error.code === 'conflict') {
      this.#renew = true;
      message.n = undefined;
      message.renumbered += 1;
      if (message.renumbered <= RENUMBERED) return;
    } else if (error.temporary) {
      const pause = error.retryAfterMs ?? backoff(message.attempts, this.#random);
      message.attempts += 1;
      message.error = error;
      this.#set(message, 'delayed');
      this.#timer = this.#clock.setTimeout(() => {
        this.#timer = null;
        this.pump();
      }, pause);
      return;
    }
    this.#renew = true;
    this.#remove(message);
    message.error = error;
    this.#set(message, 'failed');
  }

  #remove(message) {
    this.#queue = this.#queue.filter((other) => other !== message);
  }

  #set(message, state) {
    message.state = state;
    this.#changed(message);
  }
}
