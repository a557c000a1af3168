// What this browser remembers: who one is, and which rooms. Without storage, until the page closes.

import { randomId } from './client.js';

const KEY = 'gatepost';
const ROOMS = 12;

function stored() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

export class Profile {
  #values;

  constructor() {
    const { user, name, rooms } = stored();
    this.#values = {
      user: typeof user === 'string' ? user : randomId(),
      name: typeof name === 'string' ? name : '',
      rooms: Array.isArray(rooms) ? rooms.filter((room) => typeof room === 'string') : [],
    };
    this.#save();
  }

  /** A random id: all windows of this browser are the same user. */
  get user() {
    return this.#values.user;
  }

  get name() {
    return this.#values.name;
  }

  set name(name) {
    this.#values.name = name;
    this.#save();
  }

  /** The rooms one is in, the last one opened first. */
  get rooms() {
    return this.#values.rooms;
  }

  opened(room) {
    const others = this.rooms.filter((other) => other !== room);
    this.#values.rooms = [room, ...others].slice(0, ROOMS);
    this.#save();
  }

  left(room) {
    this.#values.rooms = this.rooms.filter((other) => other !== room);
    this.#save();
  }

  #save() {
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#values));
    } catch {
      // Private windows may have no storage.
    }
  }
}

/** A name as the server takes it: no control, direction or zero-width characters. */
export function cleanName(text) {
  return text.normalize('NFC').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim();
}

/** A room's name as the server takes it, or an empty string. */
export function cleanRoom(text) {
  const name = text.trim().toLowerCase().replace(/^#/, '').replace(/\s+/g, '-');
  return /^[a-z0-9][a-z0-9._-]{0,63}$/.test(name) ? name : '';
}
