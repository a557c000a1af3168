// Time that passes only when a test says so.

export class FakeClock {
  #now = 1_800_000_000_000;
  #timers = new Map();
  #next = 1;

  now = () => this.#now;

  setTimeout = (act, ms) => {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + ms, id, act });
    return id;
  };

  clearTimeout = (id) => this.#timers.delete(id);

  /** Lets `ms` pass: every timer that falls due runs at its time, and what it begins goes on. */
  async pass(ms) {
    const until = this.#now + ms;
    await settled();
    for (;;) {
      const due = [...this.#timers.values()].filter((timer) => timer.at <= until);
      if (due.length === 0) break;
      const first = due.sort((a, b) => a.at - b.at || a.id - b.id)[0];
      this.#timers.delete(first.id);
      this.#now = Math.max(this.#now, first.at);
      first.act();
      await settled();
    }
    this.#now = until;
  }
}

/** Everything that waits for no timer has happened. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
