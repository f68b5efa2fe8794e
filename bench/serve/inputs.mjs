// Drives the ways into the service's page that page.mjs does not: inputs.mjs ADDRESS PHOTOS TOKEN
//
// PHOTOS is a folder of photos with churches among them. The service at ADDRESS asks for TOKEN and serves
// `net`, which knows ten classes, and `world`, which knows a thousand.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const [address, photos, token] = process.argv.slice(2);
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
// A camera that shows a test picture, in case that the browser wants one.
const args = ['--no-sandbox', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
const browser = await chromium.launch({ executablePath, args });
const church = join(photos, 'church.jpg');

/** A page that has got through the form for the token. */
async function open(options = {}) {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(address);
  await page.getByLabel('Token:').fill(token);
  await page.keyboard.press('Enter');
  await page.waitForSelector('body[data-ready]');
  // The browser reports the answer that asked for the token.
  const others = () => problems.filter((problem) => !problem.includes('401'));
  return { context, page, others };
}

const verdict = (page) => page.locator('#verdict').innerText();
const answered = (page) => page.waitForFunction(() => document.querySelector('#verdict').textContent !== '');

async function tokens() {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(address);
  const field = page.getByLabel('Token:');
  await field.waitFor();
  assert.equal(await field.getAttribute('type'), 'password');
  assert.equal(await page.locator('#drop').isVisible(), false, 'nothing to drop on before');
  assert.ok(await field.evaluate((input) => input === document.activeElement), 'it has the focus');
  // An empty form is not sent.
  await page.getByRole('button', { name: 'Continue' }).click();
  assert.equal(await field.isVisible(), true);
  await field.fill('this is not the token');
  await page.keyboard.press('Enter');
  await page.getByLabel('Not a valid token. Token:').fill(token);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.waitForSelector('body[data-ready]');
  assert.equal(await page.locator('#drop').isVisible(), true);
  // The page knows it until it is closed, and tells no other.
  await page.reload();
  await page.waitForSelector('body[data-ready]');
  const other = await context.newPage();
  await other.goto(address);
  await other.getByLabel('Token:').waitFor();
  await context.close();
}

async function models() {
  const { context, page, others } = await open();
  assert.match(await page.locator('#about').innerText(), /^net knows 10 classes; world knows 1000 classes\.$/);
  const choice = page.getByLabel('Model:');
  assert.deepEqual(await choice.locator('option').allInnerTexts(), ['net', 'world']);
  await page.locator('#photos').setInputFiles(church);
  await answered(page);
  assert.equal(await verdict(page), 'church');
  // By keyboard, as the list is a native one.
  await choice.focus();
  await page.keyboard.press('ArrowDown');
  assert.equal(await choice.inputValue(), 'world');
  const asked = page.waitForRequest((request) => request.url().includes('model=world'));
  await page.locator('#photos').setInputFiles(church);
  await asked;
  await page.waitForFunction(() => document.querySelectorAll('#rows button .share').length === 2);
  await page.locator('#rows button').nth(1).click();
  assert.equal(await page.locator('#classes li').count(), 5);
  assert.notEqual(await verdict(page), '');
  assert.deepEqual(others(), []);
  await context.close();
}

async function paste() {
  const { context, page, others } = await open({ permissions: ['clipboard-read', 'clipboard-write'] });
  // As a screenshot comes: a PNG in the system's clipboard, and Ctrl+V.
  await page.evaluate(async (encoded) => {
    const photo = new Blob([Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0))], { type: 'image/jpeg' });
    const bitmap = await createImageBitmap(photo);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
    const png = await canvas.convertToBlob({ type: 'image/png' });
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
  }, readFileSync(church).toString('base64'));
  await page.keyboard.press('Control+V');
  await answered(page);
  assert.equal(await verdict(page), 'church');
  assert.match(await page.locator('#result-name').innerText(), /\.png$/);
  // A text is no photo, and changes nothing.
  await page.evaluate(() => navigator.clipboard.writeText('church'));
  await page.keyboard.press('Control+V');
  await page.waitForTimeout(200);
  assert.equal(await page.locator('#rows li').count(), 1);
  assert.equal(await page.locator('#alert').isVisible(), false);
  assert.deepEqual(others(), []);
  await context.close();
}

