// Runs a test program that was compiled to WebAssembly. Its standard output goes nowhere, and a test that
// fails ends the module with a trap, whose stack names the test.
import { readFileSync } from 'node:fs';

Error.stackTraceLimit = 40;
const path = process.argv[2];
const start = performance.now();
try {
  const { instance } = await WebAssembly.instantiate(readFileSync(path));
  const status = instance.exports.main(0, 0);
  if (status !== 0) throw new Error(`the tests ended with status ${status}`);
} catch (error) {
  console.error(`${path}: a test failed`);
  console.error(error.stack);
  process.exit(1);
}
console.log(`${path}: all tests passed in ${((performance.now() - start) / 1000).toFixed(1)} s`);
