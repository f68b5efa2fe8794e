/**
 * Seesaw in browsers and Node: photos to class names with small nets, on the CPU.
 *
 *     import { load } from './seesaw.js';
 *     const model = await load('model.safetensors');
 *     const { classes } = await model.classify(file);
 *     console.log(classes[0].label, classes[0].probability);
 *
 * The engine is a WebAssembly module next to this file: `seesaw-relaxed.wasm` where the browser has
 * relaxed SIMD, else `seesaw.wasm`. In browsers each model runs in a worker of its own, so that the page
 * stays responsive; the worker is this file too. `seesaw.d.ts` describes the interface.
 */

/** The name by which this file knows that it is the worker. */
const WORKER_NAME = 'seesaw-engine';

/** Photos with more pixels are scaled down by the browser first; a phone's memory is small. */
const MAX_PIXELS = 1 << 24;

/** A module of one function, which adds a product with relaxed SIMD. */
const RELAXED = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, // magic, version
  1, 8, 1, 96, 3, 123, 123, 123, 1, 123, // type: three vectors to one
  3, 2, 1, 0, // one function
  10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 133, 2, 11, // f32x4.relaxed_madd
);

const isNode = typeof process === 'object' && Boolean(process.versions?.node);

/** Whether modules with relaxed SIMD run here. */
export const hasRelaxedSimd = () => WebAssembly.validate(RELAXED);

/** Loads a model; see `seesaw.d.ts`. */
export async function load(model, options = {}) {
  const { relaxed = hasRelaxedSimd(), worker = typeof Worker === 'function' && !isNode } = options;
  const page = globalThis.location?.href ?? import.meta.url;
  const base = options.base === undefined ? import.meta.url : new URL(options.base, page);
  const module = new URL(relaxed ? 'seesaw-relaxed.wasm' : 'seesaw.wasm', base).href;
  const isName = typeof model === 'string' || model instanceof URL;
  const source = isName ? new URL(model, page).href : model;
  const host = worker ? new WorkerHost() : new LocalHost();
  try {
    return new Classifier(host, await host.call('load', [module, source]));
  } catch (error) {
    host.close();
    throw error;
  }
}

/** A model on the other side of a host. */
class Classifier {
  #host;

  constructor(host, description) {
    this.#host = host;
    const { net, labels, inputSize, features, isa, relaxed } = description;
    Object.assign(this, { net, labels, inputSize, featureCount: features });
    this.engine = relaxed ? 'relaxed-simd' : isa;
    Object.freeze(this);
  }

  async classify(image, { top = 5, map = false } = {}) {
    const { logits, ...result } = await this.#withPixels('classify', image, [map]);
    return { classes: rank(logits, this.labels).slice(0, top), ...result };
  }

  async features(image) {
    return this.#withPixels('features', image, []);
  }

  async explain(image, index) {
    return this.#withPixels('explain', image, [index]);
  }

  async logits(tensor) {
    return this.#host.call('logits', [Float32Array.from(tensor)]);
  }

  close() {
    this.#host.close();
  }

  async #withPixels(method, image, rest) {
    const [pixels, transfer] = await portable(image);
    return this.#host.call(method, [pixels, ...rest], transfer);
  }
}

/** All classes with their softmax probabilities, most likely first. */
function rank(logits, labels) {
  const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const odds = Array.from(logits, (logit) => Math.exp(logit - highest));
  const sum = odds.reduce((a, b) => a + b, 0);
  const classes = odds.map((odd, index) => ({ index, label: labels[index], probability: odd / sum }));
  return classes.sort((a, b) => b.probability - a.probability);
}

/* Where the engine runs. */

