// @ts-check
/** The keyboard, on every page: shortcuts, what they are (?), and a palette of everything (Ctrl K). */

import { _ } from './page.js';

const ROOMS = { c: 'conversations', a: 'approvals', p: 'contacts', k: 'knowledge', n: 'analytics', s: 'settings' };
const WAITS = 1200; // ms for the second key after g

/** @param {EventTarget|null} target */
const types = (target) =>
  target instanceof HTMLElement && !target.classList.contains('pick') && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** @param {string} selector */
const press = (selector) => {
  const found = document.querySelector(selector);
  if (!(found instanceof HTMLElement)) return false;
  if (types(found)) found.focus();
  else found.click();
  return true;
};

/** What one key does. @type {Record<string, () => boolean>} */
const ACTS = {
  r: () => press('#reply'),
  t: () => press('[data-act="take"]'),
  b: () => press('[data-act="release"]'),
  B: () => press('[data-noted]'),
  e: () => press('[data-act="resolve"]'),
  d: () => press('#details'),
  j: () => step(1),
  k: () => step(-1),
  x: () => pick(false),
  X: () => pick(true),
  '/': () => press('input[type="search"]'),
  '?': () => explain(),
};

/** @returns {[string[], string][]} */
const told = () => [
  [['j', 'k'], _('the next conversation, the one before')],
  [['x'], _('select the conversation in the list')],
  [['Shift', 'X'], _('select all from the last selected one')],
  [['r'], _('write a reply')],
  [['/'], _('search; in the reply box, canned answers')],
  [['Ctrl', 'Enter'], _('send')],
  [['Ctrl', 'J'], _('suggest an answer; once more takes it into the reply')],
  [['Esc'], _('dismiss the suggestion')],
  [['t'], _('take over')],
  [['b'], _('hand back to the bot')],
  [['Shift', 'B'], _('hand back with a note to the bot')],
  [['e'], _('resolve')],
  [['d'], _('details beside the thread')],
  [['g', 'c'], _('conversations')],
  [['g', 'a'], _('approvals')],
  [['g', 'p'], _('contacts')],
  [['g', 'k'], _('knowledge')],
  [['g', 'n'], _('analytics')],
  [['g', 's'], _('settings')],
  [['Ctrl', 'K'], _('everything, by its name')],
  [['?'], _('this list')],
];

/** To the next conversation of the list. @param {number} by */
function step(by) {
  const entries = [...document.querySelectorAll('.entry')];
  if (!entries.length) return false;
  const focused = entries.findIndex((each) => each.parentElement?.contains(document.activeElement));
  const open = entries.findIndex((each) => each.hasAttribute('aria-current'));
  const from = focused >= 0 ? focused : open;
  const next = entries[Math.max(0, Math.min(entries.length - 1, from + by))];
  if (next instanceof HTMLElement) next.focus();
  return true;
}

/** Select the conversation that has the focus, or that is open. @param {boolean} range */
function pick(range) {
  const item = document.activeElement?.closest('#list li') ?? document.querySelector('.entry[aria-current]')?.closest('li');
  const box = item?.querySelector('.pick');
  return !!box && !box.dispatchEvent(new CustomEvent('pick', { bubbles: true, cancelable: true, detail: { range } }));
}

