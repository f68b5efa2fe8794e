/** Files that the tests share: models, tensors, and a site on a port of this machine. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const web = join(root, 'web');
export const imagenette = join(root, 'weights/seesaw-shuffle-0.5d-imagenette.safetensors');
export const photos = join(root, 'docs/photos');

/** The tensors of a safetensors file, all of f32: `{ name: { shape, values } }`. */
export function tensors(path) {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  const data = bytes.subarray(8 + length);
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  return Object.fromEntries(
    entries.map(([name, { shape, data_offsets: [from, to] }]) => [
      name,
      { shape, values: new Float32Array(Uint8Array.from(data.subarray(from, to)).buffer) },
    ]),
  );
}

/** The nets whose outputs PyTorch gave: `{ name, model, io }`; none where a part is missing. */
export function goldenNets() {
  const folder = join(root, '../shared/golden');
  const program = process.env.SEESAW ?? join(root, 'target/release/seesaw');
  if (!existsSync(folder) || !existsSync(program)) {
    if (process.env.SEESAW_REQUIRE_SHARED) throw new Error(`${folder} or ${program} is missing`);
    console.log(`skipped: ${folder} or ${program} is missing`);
    return [];
  }
  const scratch = mkdtempSync(join(tmpdir(), 'seesaw-web-'));
  const checkpoints = readdirSync(folder).filter((name) => name.endsWith('.pth.tar'));
  return checkpoints.map((file) => {
    const name = file.replace('.pth.tar', '');
    const model = join(scratch, `${name}.safetensors`);
    execFileSync(program, ['import', join(folder, file), model], { stdio: 'ignore' });
    return { name, model, io: tensors(join(folder, `${name}.io.safetensors`)) };
  });
}

/** A photo of `width` by `height` pixels in soft colors. */
export function painted(width, height) {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const color = [(255 * x) / width, (255 * y) / height, 128 + 100 * Math.sin((x + y) / 20), 255];
      data.set(color.map(Math.round), 4 * (y * width + x));
    }
  }
  return { data, width, height };
}

const TYPES = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};

/** Serves the page with a model, as `seesaw export --web` writes them: `{ address, close }`. */
export async function serveSite(model, more = {}) {
  const folders = [join(web, 'page'), web];
  const find = (name) => {
    if (name in more) return more[name];
    if (name === 'model.safetensors') return model;
    return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  };
  const server = createServer((request, response) => {
    const name = new URL(request.url, 'http://localhost').pathname.slice(1) || 'index.html';
    const path = name.includes('/') ? undefined : find(name);
    if (path === undefined) return response.writeHead(404).end();
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    return response.writeHead(200, { 'content-type': type }).end(readFileSync(path));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { address: `http://127.0.0.1:${server.address().port}/`, close };
}
