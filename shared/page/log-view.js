// A room's messages on the screen: grouped by sender and day, oldest at the top, own unsent ones last.

import { element } from './dom.js';
import { messageRow, ownRow, noteRow } from './rows.js';
import { Transcript } from './transcript.js';
import { day } from './words.js';

/** A further message of the same sender within this time needs no name. */
const GROUP_MS = 5 * 60_000;

/** This near to the end, new messages keep the end in sight. */
const NEAR_END_PX = 120;

/** This near to the beginning, older messages are fetched. */
const NEAR_START_PX = 400;

export class LogView {
  #transcript = new Transcript();
  #rows = new Map();
  #own = new Map();
  #list;
  #pending;
  #start;
  #older;
  #loading = false;
  #stuck = true;
  #user;

  /**
   * `user()` gives the own user; `older()` fetches and resolves with `{items, more}`; `retry(message)`
   * sends again; `act(message, what, detail)` does something about a message of the log; `scrolled()`
   * is called when the end comes into sight.
   */
  constructor({ room, label, user, older, retry, act, scrolled }) {
    this.#user = user;
    this.#older = older;
    this.retry = retry;
    this.act = act;
    this.label = label;
    this.#start = element('p', { class: 'start' });
    this.#list = element('ol', { class: 'messages' });
    this.#pending = element('ol', { class: 'messages pending' });
    this.node = element(
      'div',
      { class: 'log', role: 'log', tabIndex: 0, 'aria-label': `Messages in ${label()}`, 'aria-live': 'polite', hidden: true },
      this.#start,
      this.#list,
      this.#pending,
    );
    this.node.addEventListener('scroll', () => {
      this.#stuck = this.atEnd;
      if (this.#stuck) scrolled();
      if (this.node.scrollTop < NEAR_START_PX) this.#loadOlder();
    });
    // A banner, the phone's keyboard or a growing message box take room from the log.
    new ResizeObserver(() => this.#stuck && this.toEnd()).observe(this.node);
    this.room = room;
  }

  /** Whether the newest message is in sight. */
  get atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.node;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  toEnd() {
    this.#stuck = true;
    this.node.scrollTop = this.node.scrollHeight;
  }

  /** Entries that come after all others. Returns the messages of others among them. */
  append(items) {
    return this.#keepEnd(() => {
      const messages = this.#apply(items);
      for (const message of messages) this.#insert(message, null);
      return messages.filter(({ from }) => from.id !== this.#user()?.id);
    });
  }

  /** Everything shown is void; these are the newest. */
  replace(items, more) {
    this.#transcript.clear();
    this.#rows.clear();
    this.#list.replaceChildren();
    for (const message of this.#apply(items)) this.#insert(message, null);
    this.#showStart(more);
    this.toEnd();
    this.#fill();
  }

  /** An own message that the log does not have yet, in its present state. */
  own(message) {
    this.#keepEnd(() => {
      const old = this.#own.get(message);
      // Its entry was here first.
      if (!old && message.state === 'sent') return;
      const row = ownRow(message, { user: this.#user(), retry: () => this.retry(message), discard: () => this.#discard(message) });
      if (old) old.replaceWith(row);
      else this.#pending.append(row);
      this.#own.set(message, row);
    });
  }

  /** A line of the page's own, such as who came. It and its `opposite` before it make no news. */
  note(text, opposite) {
    this.#keepEnd(() => {
      const last = this.#list.lastElementChild;
      if (last?.dataset.note === text) return;
      if (opposite !== undefined && last?.dataset.note === opposite) last.remove();
      else this.#list.append(noteRow(text));
    });
  }

  /** Shows or hides the room; loads what fills the window. */
  show(shown) {
    this.node.hidden = !shown;
    if (!shown) return;
    if (this.#stuck) this.toEnd();
    this.#fill();
  }

  #apply(items) {
    const added = [];
    for (const item of items) {
      const message = this.#transcript.apply(item);
      if (!message) continue;
      if (item.kind === 'message') added.push(message);
      else this.#refresh(message);
      this.#settle(item);
    }
    return added;
  }

