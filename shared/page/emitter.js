// Listeners by event type.

export class Emitter {
  #listeners = new Map();

  /** Calls `listener` with the detail of every event of a type. Returns a function that ends it. */
  on(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  emit(type, detail) {
    for (const listener of this.#listeners.get(type) ?? []) listener(detail);
  }
}
