// What a room's entries say in the end: messages, with their edits, deletions and reactions.

export class Transcript {
  #messages = new Map();
  /** Changes of messages that are not loaded: target → entries, oldest first. */
  #waiting = new Map();

  /** Takes one entry. Returns the message that is new or changed, or null. */
  apply(entry) {
    if (entry.kind === 'message') return this.#add(entry);
    const message = this.#messages.get(entry.target);
    if (message) return change(message, entry);
    const waiting = this.#waiting.get(entry.target) ?? [];
    this.#waiting.set(entry.target, [...waiting, entry].sort((a, b) => a.seq - b.seq));
    return null;
  }

  get(seq) {
    return this.#messages.get(seq);
  }

  clear() {
    this.#messages.clear();
    this.#waiting.clear();
  }

  #add({ seq, at, from, body, reply_to: replyTo, client, n }) {
    // The server serves what was taken back with an empty body, also where its deletion is not loaded.
    const deleted = Object.keys(body).length === 0;
    const message = { seq, at, from, client, n, replyTo, text: textOf(body), edited: false, deleted, reactions: new Map() };
    this.#messages.set(seq, message);
    for (const entry of this.#waiting.get(seq) ?? []) change(message, entry);
    this.#waiting.delete(seq);
    return message;
  }
}

function change(message, entry) {
  if (entry.kind === 'edit' && message.deleted) return null;
  if (entry.kind === 'edit') Object.assign(message, { text: textOf(entry.body), edited: true });
  else if (entry.kind === 'delete') Object.assign(message, { text: '', deleted: true });
  else if (entry.kind === 'reaction') react(message, entry);
  else return null;
  return message;
}

function react({ reactions }, { emoji, on, from }) {
  const users = reactions.get(emoji) ?? new Set();
  if (on) users.add(from.id);
  else users.delete(from.id);
  if (users.size > 0) reactions.set(emoji, users);
  else reactions.delete(emoji);
}

function textOf(body) {
  return typeof body?.text === 'string' ? body.text : '';
}
