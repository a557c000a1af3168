// The page: one person, the rooms they are in, one of them in view.

import { Client } from './client.js';
import { wireComposer } from './composer.js';
import { deedsWith } from './deeds.js';
import { avatar, byId, element } from './dom.js';
import { findEndpoint, guestUrl } from './endpoint.js';
import { LogView } from './log-view.js';
import { Memberships } from './memberships.js';
import { People, showPeople, showTyping } from './people.js';
import { Profile, cleanRoom } from './profile.js';
import { hideBanner, showBanner, showStatus } from './status.js';
import { askWho } from './welcome.js';
import { count, explain } from './words.js';

const profile = new Profile();
const rooms = new Map();
const memberships = new Memberships();
/** Rooms that the person closed here: being a member of them opens none again. */
const closed = new Set();
const deeds = deedsWith({ client: () => client, memberships, openRoom, note: (name, text) => rooms.get(name)?.view.note(text) });
let endpoint;
let client;
let current;
let typingTimer;

// ---- Rooms -----------------------------------------------------------------------------------------

function enterRoom(name) {
  if (rooms.has(name)) return rooms.get(name);
  const view = new LogView({
    room: name,
    label: () => memberships.label(name),
    user: () => client.user ?? profile,
    older: () => client.older(name),
    retry: (message) => client.retry(name, message),
    act: (message, what, detail) => deeds.about(name, message, what, detail),
    scrolled: () => showNewest(rooms.get(name), 0),
  });
  const room = { name, view, people: new People(), unread: 0, unseen: 0 };
  rooms.set(name, room);
  byId('logs').append(view.node);
  client.join(name);
  return room;
}

function openRoom(name) {
  closed.delete(name);
  const room = enterRoom(name);
  for (const other of rooms.values()) other.view.show(other === room);
  current = room;
  room.unread = 0;
  profile.opened(name);
  if (cleanRoom(location.hash) !== name) history.replaceState(null, '', cleanRoom(name) ? `#${name}` : location.pathname + location.search);
  showNewest(room, room.unseen);
  showRooms();
  showRoomDetail(room);
  closeSide();
}

function leaveRoom(name) {
  const room = rooms.get(name);
  if (!room) return;
  client.leave(name);
  closed.add(name);
  rooms.delete(name);
  room.view.node.remove();
  profile.left(name);
  if (current === room) openRoom(rooms.keys().next().value ?? 'lobby');
  else showRooms();
}

function showRooms() {
  const rows = [...rooms.values()].map((room) => {
    const badge = room.unread > 0 ? element('span', { class: 'badge', 'aria-label': `${room.unread} unread` }, String(room.unread)) : null;
    const label = memberships.label(room.name);
    const open = element('button', { class: 'room', onclick: () => openRoom(room.name), 'aria-current': room === current ? 'true' : null }, element('bdi', {}, label), badge);
    const leave = element('button', { class: 'quiet leave', 'aria-label': `Leave ${label}`, onclick: () => leaveRoom(room.name) }, '✕');
    return element('li', {}, open, rooms.size > 1 ? leave : null);
  });
  byId('rooms').replaceChildren(...rows);
  byId('menu-badge').hidden = ![...rooms.values()].some(({ unread }) => unread > 0);
  showTitle();
}

function showTitle() {
  const waiting = [...rooms.values()].reduce((sum, { unread, unseen }) => sum + unread + unseen, 0);
  const label = memberships.label(current.name);
  byId('room-name').textContent = label;
  document.title = `${waiting > 0 ? `(${waiting}) ` : ''}${label} · gatepost`;
}

function showRoomDetail(room) {
  if (room !== current) return;
  byId('room-detail').textContent = room.people.count > 0 ? `${count(room.people.count, 'person', 'people')} here` : '';
  const one = memberships.get(room.name);
  byId('invite').hidden = one?.kind !== 'private' || one.role === 'member';
  showPeople(room.people, client.user, deeds.writeTo);
  clearTimeout(typingTimer);
  const until = showTyping(room.people, client.user, Date.now());
  if (until) typingTimer = setTimeout(() => showRoomDetail(room), until - Date.now() + 50);
}

function showNewest(room, unseen) {
  room.unseen = unseen;
  if (room !== current) return;
  showTitle();
  byId('newest').hidden = unseen === 0;
  byId('newest').textContent = `${count(unseen, 'new message', 'new messages')} ↓`;
}

