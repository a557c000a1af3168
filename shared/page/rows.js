// The lines of a log.

import { avatar, element } from './dom.js';
import { clockTime, explain } from './words.js';

/** A message of the log. */
export function messageRow(message, { user, quoted }) {
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
      reactions(message),
    ),
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

function reactions({ reactions: all }) {
  if (all.size === 0) return null;
  const marks = [...all].map(([emoji, users]) => element('span', {}, `${emoji} ${users.size}`));
  return element('p', { class: 'reactions' }, ...marks);
}
