/** Takes the pictures of the guide: `node test/screenshots.mjs`. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { chromium } from './browser.js';
import { imagenette, photos, root, serveSite } from './files.js';

const folder = join(root, 'docs/guides/browser');
const VIEWS = [
  { name: 'desktop', viewport: { width: 1100, height: 860 }, list: true },
  { name: 'phone', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
];

const browser = await chromium();
const site = await serveSite(imagenette);
mkdirSync(folder, { recursive: true });
for (const { name, list, ...view } of VIEWS) {
  for (const colorScheme of ['light', 'dark']) {
    const window = await browser.newContext({ ...view, colorScheme });
    const page = await window.newPage();
    await page.goto(site.address);
    await page.waitForSelector('body[data-ready]');
    const more = ['french-horn', 'golf-ball', 'garbage-truck', 'parachute'];
    const names = ['english-springer', ...(list ? more : [])];
    await page.setInputFiles('#photos', names.map((photo) => join(photos, `${photo}.jpg`)));
    await page.waitForFunction(() => document.querySelector('#result-name').textContent !== '');
    if (list) await page.getByRole('heading', { name: '5 photos', exact: true }).waitFor();
    await page.getByLabel('Show where it is seen').check();
    await page.waitForTimeout(400);
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
    await window.close();
  }
}
await site.close();
await browser.close();
