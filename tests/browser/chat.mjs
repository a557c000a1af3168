// The chat page in a real browser.
//
//   node chat.mjs [URL] [--shots DIR]
//
// Without a URL it tries the page with the small server of this folder, which it also restarts.
// Prints one JSON object a check, {"check","ok","ms","error"?,"note"?}, and exits with 1 if one failed.
// GATEPOST_CHROMIUM names another browser than /usr/bin/chromium.

import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { chromium } from 'playwright-core';

import { startFakeServer } from './fake-server.mjs';

const { values, positionals } = parseArgs({ options: { shots: { type: 'string' } }, allowPositionals: true });
let fake = positionals[0] ? null : await startFakeServer();
const base = positionals[0] ?? fake.url;
const shots = values.shots ?? (await mkdtemp(join(tmpdir(), 'gatepost-')));
const run = Math.random().toString(36).slice(2, 8);
const room = `room-${run}`;

const browser = await chromium.launch({
  executablePath: process.env.GATEPOST_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});
const complaints = [];
let failed = false;

async function check(name, test) {
  const begun = performance.now();
  const line = { check: name, ok: true };
  try {
    const note = await test();
    if (note) line.note = note;
  } catch (error) {
    failed = true;
    Object.assign(line, { ok: false, error: String(error.message ?? error).split('\n').slice(0, 6).join(' ') });
    for (const [who, page] of Object.entries(pages)) {
      if (!page.isClosed()) await page.screenshot({ path: join(shots, `failed-${who}.png`) }).catch(() => {});
    }
  }
  line.ms = Math.round(performance.now() - begun);
  console.log(JSON.stringify(line));
}

// ---- A person at a window --------------------------------------------------------------------------

const pages = {};
/** Typing is the only action of the page that a server may not know. */
let withoutTyping = false;

/** A browser profile of its own. */
function newProfile(options = {}) {
  return browser.newContext({ viewport: { width: 1100, height: 720 }, ...options });
}

async function newWindow(profile, who) {
  const page = await profile.newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => complaints.push(`${who}: ${error.message}`));
  page.on('console', (message) => {
    // A connection that is refused while the server is away is no fault of the page.
    if (message.type() === 'error' && !message.text().includes('WebSocket')) complaints.push(`${who}: ${message.text()}`);
  });
  // The cable, to pull: `plugged = false` breaks the connections and lets none begin.
  await page.addInitScript(() => {
    const sockets = new Set();
    let plugged = true;
    window.WebSocket = class extends WebSocket {
      constructor(url, protocols) {
        super(plugged ? url : 'ws://127.0.0.1:9/', protocols);
        sockets.add(this);
      }
    };
    window.plug = (state) => {
      plugged = state;
      if (!plugged) for (const socket of sockets) socket.close();
    };
  });
  pages[who] = page;
  page.on('websocket', (socket) => {
    socket.on('framereceived', ({ payload }) => {
      if (String(payload).includes('"code":"unknown_action"')) withoutTyping = true;
    });
  });
  return page;
}

async function enter(page, name, where = room) {
  await page.goto(`${base}#${where}`);
  await page.waitForSelector('#welcome[open]');
  await page.fill('#name', name);
  await page.click('#enter button');
  await online(page);
}

const online = (page) => page.waitForSelector('#status[data-state=online]');
const said = (page, text) => page.locator('.log:not([hidden]) .message:not(.own) .bubble', { hasText: text });
const texts = (page) => page.locator('.log:not([hidden]) .message:not(.own) .bubble').allTextContents();

