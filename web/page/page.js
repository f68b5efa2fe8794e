/**
 * The page: takes photos, shows what they are. How a photo is classified is up to the caller of
 * `start`, so that the same page works with an engine in the browser and with a server.
 */

/** Photos whose map and bars can be looked at again; the text of others stays. */
const $ = (id) => document.getElementById(id);

const percent = (share) => `${(100 * share).toFixed(1)} %`;

/**
 * Starts the page.
 *
 * `about` is a line on the model, `privacy` one on where photos go. `classify(file)` resolves to
 * `{ classes: [{ label, probability }], map, milliseconds }`, the most likely class first; `map` is
 * null or `{ side, values, region }`, as `seesaw.d.ts` describes it.
 */
export function start({ about, privacy, classify }) {
  $('about').textContent = about;
  $('privacy').textContent = privacy;
  const page = new Page(classify);
  for (const id of ['photos', 'camera', 'folder']) {
    $(id).addEventListener('change', (event) => {
      // A copy: the list empties with the input, which must be able to get the same photo again.
      page.add([...event.target.files]);
      event.target.value = '';
    });
  }
  listenForDrops(page);
  document.addEventListener('paste', (event) => page.add([...event.clipboardData.files]));
  $('show-map').addEventListener('change', () => page.drawMap());
  $('csv').addEventListener('click', () => page.download());
  $('clear').addEventListener('click', () => page.clear());
  document.body.dataset.ready = 'true';
}

/** Shows an error that the whole page has. */
export function fail(message) {
  $('about').textContent = '';
  showAlert(message);
}

function showAlert(message) {
  $('alert').textContent = message;
  $('alert').hidden = message === '';
}

function listenForDrops(page) {
  const over = (is) => $('drop').classList.toggle('over', is);
  addEventListener('dragover', (event) => {
    event.preventDefault();
    over(true);
  });
  addEventListener('dragleave', (event) => over(event.relatedTarget !== null));
  addEventListener('drop', async (event) => {
    event.preventDefault();
    over(false);
    page.add(await dropped(event.dataTransfer));
  });
}

