// The page's parts that need no window.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { guestUrl } from '../../shared/page/endpoint.js';
import { Memberships } from '../../shared/page/memberships.js';
import { cleanName, cleanRoom } from '../../shared/page/profile.js';
import { Transcript } from '../../shared/page/transcript.js';
import { day, explain } from '../../shared/page/words.js';

const ann = { id: 'ann', name: 'Ann' };
const said = (seq, text) => ({ seq, kind: 'message', at: seq, from: ann, body: { text } });

test('edits, deletions and reactions change the message they point at', () => {
  const transcript = new Transcript();
  transcript.apply(said(1, 'frist'));
  transcript.apply({ seq: 2, kind: 'edit', at: 2, from: ann, target: 1, body: { text: 'first' } });
  assert.deepEqual([transcript.get(1).text, transcript.get(1).edited], ['first', true]);
  transcript.apply({ seq: 3, kind: 'reaction', at: 3, from: ann, target: 1, emoji: '👍', on: true });
  transcript.apply({ seq: 4, kind: 'reaction', at: 4, from: { id: 'bob' }, target: 1, emoji: '👍', on: true });
  transcript.apply({ seq: 5, kind: 'reaction', at: 5, from: ann, target: 1, emoji: '👍', on: false });
  assert.deepEqual([...transcript.get(1).reactions.get('👍')], ['bob']);
  transcript.apply({ seq: 6, kind: 'delete', at: 6, from: ann, target: 1 });
  assert.deepEqual([transcript.get(1).text, transcript.get(1).deleted], ['', true]);
});

test('changes that are loaded before their message wait for it', () => {
  const transcript = new Transcript();
  assert.equal(transcript.apply({ seq: 9, kind: 'edit', at: 9, from: ann, target: 2, body: { text: 'second edit' } }), null);
  assert.equal(transcript.apply({ seq: 5, kind: 'edit', at: 5, from: ann, target: 2, body: { text: 'first edit' } }), null);
  assert.equal(transcript.apply(said(2, 'original')).text, 'second edit');
});

test('what the server serves without a body was taken back, whatever else is loaded of it', () => {
  const transcript = new Transcript();
  transcript.apply({ seq: 9, kind: 'edit', at: 9, from: ann, target: 2, body: {} });
  const message = transcript.apply({ ...said(2, ''), body: {} });
  assert.deepEqual([message.text, message.deleted, message.edited], ['', true, false]);
});

test('a direct room is called by who is at its other end', () => {
  const memberships = new Memberships();
  const room = 'dm:8b5090a9a0cf7d0ea4ad77ff936d1bdf';
  assert.equal(memberships.label('lobby'), '#lobby');
  assert.equal(memberships.label(room), 'Direct messages');
  memberships.add({ room, kind: 'direct', role: 'member', with: 'b-1' });
  assert.equal(memberships.label(room), 'b-1');
  memberships.heard([{ id: 'b-1', name: 'Bob' }, ann]);
  assert.equal(memberships.label(room), 'Bob');
  assert.equal(memberships.directWith('b-1'), room);
  assert.equal(memberships.directWith('ann'), null);
  // Not even the membership needs to be known: nobody else is in it.
  const other = 'dm:00112233445566778899aabbccddeeff';
  memberships.heardIn(other, [ann, { id: 'c-1', name: 'Cy' }], ann);
  assert.equal(memberships.label(other), 'Cy');
});

test('people are found by a name that only one has', () => {
  const memberships = new Memberships();
  memberships.heard([{ id: '1', name: 'Bob' }, { id: '2', name: 'Bob' }, { id: '3', name: 'Cy' }]);
  assert.deepEqual(['cy', '3', 'bob', 'dee'].map((text) => memberships.find(text)), ['3', '3', null, null]);
});

test('what a later version of the protocol adds is passed over', () => {
  const transcript = new Transcript();
  transcript.apply({ ...said(1, ''), body: { picture: 'x' } });
  assert.equal(transcript.get(1).text, '');
  assert.equal(transcript.apply({ seq: 2, kind: 'poll', at: 2, from: ann, target: 1 }), null);
});

test('names lose what would mislead or be refused', () => {
  assert.equal(cleanName('  A\u202enn\u200b \u0007e\u0301 '), 'Ann \u00e9');
  assert.equal(cleanName('\u200b\u2066'), '');
});

test('rooms are written as the server writes them', () => {
  for (const [typed, room] of [['Lobby', 'lobby'], ['#my room', 'my-room'], ['dm:1', ''], ['-x', ''], ['a'.repeat(65), ''], ['', '']]) {
    assert.equal(cleanRoom(typed), room, typed);
  }
});

test('user and name are escaped in the URL, and other parameters kept', () => {
  const url = new URL(guestUrl('wss://h.example/prod?x=1', { user: 'a&b', name: 'Ann = é' }));
  assert.deepEqual([...url.searchParams], [['x', '1'], ['user', 'a&b'], ['name', 'Ann = é']]);
});

test('an error says in a sentence what happened, and the request id', () => {
  assert.equal(explain({ code: 'muted', request: 'r-1' }), 'You are muted in this room. (request r-1)');
  assert.equal(explain({ code: 'brand_new', message: 'no pets' }), 'no pets');
});

test('days close by have names', () => {
  const now = Date.parse('2026-03-04T12:00:00');
  assert.equal(day(now - 3_600_000, now), 'Today');
  assert.equal(day(now - 86_400_000, now), 'Yesterday');
});
