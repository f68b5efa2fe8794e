/** The module under Node: what it computes, and what it refuses. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { hasRelaxedSimd, load } from '../seesaw.js';
import { goldenNets, imagenette, painted } from './files.js';

const bytes = readFileSync(imagenette);
const kinds = [false, ...(hasRelaxedSimd() ? [true] : [])];
if (kinds.length === 1) console.log('skipped: relaxed SIMD, which this Node does not have');

for (const relaxed of kinds) {
  const kind = relaxed ? 'relaxed SIMD' : 'SIMD';

  test(`${kind}: logits are PyTorch's`, async () => {
    for (const { name, model, io } of goldenNets()) {
      const loaded = await load(readFileSync(model), { relaxed });
      const { input, logits } = io;
      const [length, classes] = [input.values.length / input.shape[0], loaded.labels.length];
      for (let image = 0; image < input.shape[0]; image++) {
        const tensor = input.values.subarray(image * length, (image + 1) * length);
        const expected = logits.values.subarray(image * classes, (image + 1) * classes);
        assert.ok(worst(await loaded.logits(tensor), expected) <= 1e-4, `${name}, image ${image}`);
      }
      loaded.close();
    }
  });

  test(`${kind}: a photo has classes, a map and features that belong together`, async () => {
    const model = await load(bytes, { relaxed });
    assert.equal(model.engine, relaxed ? 'relaxed-simd' : 'simd128');
    assert.equal(model.net, 'seesaw-shuffle-0.5d-imagenet');
    assert.equal(model.labels.length, 10);
    for (const [width, height] of [[300, 200], [200, 333], [1, 1], [5000, 7]]) {
      const photo = painted(width, height);
      const { classes, map, milliseconds } = await model.classify(photo, { top: 10, map: true });
      assert.equal(classes.length, 10);
      assert.ok(milliseconds > 0);
      const total = classes.reduce((sum, { probability }) => sum + probability, 0);
      assert.ok(Math.abs(total - 1) < 1e-9);
      assert.ok(classes.every(({ probability: p }, i) => i === 0 || p <= classes[i - 1].probability));
      assert.equal(map.index, classes[0].index);
      assert.equal(map.values.length, map.side ** 2);
      // The mean of a class's map is its logit: differences are those of logarithms of probabilities.
      const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
      const second = await model.explain(photo, classes[1].index);
      const odds = Math.log(classes[0].probability / classes[1].probability);
      assert.ok(Math.abs(mean(map.values) - mean(second.values) - odds) < 1e-3);
      assert.equal((await model.features(photo)).length, model.featureCount);
    }
    model.close();
  });
}

test('calls that overlap do not mix their photos', async () => {
  const model = await load(bytes, { relaxed: false });
  const [first, second] = [painted(64, 64), painted(400, 90)];
  const alone = [await model.features(first), await model.features(second)];
  const together = await Promise.all([model.features(first), model.features(second)]);
  assert.deepEqual(together, alone);
  assert.notDeepEqual(alone[0], alone[1]);
  model.close();
});

test('the region of a map is what the net sees', async () => {
  const model = await load(bytes, { relaxed: false });
  const { region } = await model.explain(painted(400, 200), 0);
  // The model scales the shorter side to 8/7 of its input, and sees the middle.
  assert.ok(Math.abs(region.height - 7 / 8) < 0.01 && Math.abs(region.width - 7 / 16) < 0.01);
  assert.ok(Math.abs(region.left - (1 - region.width) / 2) < 1e-9);
  model.close();
});

test('what cannot be used is refused, with a reason', async () => {
  const options = { relaxed: false };
  const damaged = Buffer.from(bytes);
  damaged.write('nonsense', 20);
  for (const [file, reason] of [
    [Buffer.from('PK\x03\x04 a checkpoint'), /not a safetensors file; `seesaw import`/],
    [Buffer.from(''), /not a safetensors file/],
    [bytes.subarray(0, 1_000_000), /1000000 bytes/],
    [damaged, /the model: /],
    [Buffer.from('\x02\0\0\0\0\0\0\0{}', 'latin1'), /without Seesaw's metadata/],
  ]) {
    await assert.rejects(load(file, options), reason);
  }
  await assert.rejects(load('missing.safetensors', options), /missing\.safetensors/);
  const model = await load(bytes, options);
  const short = { data: new Uint8Array(7), width: 2, height: 1 };
  await assert.rejects(model.classify(short), /7 bytes are not 2 x 1 RGBA pixels/);
  await assert.rejects(model.classify({ data: new Uint8Array(0), width: 0, height: 0 }), /the photo/);
  await assert.rejects(model.logits([1, 2, 3]), /3 values instead of 3 x 160 x 160/);
  await assert.rejects(model.explain(painted(9, 9), 10), /class 10: the model has 10/);
  await assert.rejects(model.classify(new Blob([])), /no image decoder here/);
  // It still works.
  assert.equal((await model.classify(painted(9, 9))).classes.length, 5);
  model.close();
  await assert.rejects(model.classify(painted(9, 9)), /the model is closed/);
});

const worst = (a, b) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
