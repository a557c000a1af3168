// What a person does besides writing into a room: amend a message, write to one person, make a private
// room, invite into it. What is refused is said in the banner.

import { askText } from './ask.js';
import { cleanRoom } from './profile.js';
import { showBanner } from './status.js';
import { explain } from './words.js';

/** `words` says of a code what it means here. */
async function attempt(act, words = {}) {
  try {
    return await act();
  } catch (error) {
    showBanner({ text: words[error.code] ?? (error.code ? explain(error) : 'This needs a connection. Try again in a moment.'), forMs: 10_000 });
    return null;
  }
}

/** `client()` gives the client, `note(room, text)` says something in a room. */
export function deedsWith({ client, memberships, openRoom, note }) {
  /** Does something about a message of a room. */
  async function about(room, message, what, detail) {
    if (what === 'react') return attempt(() => client().react(room, message.seq, detail.emoji, detail.on));
    if (what === 'takeBack') return attempt(() => client().takeBack(room, message.seq));
    const text = await askText({ title: 'Edit your message', label: 'What it says from now on', value: message.text, action: 'Save' });
    if (text !== null && text !== message.text) await attempt(() => client().edit(room, message.seq, text));
  }

  /** The first message makes the room for two. */
  async function writeTo(user) {
    memberships.heard([user]);
    const room = memberships.directWith(user.id);
    if (room) return openRoom(room);
    const text = await askText({ title: `Write to ${user.name}`, label: 'Your first message, for the two of you', action: 'Send' });
    if (text === null) return;
    const ok = await attempt(() => client().direct(user.id, text), { not_found: `${user.name} cannot get direct messages.` });
    if (!ok) return;
    memberships.add({ room: ok.room, kind: 'direct', role: 'member', with: user.id });
    openRoom(ok.room);
  }

  async function makePrivate() {
    const text = await askText({ title: 'New private room', label: 'Its name: small letters, digits and . _ -', action: 'Make it', most: 64 });
    if (text === null) return;
    const name = cleanRoom(text);
    if (!name) return showBanner({ text: 'A room’s name has small letters, digits and . _ - and begins with a letter or digit.', forMs: 10_000 });
    const ok = await attempt(() => client().create(name, 'private'), { conflict: 'There is a room of this name already.' });
    if (!ok) return;
    memberships.add({ room: name, kind: 'private', role: ok.role });
    openRoom(name);
  }

  async function invite(room) {
    const label = 'The name of somebody you met in a room here, or a user id';
    const text = await askText({ title: `Invite to #${room}`, label, action: 'Invite', most: 64 });
    if (text === null) return;
    const ok = await attempt(() => client().invite(room, memberships.find(text) ?? text));
    if (ok) note(room, `${text} may come in now`);
  }

  return { about, writeTo, makePrivate, invite };
}
