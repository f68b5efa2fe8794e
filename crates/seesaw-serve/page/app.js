/** The service's page: photos are sent to the server that it came from. */

import { fail, start } from './page.js';

const TOKEN = 'seesaw-token';

document.head.append(element('link', { rel: 'stylesheet', href: 'app.css' }));

/** Asks the server; an answer that is no success is an error with the server's message. */
async function ask(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = { ...options.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const error = new Error(body.error ?? `the service answers ${response.status}`);
  throw Object.assign(error, { status: response.status, retryAfter: response.headers.get('retry-after') });
}

/** What the service serves; asks the user for a token if it needs one. */
async function describe() {
  for (;;) {
    try {
      return await (await ask('v1/models')).json();
    } catch (error) {
      if (error.status !== 401) throw error;
      const wasWrong = sessionStorage.getItem(TOKEN) !== null;
      sessionStorage.setItem(TOKEN, await askForToken(wasWrong));
    }
  }
}

/** A form in place of the page, until the user gives a token. */
function askForToken(wasWrong) {
  const input = element('input', { type: 'password', id: 'token', required: true, autocomplete: 'off' });
  const label = element('label', { htmlFor: 'token' }, wasWrong ? 'Not a valid token. Token:' : 'Token:');
  const button = element('button', { type: 'submit', className: 'primary' }, 'Continue');
  const form = element('form', { className: 'line' }, label, input, button);
  const section = element('section', { ariaLabel: 'Token' }, form);
  document.querySelector('main').prepend(section);
  document.getElementById('drop').hidden = true;
  input.focus();
  return new Promise((resolve) => {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      section.remove();
      document.getElementById('drop').hidden = false;
      resolve(input.value.trim());
    });
  });
}

/** Classifies a photo as the page wants it; waits and tries again while the service is busy. */
async function classify(file, model) {
  const query = new URLSearchParams({ explain: true, model });
  const headers = { 'Content-Type': file.type || 'application/octet-stream' };
  for (let tries = 0; ; tries += 1) {
    try {
      const begin = performance.now();
      const response = await ask(`v1/classify?${query}`, { method: 'POST', body: file, headers });
      const { top, map } = await response.json();
      const milliseconds = timing(response) ?? performance.now() - begin;
      return { classes: top.map(guess), map: map && region(map), milliseconds };
    } catch (error) {
      if (error.status !== 503 || tries === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * (error.retryAfter ?? 1)));
    }
  }
}

const guess = ({ class: label, probability }) => ({ label, probability });

function region({ side, logits, seen: [left, top, width, height] }) {
  return { side, values: logits, region: { left, top, width, height } };
}

/** Milliseconds that decoding and the net took, as the server says. */
function timing(response) {
  const parts = (response.headers.get('server-timing') ?? '').matchAll(/(\w+);dur=([\d.]+)/g);
  const times = Object.fromEntries([...parts].map(([, name, time]) => [name, Number(time)]));
  return 'infer' in times ? times.decode + times.infer : null;
}

/** A choice between several models. */
function chooser(models) {
  const select = element('select', { id: 'model' });
  select.append(...models.map(({ name }) => element('option', { value: name }, name)));
  if (models.length > 1) {
    const label = element('label', { htmlFor: 'model' }, 'Model:');
    document.querySelector('header').append(element('p', { className: 'line' }, label, select));
  }
  return select;
}

/** A way to file the photo that is shown under the class that it is of. */
function addCorrection(select, models) {
  const open = element('button', { type: 'button', ariaExpanded: 'false' }, 'This is wrong');
  const input = element('input', { id: 'class', required: true, maxLength: 100, autocomplete: 'off' });
  input.setAttribute('list', 'known');
  const known = element('datalist', { id: 'known' });
  const label = element('label', { htmlFor: 'class' }, 'It is:');
  const send = element('button', { type: 'submit', className: 'primary' }, 'Keep for training');
  const form = element('form', { className: 'line', hidden: true }, label, input, known, send);
  const said = element('p', { className: 'hint', role: 'status' });
  document.querySelector('.answer').append(open, form, said);

  let file = null;
  const toggle = (isOpen) => {
    form.hidden = !isOpen;
    open.ariaExpanded = String(isOpen);
  };
  document.addEventListener('shown', ({ detail }) => {
    if (detail === file) return;
    file = detail;
    said.textContent = '';
    input.value = '';
    toggle(false);
  });
  open.addEventListener('click', () => {
    const { classes } = models.find(({ name }) => name === select.value);
    known.replaceChildren(...classes.map((value) => element('option', { value })));
    toggle(form.hidden);
    if (!form.hidden) input.focus();
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const query = new URLSearchParams({ class: input.value, path: file.name || 'photo' });
    const headers = { 'Content-Type': file.type || 'application/octet-stream' };
    try {
      const response = await ask(`v1/collect?${query}`, { method: 'POST', body: file, headers });
      said.textContent = `Kept as ${(await response.json()).path}`;
      toggle(false);
    } catch (error) {
      said.textContent = `Not kept: ${error.message}`;
    }
  });
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

try {
  const { models, collect } = await describe();
  const select = chooser(models);
  if (collect) addCorrection(select, models);
  const counts = models.map(({ name, classes }) => {
    return `${name} knows ${classes.length} ${classes.length === 1 ? 'class' : 'classes'}`;
  });
  const stored = collect ? 'only kept if you say that an answer is wrong' : 'not stored';
  start({
    about: `${counts.join('; ')}.`,
    privacy: `Photos are sent to ${location.host} and ${stored}.`,
    classify: (file) => classify(file, select.value),
  });
} catch (error) {
  fail(`The service cannot be used: ${error.message}`);
}
