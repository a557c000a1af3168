// The rooms a user is a member of, and what they are called: a direct room by who is at its other end.

export class Memberships {
  /** Room → `{kind, role, with?}`. */
  #rooms = new Map();
  /** User → the name last heard. */
  #names = new Map();

  /** Takes the `memberships` of `hello`, or one that an event or an answer tells of. */
  add({ room, kind, role, with: other }) {
    const known = this.#rooms.get(room) ?? {};
    this.#rooms.set(room, {
      kind: kind ?? known.kind ?? (room.startsWith('dm:') ? 'direct' : undefined),
      role: role ?? known.role,
      with: other ?? known.with,
    });
  }

  remove(room) {
    this.#rooms.delete(room);
  }

  get(room) {
    return this.#rooms.get(room);
  }

  /** Remembers what users are called. */
  heard(users) {
    for (const { id, name } of users) this.#names.set(id, name);
  }

  /** Of the other one of a direct room something was heard: nobody else but oneself is in it. */
  heardIn(room, users, me) {
    this.heard(users);
    const other = users.find(({ id }) => id !== me?.id);
    if (other && room.startsWith('dm:')) this.add({ room, with: other.id });
  }

  /** The direct room with a user, if there is one. */
  directWith(user) {
    for (const [room, one] of this.#rooms) if (one.with === user) return room;
    return null;
  }

  /** The user of this name or id, or null. */
  find(text) {
    if (this.#names.has(text)) return text;
    const same = [...this.#names].filter(([, name]) => name.toLowerCase() === text.toLowerCase());
    return same.length === 1 ? same[0][0] : null;
  }

  /** What a room is called on the screen. */
  label(room) {
    const one = this.#rooms.get(room);
    if (!room.startsWith('dm:')) return `#${room}`;
    return one?.with ? (this.#names.get(one.with) ?? one.with) : 'Direct messages';
  }
}
