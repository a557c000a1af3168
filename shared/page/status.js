// The state of the connection, in the corner and as a banner where it needs attention.

import { byId, element } from './dom.js';
import { explain } from './words.js';

let countdown;
let fading;

/** Shows a `state` of the client. Returns the reason where it ended and somebody has to decide. */
export function showStatus(detail) {
  const { state, retryMs, code } = detail;
  clearInterval(countdown);
  const words = { connecting: 'Connecting…', online: 'Connected', waiting: 'No connection', ended: 'Disconnected' };
  byId('status').dataset.state = state;
  byId('status-text').textContent = words[state];
  byId('status-count').textContent = '';
  byId('now').hidden = state !== 'waiting';
  document.body.dataset.online = String(state === 'online');
  if (state === 'waiting') {
    const until = Date.now() + retryMs;
    const show = () => {
      const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      byId('status-count').textContent = ` · again in ${seconds} s`;
    };
    show();
    countdown = setInterval(show, 1000);
    if (detail.attempt > 2) showBanner({ text: 'The chat server cannot be reached. Your messages are kept here and sent when it is back.' });
  }
  if (state === 'online') hideBanner();
  if (state === 'ended' && code !== 'stopped') return explain(detail);
  return null;
}

/** A sentence above the log, with at most one thing to do about it; for ever or for a time. */
export function showBanner({ text, action, act, forMs }) {
  clearTimeout(fading);
  if (forMs) fading = setTimeout(hideBanner, forMs);
  const button = action ? element('button', { onclick: act }, action) : null;
  const close = element('button', { class: 'quiet', 'aria-label': 'Dismiss', onclick: hideBanner }, '✕');
  byId('banner').replaceChildren(element('span', {}, text), ...(button ? [button] : []), close);
}

export function hideBanner() {
  byId('banner').replaceChildren();
}
