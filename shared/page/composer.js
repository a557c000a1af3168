// The message box: Enter sends, Shift+Enter begins a line, it grows with the text.

import { byId } from './dom.js';

/** How often the others are told that one is writing. */
const TYPING_MS = 3_000;

/** Where the number of bytes left begins to be of interest. */
const NEARLY_FULL = 500;

/** `send(text)` returns whether it was taken; `typing(on)` tells the others. */
export function wireComposer({ send, typing, limit }) {
  const [form, text, left, button] = ['composer', 'text', 'left', 'send'].map(byId);
  let told = 0;

  const resize = () => {
    text.style.height = 'auto';
    text.style.height = `${Math.min(text.scrollHeight, 200)}px`;
  };
  const bytesLeft = () => limit() - new TextEncoder().encode(JSON.stringify({ text: text.value })).length;
  const refresh = () => {
    resize();
    const rest = bytesLeft();
    left.textContent = rest < NEARLY_FULL ? ` · ${rest} bytes left` : '';
    left.classList.toggle('over', rest < 0);
    button.disabled = text.value.trim() === '' || rest < 0;
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const value = text.value.trim();
    if (value === '' || bytesLeft() < 0 || !send(value)) return;
    text.value = '';
    told = 0;
    refresh();
    text.focus();
  });
  text.addEventListener('keydown', (event) => {
    // The Enter that ends a composition (Japanese, Chinese, Korean) is not meant for us. In Safari
    // the composition is over by then, and only the key code 229 tells.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    form.requestSubmit();
  });
  text.addEventListener('input', () => {
    refresh();
    const now = Date.now();
    if (text.value.trim() !== '' && now - told > TYPING_MS) {
      told = now;
      typing(true);
    }
  });
  refresh();
}