async function refreshPeople(room) {
  try {
    const who = await client.who(room.name);
    room.people.set(who);
    heard(room, who.users);
  } catch {
    // The next arrival or reconnection tells again.
  }
  showRoomDetail(room);
}

/** Users that a room tells of: a direct room is called by the other one. */
function heard(room, users) {
  const before = memberships.label(room.name);
  memberships.heardIn(room.name, users, client.user);
  if (memberships.label(room.name) !== before) showRooms();
}

// ---- What the client tells ---------------------------------------------------------------------------

const told = {
  state(detail) {
    const ended = showStatus(detail);
    if (detail.state === 'online') showMe(client.user);
    if (ended) showBanner({ text: ended, action: detail.code === 'replaced' ? 'Chat here' : 'Connect again', act: () => client.start({ take: true }) });
  },
  memberships(list) {
    for (const one of list) memberships.add(one);
    for (const { room, kind } of list) if (kind !== 'public' && !closed.has(room)) enterRoom(room);
    showRooms();
  },
  joined(ok) {
    if (ok.role) memberships.add(ok);
    refreshPeople(rooms.get(ok.room));
  },
  entries({ room: name, items }) {
    const room = rooms.get(name);
    const atEnd = room === current && room.view.atEnd && !document.hidden;
    heard(room, items.map(({ from }) => from));
    const news = room.view.append(items);
    for (const { from } of news) room.people.typing.delete(from.id);
    if (room !== current) room.unread += news.length;
    else if (!atEnd) showNewest(room, room.unseen + news.length);
    if (news.length > 0) {
      showRooms();
      showRoomDetail(room);
    }
  },
  replaced({ room: name, items }) {
    heard(rooms.get(name), items.map(({ from }) => from));
    rooms.get(name).view.replace(items, client.hasOlder(name));
  },
  resumed({ room: name, count: number }) {
    const room = rooms.get(name);
    if (!room) return;
    room.view.note(number === 0 ? 'Connected again, nothing missed' : `Connected again, ${count(number, 'message', 'messages')} caught up`);
    refreshPeople(room);
  },
  message({ room: name, message }) {
    rooms.get(name)?.view.own(message);
    if (message.state === 'pending' && name === current?.name) current.view.toEnd();
  },
  refused({ room: name, error }) {
    const text = `${memberships.label(name)}: ${explain(error)}`;
    if (rooms.size > 1) {
      leaveRoom(name);
      showBanner({ text });
    } else {
      profile.left(name);
      showBanner({ text, action: 'Choose another room', act: changeWho });
    }
  },
  event(event) {
    const room = rooms.get(event.room);
    if (event.event === 'notice') return showBanner({ text: event.text });
    if (event.event === 'room') return changed(event);
    if (!room) return;
    const { user } = event;
    if (user) heard(room, [user]);
    const other = user && user.id !== client.user?.id;
    if (event.event === 'joined') {
      if (other && !room.people.users.has(user.id)) room.view.note(`${user.name} came in`, `${user.name} left`);
      room.people.joined(user);
    } else if (event.event === 'left') {
      if (other && room.people.users.has(user.id)) room.view.note(`${user.name} left`);
      room.people.left(user);
    } else if (event.event === 'occupancy') room.people.count = event.count;
    else if (event.event === 'typing') room.people.typing.set(user.id, { name: user.name, until: event.until });
    showRoomDetail(room);
  },
  trouble({ code, request }) {
    const message = 'Something went wrong on the server. It is being tried again.';
    showBanner({ text: explain({ code, message, request }), forMs: 10_000 });
  },
  degraded({ degraded }) {
    if (degraded) showBanner({ text: 'The server delivers late right now: new messages may take a few minutes to appear.' });
    else hideBanner();
  },
};

/** A membership of the user begins, ends, or is another. */
function changed({ room: name, op, with: other }) {
  if (op === 'added') {
    memberships.add({ room: name, with: other });
    enterRoom(name);
    return showRooms();
  }
  if (op !== 'removed') return;
  const label = memberships.label(name);
  memberships.remove(name);
  if (!rooms.has(name)) return;
  if (rooms.size > 1) leaveRoom(name);
  else rooms.get(name).view.note('A moderator took you out of this room');
  showBanner({ text: `You were taken out of ${label}.`, forMs: 10_000 });
}

// ---- The person --------------------------------------------------------------------------------------

function showMe({ user, id = user, name }) {
  byId('me-name').textContent = name;
  avatar({ id, name }, byId('me-avatar'));
}

