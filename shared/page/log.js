// A room's log as the page has it: every entry once, in order. A push is a hint, the log is the truth.

import { HOLD_MS, backoff } from './timing.js';

/** Pushes kept while something before them is missing; what is dropped is fetched anyhow. */
const HELD = 1_000;

export class RoomLog {
  /** Generation of the log; null until the room was joined. */
  epoch = null;
  /** The last seq that was applied. */
  last = 0;
  /** The oldest seq that was loaded; null when none is. */
  first = null;
  /** Whether entries before `first` exist. */
  more = false;

  #held = new Map();
  #holds = 0;
  #timer = null;
  #vain = 0;
  #clock;
  #random;
  #applied;
  #replaced;
  #fetch;

  /**
   * `applied(items)`: the next entries. `replaced(items, another)`: everything before is void, these
   * are the newest; `another` if the log is another one. `fetch()`: entries are missing, ask the server with `sync`.
   */
  constructor({ clock, random, applied, replaced, fetch }) {
    this.#clock = clock;
    this.#random = random;
    this.#applied = applied;
    this.#replaced = replaced;
    this.#fetch = fetch;
  }

  /** What `hello` and `sync` are told. */
  get position() {
    return { epoch: this.epoch, seq: this.last };
  }

  /** Pushes wait from now until the function that this returns is called. */
  hold() {
    this.#holds += 1;
    this.#stopTimer();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holds -= 1;
      this.#drain();
    };
  }

  /** Takes pushed entries, in any order, doubled or not. */
  push(epoch, items) {
    if (this.epoch !== null && epoch !== this.epoch) {
      // The push may be old, or the log new: only the log knows.
      if (this.#holds === 0) this.#fetch();
      return;
    }
    for (const item of items) {
      if (item.seq > this.last && this.#held.size < HELD) this.#held.set(item.seq, { epoch, item });
    }
    this.#drain();
  }

  /** Somebody trustworthy says that the log reaches `seq`: fetches it if it does not come. */
  expect(epoch, seq, pause) {
    if (this.epoch === null) return;
    if (epoch === this.epoch && seq <= this.last) return;
    this.#clock.setTimeout(() => {
      if (epoch !== this.epoch || seq > this.last) this.#fetch();
    }, pause);
  }

  /** Takes the answer to `join`. What the page has already is continued if nothing is missing. */
  begin({ epoch, head, items, more }) {
    const follows = items.length === 0 ? head : items[0].seq;
    if (this.epoch === epoch && this.first !== null && follows <= this.last + 1) {
      return this.#take(items);
    }
    this.#replace(epoch, head, items, more);
  }

  /** Takes a room in the answer to `hello` or `sync`. Returns how many entries were new. */
  adopt({ epoch, head, items, more, error }) {
    const before = this.last;
    if (error || epoch !== this.epoch) {
      this.#replace(epoch, head, items, more);
      return items.length;
    }
    this.#take(items);
    if (this.last > before) this.#vain = 0;
    else this.#vain += 1;
    return this.last - before;
  }

  /** Takes a page of history before `first`. */
  prepend(items, more) {
    if (items.length > 0) this.first = items[0].seq;
    this.more = more;
  }

  /** Forgets the room. */
  stop() {
    this.#stopTimer();
    this.#held.clear();
    this.epoch = null;
  }

  #replace(epoch, head, items, more) {
    const another = this.epoch !== null && this.epoch !== epoch;
    this.epoch = epoch;
    this.last = items.at(-1)?.seq ?? head;
    this.first = items[0]?.seq ?? null;
    this.more = more;
    for (const [seq, held] of this.#held) {
      if (held.epoch !== epoch || seq <= this.last) this.#held.delete(seq);
    }
    this.#replaced(items, another);
  }

  #take(items) {
    const next = [];
    for (const item of items) {
      if (item.seq !== this.last + 1) continue;
      this.last = item.seq;
      next.push(item);
    }
    this.#apply(next);
  }

  #apply(next) {
    if (next.length === 0) return;
    this.first ??= next[0].seq;
    for (const seq of this.#held.keys()) if (seq <= this.last) this.#held.delete(seq);
    this.#applied(next);
  }

  #drain() {
    if (this.#holds > 0) return;
    const next = [];
    for (let held; (held = this.#held.get(this.last + 1)); ) {
      this.#held.delete(held.item.seq);
      this.last = held.item.seq;
      next.push(held.item);
    }
    if (next.length > 0) {
      this.#stopTimer();
      this.#vain = 0;
      this.#apply(next);
    }
    if (this.#held.size === 0) return this.#stopTimer();
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = null;
      this.#fetch();
      // A fetch that brings nothing is not repeated at full speed.
    }, this.#vain === 0 ? HOLD_MS : backoff(this.#vain, this.#random));
  }

  #stopTimer() {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }
}
