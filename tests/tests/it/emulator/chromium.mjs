// The browser in which the console is tried.

import { createRequire } from 'node:module';

const require = createRequire(new URL('../../../browser/', import.meta.url));
const { chromium } = require('playwright-core');

/** Calls `use` with a page of a browser, and closes that. */
export async function withPage(use) {
  const browser = await chromium.launch({
    executablePath: process.env.GATEPOST_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    await use(page);
  } finally {
    await browser.close();
  }
}