/** The files of a drop, those in folders too. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = [];
  for (const entry of entries) await walk(entry, files);
  return files;
}

async function walk(entry, files) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    files.push(Object.defineProperty(file, 'path', { value: entry.fullPath.slice(1) }));
    return;
  }
  const reader = entry.createReader();
  // Each call gives some of the entries, the last one none.
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return;
    for (const child of entries) await walk(child, files);
  }
}

const nameOf = (file) => file.path || file.webkitRelativePath || file.name || 'photo';

class Page {
  #classify;
  /** Photos: `{ file, result, error, button }`. */
  #photos = [];
  #current = null;
  #address = null;
  #isRunning = false;

  constructor(classify) {
    this.#classify = classify;
  }

  /** Takes files; those that are no pictures are left out, and their number is shown. */
  add(files) {
    const pictures = files.filter((file) => file.type.startsWith('image/'));
    const others = files.length - pictures.length;
    const [noun, verb] = others === 1 ? ['file', 'is'] : ['files', 'are'];
    showAlert(others > 0 ? `${others} ${noun} left out: not a picture, or of an unknown kind` : '');
    if (pictures.length === 0) return;
    const first = this.#photos.length;
    for (const file of pictures) this.#photos.push({ file, result: null, error: null });
    this.#current = this.#photos[first];
    this.#listRows(first);
    this.#run();
  }

  async #run() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (;;) {
      const photo = this.#photos.find(({ result, error }) => result === null && error === null);
      if (photo === undefined) break;
      try {
        photo.result = await this.#classify(photo.file);
      } catch (error) {
        photo.error = error.message;
      }
      this.#fillRow(photo);
      this.#showProgress();
      if (photo === this.#current) this.#show(photo);
    }
    this.#isRunning = false;
  }

  /** Shows one photo's picture and classes. */
  #show(photo) {
    this.#current = photo;
    for (const { button } of this.#photos) button.removeAttribute('aria-current');
    photo.button.setAttribute('aria-current', 'true');
    const name = nameOf(photo.file);
    $('result').hidden = photo.result === null;
    if (photo.result === null) {
      if (photo.error !== null) showAlert(`${name}: ${photo.error}`);
      return;
    }
    if (this.#address !== null) URL.revokeObjectURL(this.#address);
    this.#address = URL.createObjectURL(photo.file);
    $('photo').src = this.#address;
    $('photo').alt = name;
    const { classes, milliseconds } = photo.result;
    $('result-name').textContent = name;
    $('verdict').textContent = classes[0].label;
    $('classes').replaceChildren(...classes.map(classRow));
    $('timing').textContent = `${milliseconds.toFixed(1)} ms`;
    $('status').textContent = `${name}: ${classes[0].label}, ${percent(classes[0].probability)}`;
    this.drawMap();
    // For what is added to the page, such as a way to say that it is wrong.
    document.dispatchEvent(new CustomEvent('shown', { detail: photo.file }));
  }

  /** Draws the map of the current photo over it, or takes it away. */
  drawMap() {
    const map = this.#current?.result?.map ?? null;
    $('show-map').closest('label').hidden = map === null;
    const isShown = map !== null && $('show-map').checked;
    $('heat').hidden = !isShown;
    $('photo').parentElement.classList.toggle('seen', isShown);
    if (!isShown) return;
    const { left, top, width, height } = map.region;
    const place = { left, top, width, height };
    for (const [side, share] of Object.entries(place)) $('heat').style[side] = `${100 * share}%`;
    const label = this.#current.result.classes[0].label;
    $('heat').setAttribute('aria-label', `Where ${label} is seen: ${brightest(map)}`);
    paint($('heat'), map);
  }

  /* The list of all photos. */

  #listRows(first) {
    const rows = this.#photos.slice(first).map((photo) => {
      photo.button = element('button', { type: 'button' });
      photo.button.append(element('span', { className: 'name' }, nameOf(photo.file)));
      photo.button.addEventListener('click', () => this.#show(photo));
      return element('li', {}, photo.button);
    });
    $('rows').append(...rows);
    this.#showProgress();
  }

  #fillRow({ button, result, error }) {
    if (error !== null) {
      button.append(element('span', { className: 'failed' }, 'cannot be read'));
      return;
    }
    const { label, probability } = result.classes[0];
    button.append(element('span', {}, label));
    button.append(element('span', { className: 'share' }, percent(probability)));
  }

  #showProgress() {
    const count = this.#photos.length;
    const done = this.#photos.filter(({ result, error }) => result !== null || error !== null).length;
    $('list').hidden = count < 2;
    $('list-title').textContent = done < count ? `${done} of ${count} photos` : `${count} photos`;
    Object.assign($('progress'), { value: done, max: count, hidden: done === count });
    $('csv').disabled = done < count;
    if (done === count && count > 1) $('status').textContent = `All ${count} photos are classified`;
  }

  clear() {
    this.#photos = [];
    this.#current = null;
    $('rows').replaceChildren();
    showAlert('');
    for (const id of ['result', 'list']) $(id).hidden = true;
    $('photos').focus();
  }

  download() {
    const lines = [['file', 'class', 'probability', 'milliseconds', 'error']];
    for (const { file, result, error } of this.#photos) {
      const best = result?.classes[0];
      const numbers = [best?.probability.toFixed(6), result?.milliseconds.toFixed(2)];
      lines.push([nameOf(file), best?.label, ...numbers, error].map((value) => value ?? ''));
    }
    const csv = lines.map((line) => `${line.map(quoted).join(',')}\r\n`).join('');
    const address = URL.createObjectURL(new Blob([csv], { type: 'text/csv' }));
    element('a', { href: address, download: 'photos.csv' }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }
}

function classRow({ label, probability }) {
  const row = element('li', {}, element('span', { className: 'label' }, label));
  row.append(element('span', { className: 'share' }, percent(probability)));
  const fill = element('span', { className: 'fill' });
  fill.style.width = `${100 * probability}%`;
  row.append(element('span', { className: 'track' }), fill);
  return row;
}

/** The brightest place of a map, in words. */
function brightest({ side, values }) {
  const index = values.indexOf(values.reduce((a, b) => Math.max(a, b)));
  const third = (place) => Math.min(2, Math.floor((3 * (place + 0.5)) / side));
  const row = ['top', 'middle', 'bottom'][third(Math.floor(index / side))];
  const column = ['left', 'center', 'right'][third(index % side)];
  return row === 'middle' && column === 'center' ? 'most in the middle' : `most at the ${row} ${column}`;
}

/** Paints a map from blue for its lowest to yellow for its highest value; the browser smooths it. */
function paint(canvas, { side, values }) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [cold, hot] = [[0, 60, 140], [255, 190, 0]];
  const cells = new ImageData(side, side);
  values.forEach((value, cell) => {
    const heat = high > low ? (value - low) / (high - low) : 0;
    const color = cold.map((from, channel) => from + heat * (hot[channel] - from));
    cells.data.set([...color, 255], 4 * cell);
  });
  Object.assign(canvas, { width: side, height: side });
  canvas.getContext('2d').putImageData(cells, 0, 0);
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** A value as CSV has it. */
const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