  /** An own message that is in the log now is shown from there. */
  #settle({ client, n, from, seq }) {
    if (from.id !== this.#user()?.id) return;
    for (const [message, row] of this.#own) {
      const same = message.client === client && message.n !== undefined && message.n === n;
      if (!same && message.seq !== seq) continue;
      row.remove();
      this.#own.delete(message);
    }
  }

  #discard(message) {
    this.#own.get(message)?.remove();
    this.#own.delete(message);
  }

  #insert(message, before) {
    const row = this.#row(message);
    this.#rows.set(message.seq, row);
    this.#list.insertBefore(row, before);
    this.#group(row);
  }

  #row(message) {
    const row = messageRow(message, { user: this.#user(), quoted: this.#transcript.get(message.replyTo), act: (what, detail) => this.act(message, what, detail) });
    row.message = message;
    return row;
  }

  #refresh(message) {
    const old = this.#rows.get(message.seq);
    if (!old) return;
    const row = this.#row(message);
    this.#rows.set(message.seq, row);
    old.replaceWith(row);
    this.#group(row);
  }

  /** Whether a row repeats name and day depends on the message above it. */
  #group(row) {
    let above = row.previousElementSibling;
    if (above?.classList.contains('day')) above = null;
    const { message } = row;
    const same = above?.message?.from.id === message.from.id && above.message.from.name === message.from.name;
    row.classList.toggle('follows', same && message.at - above.message.at < GROUP_MS);
    const previous = this.#messageAbove(row);
    const text = day(message.at);
    if (!previous || day(previous.at) !== text) {
      if (!row.previousElementSibling?.classList.contains('day')) row.before(element('li', { class: 'day' }, element('span', {}, text)));
      row.classList.remove('follows');
    }
  }

  #messageAbove(row) {
    for (let above = row.previousElementSibling; above; above = above.previousElementSibling) {
      if (above.message) return above.message;
    }
    return null;
  }

  async #loadOlder() {
    if (this.#loading || !this.more || this.node.hidden) return;
    this.#loading = true;
    this.node.setAttribute('aria-busy', 'true');
    this.#start.textContent = 'Loading older messages…';
    let loaded = 0;
    try {
      const { items, more } = await this.#older();
      loaded = items.length;
      this.#prepend(items);
      this.#showStart(more);
    } catch {
      const again = element('button', { class: 'quiet', onclick: () => this.#loadOlder() }, 'Try again');
      this.#start.replaceChildren('Older messages could not be loaded. ', again);
    }
    this.#loading = false;
    this.node.removeAttribute('aria-busy');
    if (loaded > 0) this.#fill();
  }

  /** What the person looks at stays where it is. */
  #prepend(items) {
    const { scrollHeight, scrollTop } = this.node;
    const before = this.#list.firstElementChild;
    for (const message of this.#apply(items)) this.#insert(message, before);
    const next = before?.classList.contains('day') ? before.nextElementSibling : before;
    if (before?.classList.contains('day')) before.remove();
    if (next?.message) this.#group(next);
    this.node.scrollTop = scrollTop + this.node.scrollHeight - scrollHeight;
  }

  #showStart(more) {
    this.more = more;
    this.#start.textContent = more ? '' : `This is where ${this.label()} begins.`;
  }

  /** A window that is not full cannot be scrolled, so it loads by itself. */
  #fill() {
    if (!this.node.hidden && this.node.scrollTop < NEAR_START_PX && this.node.scrollHeight <= this.node.clientHeight + NEAR_START_PX) this.#loadOlder();
  }

  #keepEnd(change) {
    const stuck = this.#stuck;
    const result = change();
    if (stuck) this.toEnd();
    return result;
  }
}
