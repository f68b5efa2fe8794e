/**
 * `node --experimental-wasm-relaxed-simd run.js MODELS [ROUNDS]`: measures in Node and in Chromium. MODELS is
 * a folder with `NET.safetensors` and `NET-FORM.onnx` of each net; README.md says how to make it.
 */

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { hasRelaxedSimd, load } from '../../web/seesaw.js';
import { engines, measure } from './measure.js';

const models = resolve(process.argv[2]);
const rounds = Number(process.argv[3] ?? 20);
const NETS = { 'mobilenetv2': ['dense'], 'shuffle-0.5d': ['dense', 'split'] };
const root = fileURLToPath(new URL('../../', import.meta.url));

const report = (where, net, results) => {
  for (const { name, fastest, median, difference } of results) {
    const numbers = [fastest, median].map((time) => time.toFixed(2)).join('\t');
    console.log([where, net, name, numbers, difference.toExponential(1)].join('\t'));
  }
};

async function inNode() {
  const ort = createRequire(import.meta.url)('onnxruntime-web');
  for (const [net, forms] of Object.entries(NETS)) {
    const read = (name) => readFileSync(join(models, name));
    const files = Object.fromEntries(forms.map((form) => [form, read(`${net}-${form}.onnx`)]));
    const model = read(`${net}.safetensors`);
    const list = await engines({ load, ort, model, files, hasRelaxed: hasRelaxedSimd() });
    report(`Node ${process.versions.node}`, net, await measure(list, rounds));
  }
}

const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };

/** Serves this repository's files, and the models under `/models/`. */
function serve() {
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname;
    if (path === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>');
    const isModel = path.startsWith('/models/');
    const file = isModel ? join(models, path.slice(8)) : join(root, path);
    if (path.includes('..') || !existsSync(file)) return response.writeHead(404).end();
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    return response.writeHead(200, { 'content-type': type }).end(readFileSync(file));
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

async function inChromium() {
  const { chromium } = await import('playwright-core');
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const server = await serve();
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  for (const [net, forms] of Object.entries(NETS)) {
    const files = Object.fromEntries(forms.map((form) => [form, `/models/${net}-${form}.onnx`]));
    const results = await page.evaluate(
      async ([model, names, count]) => {
        const ort = await import('/bench/web/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs');
        const { hasRelaxedSimd, load } = await import('/web/seesaw.js');
        const { engines: make, measure: time } = await import('/bench/web/measure.js');
        const hasRelaxed = hasRelaxedSimd();
        return time(await make({ load, ort, model, files: names, hasRelaxed }), count);
      },
      [`/models/${net}.safetensors`, files, rounds],
    );
    report(`Chromium ${browser.version()}`, net, results);
  }
  await browser.close();
  server.closeAllConnections();
  server.close();
}

console.log(`# ${cpus()[0].model}; onnxruntime-web 1.30.0; models: ${readdirSync(models).length} files`);
console.log('where\tnet\tengine\tfastest ms\tmedian ms\tdifference');
await inNode();
await inChromium();