/** In a worker. */
class WorkerHost {
  #calls = new Map();
  #next = 0;
  #failure = null;
  #worker = new Worker(new URL('./seesaw.js', import.meta.url), {
    type: 'module',
    name: WORKER_NAME,
  });

  constructor() {
    this.#worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    };
    this.#worker.onerror = (event) => {
      this.#fail(`the engine's worker: ${event.message ?? 'it cannot be loaded'}`);
    };
  }

  call(method, values, transfer = []) {
    if (this.#failure) return Promise.reject(new Error(this.#failure));
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#calls.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, values }, transfer);
    });
  }

  close() {
    this.#worker.terminate();
    this.#fail('the model is closed');
  }

  #fail(message) {
    this.#failure = message;
    for (const { reject } of this.#calls.values()) reject(new Error(message));
    this.#calls.clear();
  }
}

/** On the calling thread. */
class LocalHost {
  #engine = new Engine();
  #isClosed = false;

  async call(method, values) {
    if (this.#isClosed) throw new Error('the model is closed');
    return this.#engine[method](...values);
  }

  close() {
    this.#engine = null;
    this.#isClosed = true;
  }
}

/* The engine. */

/** The WebAssembly module, and one model in it. */
class Engine {
  #wasm;
  #model;
  #description;

  async load(module, source) {
    const [wasm, bytes] = await Promise.all([
      instantiate(module),
      typeof source === 'string' ? read(source) : bytesOf(source),
    ]);
    this.#wasm = wasm;
    this.#model = this.#guard(() => wasm.seesaw_load(this.#give(bytes), bytes.length));
    this.#description = JSON.parse(this.#text(wasm.seesaw_describe(this.#model)));
    return this.#description;
  }

