// Who is in a room, as far as the server says.

import { avatar, byId, element } from './dom.js';

export class People {
  /** Users by id; in a large room only some of them. */
  users = new Map();
  count = 0;
  /** Writing now: user id → until when. */
  typing = new Map();

  /** Takes the answer to `who`. */
  set({ count, users }) {
    this.users = new Map(users.map((user) => [user.id, user]));
    this.count = count;
  }

  joined(user) {
    if (!this.users.has(user.id)) this.count += 1;
    this.users.set(user.id, user);
  }

  left(user) {
    if (this.users.delete(user.id)) this.count -= 1;
    this.typing.delete(user.id);
  }
}

/** Shows the list; the own user first, the others by name, each with a way to `write` to them. */
export function showPeople(people, me, write) {
  const order = [...people.users.values()].sort(
    (a, b) => Number(b.id === me?.id) - Number(a.id === me?.id) || a.name.localeCompare(b.name),
  );
  const rows = order.map((user) =>
    element('li', {}, avatar(user), element('bdi', {}, user.name), user.id === me?.id ? element('small', {}, 'you') : writeTo(user, write)),
  );
  const unnamed = people.count - order.length;
  if (unnamed > 0 && order.length > 0) rows.push(element('li', { class: 'more' }, `and ${unnamed.toLocaleString()} more`));
  byId('people').replaceChildren(...rows);
  byId('people-count').textContent = people.count > 0 ? people.count.toLocaleString() : '';
}

function writeTo(user, write) {
  if (user.id.startsWith('seed:')) return null;
  return element('button', { class: 'quiet write', 'aria-label': `Write to ${user.name}`, onclick: () => write(user) }, 'Write');
}

/** Shows who is writing, and returns when that changes by itself, or null. */
export function showTyping(people, me, now) {
  const writing = [...people.typing].filter(([id, { until }]) => id !== me?.id && until > now);
  const names = writing.map(([, { name }]) => name);
  const text =
    names.length === 0 ? '' : names.length === 1 ? `${names[0]} is writing…` : names.length === 2 ? `${names[0]} and ${names[1]} are writing…` : 'Several people are writing…';
  byId('typing').textContent = text;
  return writing.length === 0 ? null : Math.min(...writing.map(([, { until }]) => until));
}
