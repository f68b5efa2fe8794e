/** Service worker: keeps the page's files, so that it opens without a network. */

const CACHE = 'seesaw';
const FILES = [
  './',
  'app.js',
  'icon.svg',
  'model.safetensors',
  'page.css',
  'page.js',
  'page.webmanifest',
  'seesaw.js',
  'seesaw.wasm',
  'seesaw-relaxed.wasm',
];

addEventListener('install', (event) => {
  // The server is asked for each file, whatever the browser's own cache has.
  const files = FILES.map((file) => new Request(file, { cache: 'no-cache' }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(files)).then(() => skipWaiting()));
});

addEventListener('activate', (event) => event.waitUntil(clients.claim()));

addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || new URL(request.url).origin !== location.origin) return;
  event.respondWith(fresh(request));
});

/** From the network where there is one: the files of a page belong together. */
async function fresh(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request, { cache: 'no-cache' });
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true, ignoreVary: true });
    if (kept) return kept;
    throw error;
  }
}