  async classify(image, withMap) {
    const pixels = await pixelsOf(image);
    const start = performance.now();
    this.#show(pixels);
    const logits = this.#numbers('seesaw_logits', this.#description.classes);
    const milliseconds = performance.now() - start;
    const best = logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
    return { logits, milliseconds, map: withMap ? this.#map(pixels, best) : null };
  }

  async features(image) {
    this.#show(await pixelsOf(image));
    return this.#numbers('seesaw_features', this.#description.features);
  }

  async explain(image, index) {
    const pixels = await pixelsOf(image);
    this.#show(pixels);
    return this.#map(pixels, index);
  }

  logits(tensor) {
    const { inputSize, classes } = this.#description;
    if (tensor.length !== 3 * inputSize * inputSize) {
      const expected = `3 x ${inputSize} x ${inputSize}`;
      throw new Error(`the tensor has ${tensor.length} values instead of ${expected}`);
    }
    const to = this.#wasm.seesaw_input(this.#model);
    new Float32Array(this.#wasm.memory.buffer, to, tensor.length).set(tensor);
    return this.#numbers('seesaw_logits', classes);
  }

  #map(pixels, index) {
    const side = this.#description.mapSide;
    const values = this.#numbers('seesaw_explain', side * side, index);
    return { index, side, values, region: regionOf(pixels, this.#description) };
  }

  #show({ data, width, height }) {
    if (data.length !== 4 * width * height) {
      throw new Error(`the photo: ${data.length} bytes are not ${width} x ${height} RGBA pixels`);
    }
    this.#guard(() => this.#wasm.seesaw_prepare(this.#model, this.#give(data), data.length, width));
  }

  /** A copy of what a function computes. */
  #numbers(name, length, ...values) {
    const from = this.#guard(() => this.#wasm[name](this.#model, ...values));
    return new Float32Array(this.#wasm.memory.buffer, from, length).slice();
  }

  /** A copy of the bytes in the module's memory, for a function that takes it. */
  #give(bytes) {
    const to = this.#guard(() => this.#wasm.seesaw_alloc(bytes.length));
    new Uint8Array(this.#wasm.memory.buffer, to, bytes.length).set(bytes);
    return to;
  }

  /** What a function returns, if it did not fail. */
  #guard(run) {
    let result;
    try {
      result = run();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      const message = this.#text(this.#wasm.seesaw_last_error());
      throw new Error(`the engine stopped: ${message || error.message}`);
    }
    if (!result) throw new Error(this.#text(this.#wasm.seesaw_last_error()));
    // Addresses above 2 GiB come as negative numbers.
    return result >>> 0;
  }

  #text(from) {
    const memory = new Uint8Array(this.#wasm.memory.buffer);
    return new TextDecoder().decode(memory.slice(from >>> 0, memory.indexOf(0, from >>> 0)));
  }
}

async function instantiate(url) {
  let instance;
  if (url.startsWith('file:')) {
    ({ instance } = await WebAssembly.instantiate(await read(url)));
  } else {
    const response = await get(url);
    const isTyped = response.headers.get('content-type')?.startsWith('application/wasm');
    // Streaming compiles during the download, but insists on the type.
    ({ instance } = isTyped
      ? await WebAssembly.instantiateStreaming(response)
      : await WebAssembly.instantiate(await response.arrayBuffer()));
  }
  return instance.exports;
}

async function read(url) {
  if (url.startsWith('file:')) {
    const { readFile } = await import('node:fs/promises');
    return readFile(new URL(url));
  }
  return new Uint8Array(await (await get(url)).arrayBuffer());
}

async function get(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return response;
}

const bytesOf = (source) =>
  source instanceof ArrayBuffer
    ? new Uint8Array(source)
    : new Uint8Array(source.buffer, source.byteOffset, source.byteLength);

/* Photos. */

/** The image in a form that a worker takes, and what of it can be handed over instead of copied. */
async function portable(image) {
  if (isPixels(image)) return [{ data: image.data, width: image.width, height: image.height }, []];
  const isOurs = !(typeof ImageBitmap === 'function' && image instanceof ImageBitmap);
  const bitmap = isOurs ? await decode(image) : image;
  if (typeof OffscreenCanvas === 'function') return [bitmap, isOurs ? [bitmap] : []];
  const pixels = await pixelsOf(bitmap);
  return [{ data: pixels.data, width: pixels.width, height: pixels.height }, [pixels.data.buffer]];
}

const isPixels = ({ data }) => data instanceof Uint8ClampedArray || data instanceof Uint8Array;

async function decode(image) {
  if (typeof createImageBitmap !== 'function') {
    throw new Error('no image decoder here; pass RGBA pixels as { data, width, height }');
  }
  // As the weights were trained: upright, samples as they are in the file.
  const options = {
    imageOrientation: 'from-image',
    colorSpaceConversion: 'none',
    premultiplyAlpha: 'none',
  };
  try {
    return await createImageBitmap(image, options);
  } catch (error) {
    throw new Error(`the photo: this browser cannot decode it (${error.message})`);
  }
}

/** RGBA pixels of an image. */
async function pixelsOf(image) {
  if (isPixels(image)) return image;
  const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (image.width * image.height)));
  const scaled = (side) => Math.max(1, Math.round(scale * side));
  const [width, height] = [scaled(image.width), scaled(image.height)];
  const canvas =
    typeof OffscreenCanvas === 'function'
      ? new OffscreenCanvas(width, height)
      : Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** The part of a photo that the net sees, as fractions of its width and height. */
function regionOf({ width, height }, { fit, inputSize, resize }) {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const sizes = { crop: (short * inputSize) / resize, pad: long };
  const size = sizes[fit];
  if (size === undefined) return { left: 0, top: 0, width: 1, height: 1 };
  return {
    left: (width - size) / 2 / width,
    top: (height - size) / 2 / height,
    width: size / width,
    height: size / height,
  };
}

/* The worker's side. */

function serve() {
  const engine = new Engine();
  let last = Promise.resolve();
  const answer = async ({ id, method, values }) => {
    try {
      postMessage({ id, result: await engine[method](...values) });
    } catch (error) {
      postMessage({ id, error: error.message });
    }
  };
  // One call after another: a model has one input.
  onmessage = ({ data }) => {
    last = last.then(() => answer(data));
  };
}

const isWorker = typeof WorkerGlobalScope === 'function' && globalThis instanceof WorkerGlobalScope;
if (isWorker && globalThis.name === WORKER_NAME) serve();
