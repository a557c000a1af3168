// The dialog that asks for a name and a room.

import { byId } from './dom.js';
import { cleanName, cleanRoom } from './profile.js';

/** Asks; resolves with `{name, room}`, or null when the person changes nothing after all. */
export function askWho({ name, room, mayCancel }) {
  const dialog = byId('welcome');
  const form = byId('enter');
  const error = byId('welcome-error');
  byId('name').value = name;
  byId('room').value = room;
  error.textContent = '';
  dialog.showModal();
  (name ? byId('room') : byId('name')).focus();
  return new Promise((resolve) => {
    const finish = (answer) => {
      form.onsubmit = dialog.oncancel = null;
      dialog.close();
      resolve(answer);
    };
    dialog.oncancel = (event) => {
      event.preventDefault();
      if (mayCancel) finish(null);
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      const answer = { name: cleanName(byId('name').value), room: cleanRoom(byId('room').value) };
      if (!answer.name) {
        error.textContent = 'Please enter a name with at least one visible character.';
        byId('name').focus();
      } else if (!answer.room) {
        error.textContent = 'A room’s name has small letters, digits and . _ - and begins with a letter or digit.';
        byId('room').focus();
      } else finish(answer);
    };
  });
}