async function say(page, text) {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

// ---- Checks ------------------------------------------------------------------------------------------

const annProfile = await newProfile();
const bobProfile = await newProfile();
const ann = await newWindow(annProfile, 'ann');
let bob = await newWindow(bobProfile, 'bob');

await check('a person enters by keyboard alone', async () => {
  await ann.goto(`${base}#${room}`);
  await ann.waitForSelector('#welcome[open]');
  await ann.screenshot({ path: join(shots, 'welcome.png') });
  assert.equal(await ann.evaluate(() => document.activeElement.id), 'name');
  await ann.keyboard.type('Ann');
  await ann.keyboard.press('Tab');
  assert.equal(await ann.evaluate(() => document.activeElement.value), room);
  await ann.keyboard.press('Enter');
  await online(ann);
  assert.equal(await ann.evaluate(() => document.activeElement.id), 'text');
});

await check('two people see what the other writes, in the same order', async () => {
  await enter(bob, 'Bob');
  await say(ann, 'hello from Ann');
  await said(bob, 'hello from Ann').waitFor();
  await say(bob, 'hello from Bob');
  await said(ann, 'hello from Bob').waitFor();
  await said(bob, 'hello from Bob').waitFor();
  assert.deepEqual(await texts(ann), await texts(bob));
  assert.equal(await ann.locator('.message.mine .bubble').first().textContent(), 'hello from Ann');
  assert.equal(await bob.locator('.message.mine .bubble').first().textContent(), 'hello from Bob');
});

await check('who is here is shown', async () => {
  for (const page of [ann, bob]) {
    await page.waitForFunction(() => document.querySelectorAll('#people li').length === 2);
    const names = await page.locator('#people bdi').allTextContents();
    assert.deepEqual(names.sort(), ['Ann', 'Bob']);
  }
});

await check('who is writing is shown, where the server tells it', async () => {
  await ann.focus('#text');
  await ann.keyboard.type('hm');
  try {
    for (let turn = 0; turn < 200 && !withoutTyping; turn += 1) {
      if ((await bob.textContent('#typing')) === 'Ann is writing…') return undefined;
      // Of a user one hint in three seconds goes on; whoever writes on is told of by the next.
      if (turn % 20 === 19) await ann.keyboard.type('m');
      await bob.waitForTimeout(50);
    }
  } finally {
    await ann.fill('#text', '');
  }
  assert.ok(withoutTyping, 'nobody is told that Ann is writing');
  return 'this server does not tell';
});

await check('a message by keyboard: Shift+Enter begins a line, Enter sends', async () => {
  await ann.focus('#text');
  await ann.keyboard.type('first line');
  await ann.keyboard.press('Shift+Enter');
  await ann.keyboard.type('second line');
  await ann.keyboard.press('Enter');
  await said(bob, 'second line').waitFor();
  assert.equal(await said(bob, 'second line').textContent(), 'first line\nsecond line');
  assert.equal(await ann.inputValue('#text'), '');
});

await check('the Tab key reaches everything, visibly, beginning with the skip link', async () => {
  await ann.focus('.skip');
  assert.ok(await ann.evaluate(() => document.querySelector('a, button, input, textarea').matches('.skip')));
  const seen = ['skip'];
  for (let step = 0; step < 12 && !seen.includes('text'); step += 1) {
    await ann.keyboard.press('Tab');
    const focus = await ann.evaluate(() => {
      const { id, className, tagName } = document.activeElement;
      const { outlineStyle, transform } = getComputedStyle(document.activeElement);
      return { name: id || className || tagName, visible: outlineStyle !== 'none' || transform !== 'none' };
    });
    assert.ok(focus.visible, `${focus.name} shows no focus`);
    seen.push(focus.name);
  }
  for (const name of ['skip', 'room', 'new-room', 'change', 'log', 'text']) assert.ok(seen.includes(name), `${name} is not among ${seen}`);
  await ann.focus('.skip');
  await ann.keyboard.press('Enter');
  assert.equal(await ann.evaluate(() => document.activeElement.id), 'text');
});

await check('HTML in a message, a name or a room stays text', async () => {
  const markup = '<img src=x onerror="window.broken=1"><script>window.broken=1</script><b>bold</b>';
  const eveProfile = await newProfile();
  const eve = await newWindow(eveProfile, 'eve');
  await enter(eve, '<b>Eve</b>');
  await say(eve, markup);
  await said(ann, '<img').waitFor();
  assert.equal(await said(ann, '<img').textContent(), markup);
  assert.equal(await ann.locator('.by bdi', { hasText: '<b>Eve</b>' }).count(), 1);
  for (const page of [ann, eve]) {
    assert.equal(await page.locator('.log img, .log b, .log script, #people b').count(), 0);
    assert.equal(await page.evaluate(() => window.broken), undefined);
  }
  await say(eve, 'see https://example.org and javascript:alert(1)');
  await said(ann, 'example.org').waitFor();
  assert.equal(await ann.locator('.log a').count(), 0);
  await eve.close();
  await ann.locator('.note', { hasText: 'left' }).waitFor();
});

await check('text of every script arrives unchanged', async () => {
  const lines = ['שלום, עולם', '日本語のテスト', 'e\u0301 and é', '👩‍👩‍👧‍👦🏳️‍🌈', 'a\u202eb\u200bc', '   inner   spaces'];
  for (const line of lines) await say(bob, line);
  await said(ann, 'inner   spaces').waitFor();
  assert.deepEqual((await texts(ann)).slice(-lines.length), lines.map((line) => line.trim()));
});

await check('two windows of one browser are one person, and both follow', async () => {
  const second = await newWindow(annProfile, 'ann-second');
  await second.goto(`${base}#${room}`);
  await online(second);
  await say(second, 'from the second window');
  await said(ann, 'from the second window').waitFor();
  await say(ann, 'from the first window');
  await said(second, 'from the first window').waitFor();
  assert.equal(await second.locator('.message.mine .bubble', { hasText: 'from the first window' }).count(), 1);
  await second.waitForFunction(() => document.querySelectorAll('#people li').length === 2);
  await second.close();
});

await check('a closed window is seen to leave, and finds what it missed when it is opened again', async () => {
  await bob.close();
  await ann.waitForFunction(() => document.querySelectorAll('#people li').length === 1);
  for (const number of [1, 2, 3]) await say(ann, `missed ${number}`);
  await said(ann, 'missed 3').waitFor();
  bob = await newWindow(bobProfile, 'bob');
  await bob.goto(`${base}#${room}`);
  await online(bob);
  await said(bob, 'missed 3').waitFor();
  assert.deepEqual((await texts(bob)).slice(-3), ['missed 1', 'missed 2', 'missed 3']);
  assert.equal(await bob.locator('#welcome[open]').count(), 0);
});

await check('a broken connection is shown, resumed, and nothing is lost or doubled', async () => {
  await bob.evaluate(() => window.plug(false));
  await bob.waitForSelector('#status[data-state=waiting]');
  for (const number of [1, 2, 3]) await say(ann, `while away ${number}`);
  await said(ann, 'while away 3').waitFor();
  await say(bob, 'written without a connection');
  await bob.locator('.own.pending .bubble', { hasText: 'written without' }).waitFor();
  await bob.screenshot({ path: join(shots, 'away.png') });
  await bob.evaluate(() => window.plug(true));
  await bob.click('#now');
  await online(bob);
  await bob.locator('.note', { hasText: 'Connected again, 3 messages caught up' }).waitFor();
  await said(ann, 'written without a connection').waitFor();
  await said(bob, 'written without a connection').waitFor();
  assert.deepEqual(await texts(bob), await texts(ann));
  assert.equal(await bob.locator('.own').count(), 0);
});

await check('a new name does not drop in silence what is not sent yet', async () => {
  await bob.evaluate(() => window.plug(false));
  await bob.waitForSelector('#status[data-state=waiting]');
  await say(bob, 'written under the old name');
  const rename = async (name) => {
    await bob.click('#change');
    await bob.fill('#name', name);
    await bob.click('#enter button');
  };
  const before = await bob.textContent('#me-name');
  await rename('Robert');
  await bob.locator('#banner', { hasText: '1 message is not sent yet' }).waitFor();
  assert.equal(await bob.textContent('#me-name'), before);
  await bob.evaluate(() => window.plug(true));
  await bob.click('#now');
  await said(ann, 'written under the old name').waitFor();
  await said(bob, 'written under the old name').waitFor();
  await rename('Robert');
  await bob.locator('#me-name', { hasText: 'Robert' }).waitFor();
  await online(bob);
  await rename(before);
  await bob.locator('#me-name', { hasText: before }).waitFor();
  await online(bob);
});

await check('a reload keeps name and room, and sends nothing twice', async () => {
  await say(bob, 'before the reload');
  await said(ann, 'before the reload').waitFor();
  await bob.reload();
  await online(bob);
  await said(bob, 'before the reload').waitFor();
  await say(bob, 'after the reload');
  await said(ann, 'after the reload').waitFor();
  assert.equal(await said(ann, 'before the reload').count(), 1);
});

await check('a long message is refused here, and says so', async () => {
  await ann.fill('#text', 'x'.repeat(9_000));
  assert.equal(await ann.isDisabled('#send'), true);
  assert.match(await ann.textContent('#left'), /-\d+ bytes left/);
  await ann.fill('#text', '');
});

await check('older messages come when one scrolls up, and what one reads stays in place', async () => {
  const long = `long-${run}`;
  await ann.fill('#new-room', long);
  await ann.press('#new-room', 'Enter');
  await ann.waitForFunction((name) => document.querySelector('#room-name').textContent === `#${name}`, long);
  const total = 130;
  for (let number = 1; number <= total; number += 1) {
    await say(ann, `line ${number}`);
    // The message box takes a hundred; the server's rate limit is met by waiting, not by loss.
    if (number % 40 === 0) await said(ann, `line ${number}`).first().waitFor({ timeout: 60_000 });
  }
  await said(ann, `line ${total}`).waitFor({ timeout: 60_000 });
  const reader = await newWindow(await newProfile(), 'reader');
  await enter(reader, 'Reader', long);
  await said(reader, `line ${total}`).waitFor();
  const before = await texts(reader);
  assert.ok(before.length >= 30 && before.length < total, `${before.length} lines at first`);
  const log = reader.locator('.log:not([hidden])');
  await log.hover();
  for (let turn = 0; turn < 200 && (await reader.locator('.start', { hasText: 'begins' }).count()) === 0; turn += 1) {
    const held = await reader.evaluate(() => {
      const node = document.querySelector('.log:not([hidden])');
      node.scrollTop = Math.max(0, node.scrollTop - 300);
      const top = node.getBoundingClientRect().top;
      const row = [...node.querySelectorAll('.message')].find((one) => one.getBoundingClientRect().top >= top);
      return { seq: row.dataset.seq, count: node.querySelectorAll('.message').length };
    });
    const settled = await reader.evaluate(async ({ seq, count }) => {
      const node = document.querySelector('.log:not([hidden])');
      const row = node.querySelector(`[data-seq="${seq}"]`);
      const at = row.getBoundingClientRect().top;
      for (let frame = 0; frame < 30 && node.querySelectorAll('.message').length === count; frame += 1) {
        await new Promise(requestAnimationFrame);
      }
      return Math.abs(row.getBoundingClientRect().top - at);
    }, held);
    assert.ok(settled < 3, `the line jumped by ${settled} pixels`);
  }
  assert.deepEqual(await texts(reader), Array.from({ length: total }, (_, index) => `line ${index + 1}`));
  await reader.screenshot({ path: join(shots, 'history.png') });
  await say(ann, 'news at the end');
  await reader.locator('#newest:not([hidden])').waitFor();
  await reader.click('#newest');
  await reader.waitForSelector('#newest', { state: 'hidden' });
  await reader.close();
  await ann.click(`.room:has-text("#${room}")`);
});

await check('a phone shows it without sideways scrolling, light and dark', async () => {
  const phone = await newWindow(await newProfile({ viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }), 'phone');
  await enter(phone, 'Pia');
  await say(ann, 'An unbreakable word: ' + 'w'.repeat(120));
  await said(phone, 'unbreakable').waitFor();
  const wide = await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${wide} pixels too wide`);
  await phone.screenshot({ path: join(shots, 'phone-light.png') });
  await phone.emulateMedia({ colorScheme: 'dark' });
  await phone.screenshot({ path: join(shots, 'phone-dark.png') });
  await phone.tap('#menu');
  await phone.waitForFunction(() => document.activeElement.closest('#side'));
  await phone.waitForFunction(() => document.querySelector('#side').getBoundingClientRect().left === 0);
  await phone.screenshot({ path: join(shots, 'phone-side.png') });
  await phone.keyboard.press('Escape');
  await phone.waitForSelector('#side', { state: 'hidden' });
  await phone.close();
});

await check('everything that can be pressed or filled in has a name, and colours have contrast', async () => {
  for (const scheme of ['light', 'dark']) {
    await ann.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await ann.screenshot({ path: join(shots, `wide-${scheme}.png`) });
    const faults = await ann.evaluate(() => {
      const luminance = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
      };
      const colour = (text) => text.match(/[\d.]+/g).map(Number);
      const behind = (node) => {
        for (let at = node; at; at = at.parentElement) {
          const [r, g, b, a = 1] = colour(getComputedStyle(at).backgroundColor);
          if (a > 0.99) return [r, g, b];
        }
        return [255, 255, 255];
      };
      const found = [];
      const texts = ['.bubble', '.by', 'time', '.note', '.day', '#room-detail', '#status', '#side h2', '.room', '#text-hint', '.avatar', '.quiet'];
      for (const node of document.querySelectorAll(texts.join())) {
        if (!node.offsetParent || node.closest('.note')) continue;
        const [one, two] = [luminance(colour(getComputedStyle(node).color)), luminance(behind(node))].sort((a, b) => b - a);
        const ratio = (one + 0.05) / (two + 0.05);
        if (ratio < 4.5) found.push(`${node.className || node.tagName} has contrast ${ratio.toFixed(2)}`);
      }
      for (const node of document.querySelectorAll('button, input, textarea')) {
        const label = node.getAttribute('aria-label') ?? node.labels?.[0]?.textContent ?? '';
        if (!label && !node.textContent.trim()) found.push(`${node.id || node.className} has no name`);
      }
      return [...new Set(found)];
    });
    assert.deepEqual(faults, [], scheme);
  }
});

if (!fake) {
  const about = async (page, text, button) => {
    const row = page.locator('.log:not([hidden]) .message', { hasText: text });
    await row.locator('.acts summary').focus();
    await page.keyboard.press('Enter');
    await row.getByRole('button', { name: button }).click();
  };

  await check('a message is edited, reacted to and taken back before both', async () => {
    await say(ann, 'a frist try');
    await said(bob, 'a frist try').waitFor();
    await about(ann, 'a frist try', 'Edit this message');
    await ann.fill('#ask-text', 'a first try');
    await ann.press('#ask-text', 'Enter');
    await said(bob, 'a first try').waitFor();
    await about(bob, 'a first try', 'React with 👍');
    const mark = (page) => page.locator('.log:not([hidden]) .message', { hasText: 'a first try' }).locator('.reactions button');
    await mark(ann).waitFor();
    assert.equal(await mark(bob).getAttribute('aria-pressed'), 'true');
    await mark(ann).click();
    await bob.locator('.reactions button', { hasText: '👍 2' }).waitFor();
    assert.equal(await bob.locator('.message', { hasText: 'a first try' }).getByRole('button', { name: 'Edit this message' }).count(), 0);
    await about(ann, 'a first try', 'Take this message back');
    await bob.locator('.log:not([hidden]) .bubble.gone').last().waitFor();
    assert.equal(await said(bob, 'a first try').count(), 0);
  });

  await check('two people write to each other alone', async () => {
    await ann.getByRole('button', { name: 'Write to Bob' }).click();
    await ann.fill('#ask-text', 'between us');
    await ann.press('#ask-text', 'Enter');
    await ann.waitForFunction(() => document.querySelector('#room-name').textContent === 'Bob');
    await said(ann, 'between us').waitFor();
    await bob.locator('.room', { hasText: 'Ann' }).click();
    await said(bob, 'between us').waitFor();
    await say(bob, 'so it is');
    await said(ann, 'so it is').waitFor();
    await ann.locator('.room', { hasText: `#${room}` }).click();
    await bob.locator('.room', { hasText: `#${room}` }).click();
  });

  await check('a private room is for whom its owner invites', async () => {
    await ann.click('#new-private');
    await ann.fill('#ask-text', `den-${run}`);
    await ann.press('#ask-text', 'Enter');
    await ann.waitForFunction((name) => document.querySelector('#room-name').textContent === `#${name}`, `den-${run}`);
    await say(ann, 'nobody hears this yet');
    await said(ann, 'nobody hears this yet').waitFor();
    await ann.click('#invite');
    await ann.fill('#ask-text', 'Bob');
    await ann.press('#ask-text', 'Enter');
    await bob.locator('.room', { hasText: `#den-${run}` }).click();
    await said(bob, 'nobody hears this yet').waitFor();
    assert.equal(await bob.locator('#invite').isVisible(), false);
    for (const page of [ann, bob]) await page.locator('.room', { hasText: `#${room}` }).click();
  });
}

