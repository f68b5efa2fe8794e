/** The static page: the engine runs in this browser, and the page works without a network. */

import { fail, start } from './page.js';
import { load } from './seesaw.js';

try {
  const model = await load('model.safetensors');
  const classes = model.labels.length;
  start({
    about: `${model.net} knows ${classes} ${classes === 1 ? 'class' : 'classes'}.`,
    privacy: 'Photos stay on this device.',
    classify: (file) => model.classify(file, { map: true }),
  });
} catch (error) {
  fail(`The model cannot be loaded: ${error.message}`);
}

if ('serviceWorker' in navigator) {
  // Without it, the page works while there is a network.
  navigator.serviceWorker.register('offline.js').catch(() => {});
}
