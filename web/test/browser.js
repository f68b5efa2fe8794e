/** A Chromium for the tests, driven with playwright-core. */

import { existsSync } from 'node:fs';

const PATHS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'];

/** The browser, or null, with a line that says what is missing. */
export async function chromium() {
  const executablePath = PATHS.find((path) => path && existsSync(path));
  const playwright = await import('playwright-core').catch(() => null);
  const missing = playwright === null ? 'playwright-core (`npm ci`)' : 'Chromium (set CHROMIUM)';
  if (playwright === null || executablePath === undefined) {
    if (process.env.SEESAW_REQUIRE_CHROMIUM) throw new Error(`missing: ${missing}`);
    console.log(`skipped: no ${missing}`);
    return null;
  }
  // The sandbox needs privileges that containers lack; the pages are the project's own.
  return playwright.chromium.launch({ executablePath, args: ['--no-sandbox'] });
}