if (fake) {
  await check('a restart of the server is survived', async () => {
    const { port, rooms } = fake;
    await fake.close();
    await ann.waitForSelector('#status[data-state=waiting]');
    await say(ann, 'across the restart');
    fake = await startFakeServer({ port, rooms, failSends: 1 });
    await said(bob, 'across the restart').waitFor({ timeout: 40_000 });
    assert.deepEqual((await texts(bob)).slice(-1), ['across the restart']);
    await said(ann, 'across the restart').waitFor();
  });

  await check('what the server refuses for good says why, and can be tried again or removed', async () => {
    await say(ann, '/mute');
    const row = ann.locator('.own.failed');
    await row.waitFor();
    assert.match(await row.textContent(), /Not sent\. You are muted in this room\. \(request fake-request\)/);
    await row.getByText('Try again').click();
    await row.waitFor();
    await row.getByText('Remove').click();
    assert.equal(await ann.locator('.own').count(), 0);
  });

  await check('a room that may not be entered says why', async () => {
    await ann.fill('#new-room', 'forbidden');
    await ann.press('#new-room', 'Enter');
    await ann.locator('#banner', { hasText: '#forbidden: You are banned from this room.' }).waitFor();
    assert.equal(await ann.locator('.room', { hasText: '#forbidden' }).count(), 0);
  });

  await check('without gatepost.json the page says what is missing', async () => {
    const lost = await newWindow(await newProfile(), 'lost');
    await lost.route('**/gatepost.json', (route) => route.fulfill({ status: 404 }));
    await lost.goto(base);
    await lost.fill('#name', 'Lost');
    await lost.click('#enter button');
    await lost.locator('#banner', { hasText: 'gatepost.json' }).waitFor();
    complaints.splice(0, Infinity, ...complaints.filter((text) => !text.startsWith('lost: Failed to load resource')));
    await lost.close();
  });
}

await check('the browser complained about nothing', () => assert.deepEqual(complaints, []));

await browser.close();
await fake?.close();
process.exit(failed ? 1 : 0);