function connect() {
  client = new Client({ address: () => guestUrl(endpoint, profile) });
  for (const [type, listener] of Object.entries(told)) client.on(type, listener);
  showMe(profile);
}

async function changeWho() {
  const before = profile.name;
  const answer = await askWho({ name: before, room: current.name, mayCancel: true });
  if (!answer) return;
  hideBanner();
  const waiting = client.unsent;
  if (answer.name !== before && waiting > 0) {
    // They belong to the old name's connection and would go with it.
    showBanner({
      text: `You are still ${before}: ${count(waiting, 'message is', 'messages are')} not sent yet and would be lost. Wait a moment, then change your name again.`,
      action: 'Change it and lose them',
      act: () => {
        hideBanner();
        become(answer.name);
        openRoom(current.name);
      },
    });
  } else if (answer.name !== before) become(answer.name);
  openRoom(answer.room);
  byId('text').focus();
}

/** The name belongs to the connection: come again under the new one, in the same rooms. */
function become(newName) {
  profile.name = newName;
  const names = [...rooms.keys()];
  client.stop();
  for (const { view } of rooms.values()) view.node.remove();
  rooms.clear();
  connect();
  for (const name of names) enterRoom(name);
  client.start();
}

// ---- The page ----------------------------------------------------------------------------------------

function openSide() {
  document.body.classList.add('side-open');
  byId('shade').hidden = false;
  byId('menu').setAttribute('aria-expanded', 'true');
  byId('side').querySelector('button, input')?.focus();
}

function closeSide() {
  if (!document.body.classList.contains('side-open')) return;
  document.body.classList.remove('side-open');
  byId('shade').hidden = true;
  byId('menu').setAttribute('aria-expanded', 'false');
  byId('menu').focus();
}

function wire() {
  document.querySelector('.skip').addEventListener('click', (event) => {
    // The part after # names a room.
    event.preventDefault();
    byId('text').focus();
  });
  byId('menu').addEventListener('click', () => (document.body.classList.contains('side-open') ? closeSide() : openSide()));
  byId('shade').addEventListener('click', closeSide);
  document.addEventListener('keydown', (event) => event.key === 'Escape' && closeSide());
  byId('change').addEventListener('click', changeWho);
  byId('invite').addEventListener('click', () => deeds.invite(current.name));
  byId('new-private').addEventListener('click', deeds.makePrivate);
  byId('now').addEventListener('click', () => client.wake());
  byId('newest').addEventListener('click', () => current.view.toEnd());
  byId('add-room').addEventListener('submit', (event) => {
    event.preventDefault();
    const input = byId('new-room');
    const name = cleanRoom(input.value);
    input.setCustomValidity(name ? '' : 'Small letters, digits and . _ - only');
    if (!input.reportValidity()) return;
    input.value = '';
    openRoom(name);
    byId('text').focus();
  });
  byId('new-room').addEventListener('input', () => byId('new-room').setCustomValidity(''));
  wireComposer({
    limit: () => client.bodyLimit,
    typing: (on) => client.typing(current.name, on),
    send: (text) => {
      try {
        client.send(current.name, text);
        return true;
      } catch (error) {
        showBanner({ text: explain(error) });
        return false;
      }
    },
  });
  addEventListener('hashchange', () => {
    const name = cleanRoom(location.hash);
    if (name) openRoom(name);
  });
  addEventListener('online', () => client.wake());
  addEventListener('pageshow', (event) => event.persisted && client.wake());
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    client.wake();
    if (current.view.atEnd) showNewest(current, 0);
  });
  addEventListener('beforeunload', (event) => {
    if (client.unsent > 0) event.preventDefault();
  });
}

async function begin() {
  byId('app').hidden = false;
  const asked = cleanRoom(location.hash);
  const [last = 'lobby'] = profile.rooms;
  let first = asked || last;
  if (!profile.name) {
    const answer = await askWho({ name: '', room: first, mayCancel: false });
    profile.name = answer.name;
    first = answer.room;
  }
  connect();
  wire();
  for (const name of profile.rooms) enterRoom(name);
  openRoom(first);
  byId('text').focus();
  try {
    endpoint = await findEndpoint();
    client.start();
  } catch (error) {
    showStatus({ state: 'ended', code: 'stopped' });
    showBanner({ text: error.message, action: 'Try again', act: () => location.reload() });
  }
}

begin();