async function folder() {
  const { context, page, others } = await open();
  const place = mkdtempSync(join(tmpdir(), 'seesaw-folder-'));
  try {
    const names = ['church.jpg', 'inner, "one"/parachute.jpg', 'inner, "one"/deeper/church.jpg'];
    mkdirSync(join(place, 'inner, "one"', 'deeper'), { recursive: true });
    for (const name of names) copyFileSync(join(photos, name.split('/').at(-1)), join(place, name));
    writeFileSync(join(place, 'broken.jpg'), 'no photo');
    writeFileSync(join(place, 'notes.txt'), 'no photo either');
    await page.locator('#folder').setInputFiles(place);
    await page.getByText('All 4 photos are classified').waitFor({ state: 'attached' });
    assert.equal(await page.locator('#alert').innerText(), '1 file left out: not a picture, or of an unknown kind');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#csv')]);
    assert.equal(download.suggestedFilename(), 'photos.csv');
    const lines = readFileSync(await download.path(), 'utf8').split('\r\n');
    assert.equal(lines[0], 'file,class,probability,milliseconds,error');
    assert.equal(lines.pop(), '', 'each line has an end');
    const top = place.split('/').at(-1);
    const of = (name) => lines.find((line) => line.startsWith(name));
    assert.match(of(`${top}/church.jpg,`), /,church,0\.\d{6},\d+\.\d\d,$/);
    assert.match(of(`"${top}/inner, ""one""/parachute.jpg",`), /,parachute,0\.\d{6},/);
    assert.match(of(`"${top}/inner, ""one""/deeper/church.jpg",`), /,church,/);
    assert.match(of(`${top}/broken.jpg,`), /,,,,"not an image: JPEG, PNG/);
    assert.equal(lines.length, 5);
    // Cleared, and the same folder once more.
    await page.getByRole('button', { name: 'Clear' }).click();
    assert.equal(await page.locator('#list').isVisible(), false);
    await page.locator('#folder').setInputFiles(place);
    await page.getByText('All 4 photos are classified').waitFor({ state: 'attached' });
  } finally {
    rmSync(place, { recursive: true });
  }
  assert.deepEqual(others().filter((problem) => !problem.includes('415')), []);
  await context.close();
}

async function camera() {
  const touch = { hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } };
  const { context, page, others } = await open(touch);
  const button = page.getByText('Take a photo', { exact: true });
  assert.equal(await button.isVisible(), true);
  assert.equal(await page.getByText('Choose a folder').isVisible(), false, 'phones have none');
  // The phone's own camera takes the photo: the browser asks for a file, from the back camera where it can.
  const input = page.locator('#camera');
  assert.equal(await input.getAttribute('capture'), 'environment');
  assert.equal(await input.getAttribute('accept'), 'image/*');
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), button.tap()]);
  assert.equal(chooser.isMultiple(), false);
  // What a camera gives: pixels of the test picture, as the browser's camera shows it.
  const taken = await page.evaluate(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: true });
    const frame = await new ImageCapture(stream.getVideoTracks()[0]).grabFrame();
    stream.getTracks().forEach((track) => track.stop());
    const canvas = new OffscreenCanvas(frame.width, frame.height);
    canvas.getContext('2d').drawImage(frame, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/jpeg' });
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  await chooser.setFiles({ name: 'image.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(taken) });
  await answered(page);
  assert.equal(await page.locator('#result-name').innerText(), 'image.jpg');
  assert.equal(await page.locator('#classes li').count(), 5);
  // A mouse has no such button.
  await context.close();
  const desktop = await open();
  assert.equal(await desktop.page.getByText('Take a photo', { exact: true }).isVisible(), false);
  await desktop.context.close();
  assert.deepEqual(others(), []);
}

try {
  for (const drive of [tokens, models, paste, folder, camera]) {
    await drive();
    console.log(`page: ${drive.name}: works in Chromium`);
  }
} finally {
  await browser.close();
}
