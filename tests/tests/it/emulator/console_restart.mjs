// Has the console open while the emulator is stopped and started again on its port: `node
// console_restart.mjs CONSOLE_URL`. Says what it sees, a line each: `ready`, `not running`, `ready`.

import { withPage } from './chromium.mjs';

await withPage(async (page) => {
  await page.goto(process.argv[2]);
  for (const health of ['ready', 'not running', 'ready']) {
    await page.locator('#health').getByText(health, { exact: true }).waitFor();
    console.log(health);
  }
});
