/** The page in Chromium: photos in by every way, names out, and all of it without a network. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { chromium } from './browser.js';
import { goldenNets, imagenette, photos, serveSite } from './files.js';

const church = join(photos, 'church.jpg');
const golden = goldenNets().map((net) => ({ ...net, file: `${net.name}.safetensors` }));
let browser;

before(async () => {
  browser = await chromium();
});

after(() => browser?.close());

/** A test with a page of its own, which must not report any error. */
function onPage(name, run) {
  test(name, async (context) => {
    if (browser === null) return context.skip('no browser');
    const models = Object.fromEntries(golden.map(({ file, model }) => [file, model]));
    const site = await serveSite(imagenette, models);
    const window = await browser.newContext({ acceptDownloads: true });
    try {
      const page = await window.newPage();
      const errors = [];
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
      await open(page, site);
      await run({ page, window, site });
      assert.deepEqual(errors, []);
    } finally {
      await window.close();
      await site.close();
    }
  });
}

async function open(page, site) {
  await page.goto(site.address);
  await page.waitForSelector('body[data-ready]');
}

const verdict = (page) => page.locator('#verdict').textContent();

async function answered(page, name) {
  await page.locator('#result-name', { hasText: name }).waitFor();
}

/** Makes a file in the page from a photo of this machine, and hands it to an event. */
async function withFiles(page, names, dispatch) {
  const files = names.map((name) => [name, readFileSync(join(photos, name)).toString('base64')]);
  await page.evaluate(
    ([list, type]) => {
      const transfer = new DataTransfer();
      for (const [name, base64] of list) {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type: 'image/jpeg' }));
      }
      const event =
        type === 'drop'
          ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true })
          : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true });
      document.body.dispatchEvent(event);
    },
    [files, dispatch],
  );
}

onPage('a chosen photo gets a name, bars, a time and a map', async ({ page }) => {
  assert.match(await page.locator('#about').textContent(), /10 classes/);
  await page.setInputFiles('#photos', church);
  await answered(page, 'church.jpg');
  assert.equal(await verdict(page), 'church');
  assert.equal(await page.locator('#classes li').count(), 5);
  assert.match(await page.locator('#classes li').first().textContent(), /church\d+\.\d %/);
  assert.match(await page.locator('#timing').textContent(), /^\d+\.\d ms$/);
  assert.match(await page.locator('#status').textContent(), /^church\.jpg: church, /);
  assert.equal(await page.locator('#heat').isVisible(), false);
  await page.getByLabel('Show where it is seen').check();
  const heat = page.getByRole('img', { name: /^Where church is seen: most (in|at) the/ });
  await heat.waitFor();
  const colors = await heat.evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });
  assert.ok(colors > 5, `${colors} colors`);
  const [photo, map] = [await page.locator('#photo').boundingBox(), await heat.boundingBox()];
  assert.ok(map.width <= photo.width + 1 && map.height <= photo.height + 1);
  assert.ok(Math.abs(map.width - map.height) <= 2, 'the net sees a square');
});

onPage('dropped and pasted photos', async ({ page }) => {
  await withFiles(page, ['golf-ball.jpg'], 'drop');
  await answered(page, 'golf-ball.jpg');
  assert.equal(await verdict(page), 'golf ball');
  await withFiles(page, ['parachute.jpg'], 'paste');
  await answered(page, 'parachute.jpg');
  assert.equal(await verdict(page), 'parachute');
});

onPage('many photos become a list and a CSV file', async ({ page }) => {
  const names = ['church.jpg', 'english-springer.jpg', 'french-horn.jpg', 'garbage-truck.jpg'];
  const photo = (name) => ({ name, mimeType: 'image/jpeg', buffer: readFileSync(join(photos, name)) });
  await page.setInputFiles('#photos', [
    ...names.map(photo),
    { name: 'broken, "really".jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no photo') },
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('text') },
  ]);
  await page.getByRole('heading', { name: '5 photos', exact: true }).waitFor();
  assert.match(await page.getByRole('alert').textContent(), /1 file left out/);
  await page.getByRole('button', { name: 'french-horn.jpg French horn' }).click();
  await answered(page, 'french-horn.jpg');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download CSV' }).click();
  const csv = readFileSync(await (await download).path(), 'utf8').split('\r\n');
  assert.equal(csv[0], 'file,class,probability,milliseconds,error');
  assert.match(csv[1], /^church\.jpg,church,0\.\d{6},\d+\.\d\d,$|^church\.jpg,church,1\.0{6},/);
  assert.match(csv[5], /^"broken, ""really""\.jpg",,,,the photo: this browser cannot decode it/);
  await page.getByRole('button', { name: 'Clear' }).click();
  assert.equal(await page.locator('#list').isVisible(), false);
});

onPage('the keyboard reaches everything', async ({ page }) => {
  await page.setInputFiles('#photos', [church, join(photos, 'golf-ball.jpg')]);
  await page.getByRole('heading', { name: '2 photos', exact: true }).waitFor();
  await page.locator('body').focus();
  const reached = new Set();
  for (let press = 0; press < 12; press++) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.innerText));
  }
  for (const id of ['photos', 'folder', 'show-map', 'csv', 'clear']) assert.ok(reached.has(id), id);
  await page.locator('#rows button').nth(1).focus();
  await page.keyboard.press('Enter');
  await answered(page, 'golf-ball.jpg');
  await page.locator('#show-map').focus();
  await page.keyboard.press('Space');
  await page.getByRole('img', { name: /^Where golf ball is seen/ }).waitFor();
});

onPage('without a network the page still works', async ({ page, site }) => {
  await page.evaluate(() => navigator.serviceWorker.ready);
  await site.close();
  await open(page, site);
  await page.setInputFiles('#photos', church);
  await answered(page, 'church.jpg');
  assert.equal(await verdict(page), 'church');
});

onPage("logits are PyTorch's, with and without relaxed SIMD", async ({ page }) => {
  for (const { name, file, io } of golden) {
    const length = io.input.values.length / io.input.shape[0];
    const tensor = [...io.input.values.subarray(0, length)];
    for (const relaxed of [false, true]) {
      const logits = await page.evaluate(
        async ([address, values, options]) => {
          const { load } = await import('./seesaw.js');
          const model = await load(address, options);
          return [...(await model.logits(values))];
        },
        [file, tensor, { relaxed }],
      );
      const errors = logits.map((logit, i) => Math.abs(logit - io.logits.values[i]));
      assert.ok(Math.max(...errors) <= 1e-4, `${name}, relaxed: ${relaxed}`);
    }
  }
});
