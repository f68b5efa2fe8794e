// Drives the service's page in Chromium: page.mjs ADDRESS PHOTOS COLLECTED [PICTURES]
//
// PHOTOS is a folder of photos, COLLECTED the folder of `--collect`. Pictures of the page are written to
// PICTURES, if it is given.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const [address, photos, collected, pictures] = process.argv.slice(2);
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });

const church = join(photos, 'church.jpg');
const desktop = { viewport: { width: 1100, height: 860 } };
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

async function open(options) {
  const context = await browser.newContext({ ...options, acceptDownloads: true });
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('request', (request) => {
    const isOwn = request.url().startsWith(address) || request.url().startsWith('blob:');
    if (!isOwn) problems.push(`asks for ${request.url()}`);
  });
  await page.goto(address);
  await page.waitForSelector('body[data-ready]');
  return { context, page, problems };
}

const text = (page, selector) => page.locator(selector).innerText();

async function classify(page, files) {
  await page.locator('#photos').setInputFiles(files);
  await page.waitForFunction(() => document.querySelector('#verdict').textContent !== '');
}

async function onePhoto() {
  const { context, page, problems } = await open(desktop);
  // Dropped, as a user does it.
  const bytes = readFileSync(church).toString('base64');
  const transfer = await page.evaluateHandle((encoded) => {
    const photo = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([photo], 'church.jpg', { type: 'image/jpeg' }));
    return data;
  }, bytes);
  await page.dispatchEvent('#drop', 'drop', { dataTransfer: transfer });
  await page.waitForFunction(() => document.querySelector('#verdict').textContent !== '');
  assert.equal(await text(page, '#verdict'), 'church');
  assert.match(await text(page, '#timing'), /^\d+\.\d ms$/);
  assert.equal(await page.locator('#classes li').count(), 5);
  assert.match(await page.locator('#status').textContent(), /church/);

  // The map, by keyboard.
  assert.equal(await page.locator('#heat').isVisible(), false);
  await page.locator('#show-map').focus();
  await page.keyboard.press('Space');
  assert.equal(await page.locator('#heat').isVisible(), true);
  assert.match(await page.locator('#heat').getAttribute('aria-label'), /Where church is seen/);
  const [photo, heat] = await Promise.all(['#photo', '#heat'].map((s) => page.locator(s).boundingBox()));
  assert.ok(Math.abs(heat.width - heat.height) < 2, 'the net sees a square');
  const center = ({ x, y, width, height }) => [x + width / 2, y + height / 2];
  center(photo).forEach((at, axis) => assert.ok(Math.abs(at - center(heat)[axis]) < 2));
  if (pictures) await page.screenshot({ path: join(pictures, 'page-light.png') });

  // A correction.
  await page.getByRole('button', { name: 'This is wrong' }).click();
  await page.getByLabel('It is:').fill('chapel');
  await page.keyboard.press('Enter');
  await page.getByText('Kept as chapel/church.jpg').waitFor();
  assert.deepEqual(readFileSync(join(collected, 'chapel', 'church.jpg')), readFileSync(church));

  // What is no photo is said, and what was there stays.
  await page.locator('#photos').setInputFiles({ name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no') });
  await page.getByText('x.jpg: not an image').waitFor();
  assert.equal(problems.filter((problem) => !problem.includes('415')).join('\n'), '');
  await context.close();
}

async function manyPhotos() {
  const { context, page, problems } = await open({ ...desktop, colorScheme: 'dark' });
  const files = readdirSync(photos).filter((name) => name.endsWith('.jpg')).map((name) => join(photos, name));
  await classify(page, files);
  await page.getByText(`All ${files.length} photos are classified`).waitFor({ state: 'attached' });
  assert.equal(await page.locator('#rows li').count(), files.length);
  await page.locator('#rows button').nth(2).click();
  await page.locator('#show-map').check();
  if (pictures) await page.screenshot({ path: join(pictures, 'page-dark.png'), fullPage: true });
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#csv')]);
  const csv = readFileSync(await download.path(), 'utf8').trim().split('\r\n');
  assert.equal(csv.length, files.length + 1);
  assert.match(csv[1], /^church\.jpg,church,0\.\d{6},\d+\.\d\d,$/);
  assert.deepEqual(problems, []);
  await context.close();
}

async function onAPhone() {
  for (const colorScheme of ['light', 'dark']) {
    const { context, page, problems } = await open({ ...phone, colorScheme });
    await classify(page, join(photos, 'parachute.jpg'));
    await page.locator('#show-map').check();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `${wide} px wide`);
    assert.equal(await page.getByText('Take a photo', { exact: true }).isVisible(), true);
    if (pictures) {
      // As high as the page: a picture of more than the window shows the page as with a mouse.
      const height = await page.evaluate(() => document.documentElement.scrollHeight);
      await page.setViewportSize({ ...phone.viewport, height });
      await page.screenshot({ path: join(pictures, `page-phone-${colorScheme}.png`) });
    }
    assert.deepEqual(problems, []);
    await context.close();
  }
}

try {
  await onePhoto();
  await manyPhotos();
  await onAPhone();
  assert.ok(existsSync(collected));
  console.log('page: works in Chromium');
} finally {
  await browser.close();
}
