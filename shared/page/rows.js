// The lines of a log.

import { avatar, element } from './dom.js';
import { clockTime, explain } from './words.js';

/** What one click says. */
const EMOJI = ['👍', '❤️', '😂', '🎉'];

/** A message of the log. `act(what, detail)` does something about it. */
export function messageRow(message, { user, quoted, act }) {
  const mine = message.from.id === user?.id;
  const time = element('time', { dateTime: new Date(message.at).toISOString() }, clockTime(message.at));
  const row = element(
    'li',
    { class: mine ? 'message mine' : 'message', 'data-seq': String(message.seq) },
    mine ? null : avatar(message.from),
    element(
      'div',
      { class: 'said' },
      element('p', { class: 'by' }, element('bdi', { class: mine ? 'unseen' : '' }, mine ? 'You' : message.from.name), ' ', time),
      bubble(message, quoted),
      reactions(message, user, act),
    ),
    message.deleted ? null : actions(mine, act),
  );
  return row;
}

/** An own message that is not in the log yet. */
export function ownRow(message, { retry, discard }) {
  const failed = message.state === 'failed';
  const states = {
    pending: 'Sending…',
    delayed: message.error ? explain(message.error) : 'Waiting…',
    sent: 'Sent',
    failed: `Not sent. ${message.error ? explain(message.error) : ''}`,
  };
  return element(
    'li',
    { class: `message mine own ${message.state}` },
    element(
      'div',
      { class: 'said' },
      element('div', { class: 'bubble', dir: 'auto' }, message.body.text),
      element(
        'p',
        { class: 'fate' },
        element('span', {}, states[message.state]),
        failed ? element('button', { class: 'quiet', onclick: retryOnce(retry, discard) }, 'Try again') : null,
        failed ? element('button', { class: 'quiet', onclick: discard }, 'Remove') : null,
      ),
    ),
  );
}

/** News that no message tells. */
export function noteRow(text) {
  return element('li', { class: 'note', 'data-note': text }, text);
}

function retryOnce(retry, discard) {
  return () => {
    discard();
    retry();
  };
}

function bubble({ text, edited, deleted, replyTo }, quoted) {
  if (deleted) return element('div', { class: 'bubble gone' }, 'This message was taken back.');
  const answered = replyTo
    ? element('blockquote', { dir: 'auto' }, quoted ? `${quoted.from.name}: ${quoted.text.slice(0, 120)}` : 'An earlier message')
    : null;
  const mark = edited ? element('small', { class: 'edited' }, ' edited') : null;
  return element('div', { class: 'bubble', dir: 'auto' }, answered, text, mark);
}

function reactions({ reactions: all, deleted }, user, act) {
  if (all.size === 0 || deleted) return null;
  const marks = [...all].map(([emoji, users]) => {
    const own = users.has(user?.id);
    const toggle = { 'aria-pressed': String(own), onclick: () => act('react', { emoji, on: !own }) };
    return element('button', toggle, `${emoji} ${users.size}`);
  });
  return element('p', { class: 'reactions' }, ...marks);
}

/** One stop of the Tab key a message, whatever there is to do about it. */
function actions(mine, act) {
  const button = (name, text, what, detail) => element('button', { class: 'quiet', 'aria-label': name, onclick: () => act(what, detail) }, text);
  return element(
    'details',
    { class: 'acts' },
    element('summary', { 'aria-label': 'About this message' }, '⋯'),
    element(
      'div',
      {},
      ...EMOJI.map((emoji) => button(`React with ${emoji}`, emoji, 'react', { emoji, on: true })),
      mine ? button('Edit this message', 'Edit', 'edit') : null,
      mine ? button('Take this message back', 'Take back', 'takeBack') : null,
    ),
  );
}
