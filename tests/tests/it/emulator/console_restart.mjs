// Has the console open while the emulator is stopped and started again on its port: `node
// console_restart.mjs CONSOLE_URL`. Says what it sees, a line each: `ready`, `not running`, `ready`.

import { createRequire } from 'node:module';

const require = createRequire(new URL('../../../browser/', import.meta.url));
const { chromium } = require('playwright-core');

const browser = await chromium.launch({
  executablePath: process.env.GATEPOST_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(process.argv[2]);
  for (const health of ['ready', 'not running', 'ready']) {
    await page.locator('#health').getByText(health, { exact: true }).waitFor();
    console.log(health);
  }
} finally {
  await browser.close();
}
