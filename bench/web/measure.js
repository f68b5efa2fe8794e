/**
 * Times Seesaw's WebAssembly modules and ONNX Runtime Web in turns, in one process, on one thread. Runs in
 * Node and, bundled by nothing, in a browser.
 *
 * `engines` are `{ name, run }`, where `run` resolves to logits. Returns for each the fastest and the median
 * milliseconds, and the largest difference of its logits from those of the first.
 */
export async function measure(engines, rounds) {
  const all = engines.map((engine) => ({ ...engine, times: [], logits: null }));
  // Engines compile hot functions again after a few runs.
  for (let run = 0; run < 8; run++) for (const engine of all) engine.logits = await engine.run();
  for (let round = 0; round < rounds; round++) {
    for (const engine of all) {
      for (let run = 0; run < 3; run++) {
        const start = performance.now();
        await engine.run();
        engine.times.push(performance.now() - start);
      }
    }
  }
  return all.map(({ name, times, logits }) => {
    times.sort((a, b) => a - b);
    const differences = Array.from(logits, (logit, i) => Math.abs(logit - all[0].logits[i]));
    const [fastest, median] = [times[0], times[times.length >> 1]];
    return { name, fastest, median, difference: Math.max(...differences) };
  });
}

/** Numbers from -1 to 1, the same on every machine. */
export function tensor(length) {
  let state = 1;
  return Float32Array.from({ length }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 1073741824 - 1;
  });
}

/** Seesaw with one module, and ONNX Runtime Web with each file: engines for `measure`. */
export async function engines({ load, ort, model, files, hasRelaxed, options }) {
  const input = tensor(3 * 224 * 224);
  const list = [];
  for (const relaxed of hasRelaxed ? [false, true] : [false]) {
    const loaded = await load(model, { ...options, relaxed, worker: false });
    list.push({ name: `seesaw ${loaded.engine}`, run: () => loaded.logits(input) });
  }
  ort.env.wasm.numThreads = 1;
  for (const [name, file] of Object.entries(files)) {
    const session = await ort.InferenceSession.create(file, { executionProviders: ['wasm'] });
    const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', input, [1, 3, 224, 224]) };
    const run = async () => (await session.run(feeds))[session.outputNames[0]].data;
    list.push({ name: `onnxruntime-web ${name}`, run });
  }
  return list;
}
