// Uses the console as a person does: `node console.mjs CONSOLE_URL`. Exits 0 when everything that
// it looked for was there. The connection that it finds gets a message and is closed.

import assert from 'node:assert/strict';
import { withPage } from './chromium.mjs';

await withPage(async (page) => {
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  await page.goto(process.argv[2]);

  await page.getByText('ready', { exact: true }).first().waitFor();
  await page.locator('#functions').getByText('Echo').waitFor();
  await page.locator('#routes').getByText('$disconnect').waitFor();
  // A function printed markup: it is shown, not obeyed.
  await page.locator('#events').getByText('<img src=x onerror=alert(1)>').waitFor();
  assert.equal(await page.locator('#events img').count(), 0);

  await page.locator('#connections').getByRole('button', { name: 'Send' }).click();
  await page.getByLabel('Message').fill('from the <b>console</b>');
  await page.locator('#send-submit').click();
  await page.locator('#send').waitFor({ state: 'hidden' });

  await page.getByLabel('Filter events').fill('posted');
  await page.locator('#events li').first().click();
  await page.locator('#events pre').getByText('"event": "posted"').waitFor();
  assert.equal(await page.locator('#events').getByText('invoked').count(), 0);

  await page.getByLabel('Effect', { exact: true }).fill('stauts:429');
  await page.getByRole('button', { name: 'Add fault' }).click();
  await page.locator('#faults-error').getByText('did you mean `status`?').waitFor();
  await page.getByLabel('Effect', { exact: true }).fill('status:429');
  await page.getByLabel('Step', { exact: true }).selectOption('handshake');
  await page.getByRole('button', { name: 'Add fault' }).click();
  await page.locator('#faults').getByText('at handshake').waitFor();
  await page.getByRole('button', { name: 'Remove all' }).click();
  await page.locator('#faults').getByText('Nothing goes wrong on purpose').waitFor();
  // The refusal above is an answer with 400, which the browser reports as an error.
  assert.equal(errors.splice(0).filter((error) => !error.includes('400')).length, 0);

  await page.locator('#connections').getByRole('button', { name: 'Close' }).click();
  await page.getByText('Nobody is connected to').waitFor();
  assert.deepEqual(errors, []);
});
