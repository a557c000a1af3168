// The dialog that asks for one text.

import { byId } from './dom.js';

/** Asks; resolves with what was entered, or null when the person enters nothing after all. */
export function askText({ title, label, value = '', action, most = 4_000 }) {
  const [dialog, form, text] = ['ask', 'ask-form', 'ask-text'].map(byId);
  byId('ask-title').textContent = title;
  byId('ask-label').textContent = label;
  byId('ask-go').textContent = action;
  text.maxLength = most;
  text.value = value;
  dialog.showModal();
  text.focus();
  text.setSelectionRange(value.length, value.length);
  return new Promise((resolve) => {
    const finish = (answer) => {
      form.onsubmit = dialog.oncancel = byId('ask-cancel').onclick = null;
      dialog.close();
      resolve(answer);
    };
    dialog.oncancel = (event) => {
      event.preventDefault();
      finish(null);
    };
    byId('ask-cancel').onclick = () => finish(null);
    form.onsubmit = (event) => {
      event.preventDefault();
      const answer = text.value.trim();
      if (answer) finish(answer);
    };
    text.onkeydown = (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      form.requestSubmit();
    };
  });
}