/** @param {string} name @param {Node[]} content */
function dialog(name, ...content) {
  document.getElementById('keys')?.remove();
  const box = document.createElement('dialog');
  box.id = 'keys';
  box.className = 'middle';
  box.setAttribute('aria-label', name);
  box.append(...content);
  box.addEventListener('click', (event) => event.target === box && box.close());
  box.addEventListener('close', () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}

function explain() {
  const title = document.createElement('h2');
  title.textContent = _('Keyboard');
  title.tabIndex = -1;
  title.autofocus = true; // else the button at the end would have the focus, and the list begin out of sight
  const list = document.createElement('dl');
  list.className = 'keys-list';
  for (const [keys, what] of told()) {
    const line = document.createElement('div');
    const name = document.createElement('dt');
    for (const key of keys) {
      const each = document.createElement('kbd');
      each.textContent = key;
      name.append(each, ' ');
    }
    const meaning = document.createElement('dd');
    meaning.textContent = what;
    line.append(name, meaning);
    list.append(line);
  }
  const close = document.createElement('button');
  close.textContent = _('Close');
  const box = dialog(_('Keyboard'), title, list, close);
  close.addEventListener('click', () => box.close());
  return true;
}

// The palette ------------------------------------------------------------------------------------------

/** @typedef {{name: string, hint?: string, act: () => void}} Command */

/** What there is to do here. @returns {Command[]} */
function commands() {
  const links = [...document.querySelectorAll('#rooms a, .sections a, .tabs a')].map((each) => ({
    name: each.textContent?.trim() ?? '',
    hint: _('go there'),
    act: () => each instanceof HTMLElement && each.click(),
  }));
  const acts = [...document.querySelectorAll('.head .acts button, #details, [data-suggest], [data-summarise]')].map((each) => ({
    name: each.getAttribute('aria-label') ?? each.textContent?.trim() ?? '',
    hint: _('do it'),
    act: () => each instanceof HTMLElement && each.click(),
  }));
  return [...acts, ...links];
}

/** @param {string} words @returns {Promise<Command[]>} */
async function conversations(words) {
  const answer = await fetch(`/api/conversations?limit=8&q=${encodeURIComponent(words)}`);
  if (!answer.ok) return [];
  const { conversations: found } = await answer.json();
  return found.map((/** @type {any} */ each) => ({
    name: each.contact.name,
    hint: each.subject || each.preview,
    act: () => location.assign(`/dashboard/conversations/${each.id}?tab=all`),
  }));
}

function palette() {
  const field = document.createElement('input');
  field.type = 'search';
  field.setAttribute('aria-label', _('What to do, or whom to find'));
  field.placeholder = _('What to do, or whom to find');
  field.setAttribute('role', 'combobox');
  field.setAttribute('aria-expanded', 'true');
  field.setAttribute('aria-controls', 'commands');
  const list = document.createElement('ul');
  list.id = 'commands';
  list.className = 'canned commands';
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', _('Found'));
  const all = commands();
  /** @type {Command[]} */
  let found = [];
  let chosen = 0;
  let asked = 0;
  const box = dialog(_('Everything, by its name'), field, list);

  function show() {
    list.replaceChildren(...found.map((each, place) => {
      const item = document.createElement('li');
      item.id = `command-${place}`;
      item.setAttribute('role', 'option');
      item.setAttribute('aria-selected', String(place === chosen));
      const name = document.createElement('b');
      name.textContent = each.name;
      const hint = document.createElement('span');
      hint.textContent = each.hint ?? '';
      item.append(name, hint);
      item.addEventListener('click', () => take(place));
      return item;
    }));
    field.setAttribute('aria-activedescendant', found.length ? `command-${chosen}` : '');
    list.children[chosen]?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {number} place */
  function take(place) {
    box.close();
    found[place]?.act();
  }

  async function look() {
    const words = field.value.trim();
    const mine = ++asked;
    chosen = 0;
    delete list.dataset.none;
    found = all.filter(({ name }) => name.toLowerCase().includes(words.toLowerCase()));
    show();
    const more = words.length < 2 ? [] : await conversations(words).catch(() => []);
    if (mine !== asked) return; // they typed on
    list.dataset.none = _('Nothing was found.');
    if (!more.length) return;
    found = [...found, ...more];
    show();
  }

  field.addEventListener('input', () => void look());
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') take(chosen);
    else if (event.key === 'ArrowDown') chosen = Math.min(found.length - 1, chosen + 1);
    else if (event.key === 'ArrowUp') chosen = Math.max(0, chosen - 1);
    else return;
    event.preventDefault();
    if (box.open) show();
  });
  void look();
  return true;
}

// ------------------------------------------------------------------------------------------------------

let going = 0;

document.addEventListener('keydown', (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    palette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || types(event.target) || document.querySelector('dialog[open]')) return;
  if (Date.now() - going < WAITS) {
    going = 0;
    const room = ROOMS[/** @type {keyof ROOMS} */ (event.key)];
    if (room && press(`#rooms a[href$="/${room}"]`)) event.preventDefault();
    return;
  }
  if (event.key === 'g') going = Date.now();
  else if (Object.hasOwn(ACTS, event.key) && ACTS[event.key]?.()) event.preventDefault();
});
