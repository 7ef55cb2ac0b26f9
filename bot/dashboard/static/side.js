// @ts-check
/** Beside the thread: what operators arrange, and who else is here. */

import { Refused, _, post } from './page.js';

const HOUR = 3600_000;
const SAID_AGAIN = 20_000;
const FORGOTTEN = 45_000;

/** When a snooze ends, in the reader's own zone. @param {string} choice @returns {Date} */
export function ends(choice) {
  const now = new Date();
  if (choice === 'hour') return new Date(now.getTime() + HOUR);
  if (choice === 'hours') return new Date(now.getTime() + 3 * HOUR);
  const days = choice === 'tomorrow' ? 1 : (8 - now.getDay()) % 7 || 7;
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, 9);
}

/**
 * Let what stands in the side panel be changed.
 * @param {string} id the conversation's
 * @param {{complain: (error: unknown) => void, refresh: () => Promise<void>}} page
 */
export function arrange(id, { complain, refresh }) {
  const side = /** @type {HTMLElement} */ (document.getElementById('side'));

  /** @param {string} act @param {unknown} body */
  async function change(act, body) {
    try {
      await post(`/api/conversations/${id}/${act}`, body);
    } catch (error) {
      complain(error);
    }
    await refresh();
  }

  side.addEventListener('change', (event) => {
    const field = event.target;
    if (!(field instanceof HTMLSelectElement)) return;
    if (field.dataset.set) void change(field.dataset.set, { [field.dataset.field ?? '']: field.value || null });
    else if (field.value) void change('snooze', { until: ends(field.value).toISOString() });
  });
  side.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    if (button?.dataset.unlabel) void change('labels', { remove: [button.dataset.unlabel] });
  });
  side.addEventListener('keydown', (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement) || event.key !== 'Enter' || !field.value.trim()) return;
    event.preventDefault();
    const label = field.value.trim();
    field.value = '';
    void change('labels', { add: [label] });
  });
}

/** On narrower screens the panel comes when it is asked for. */
export function unfold() {
  const main = /** @type {HTMLElement} */ (document.getElementById('main'));
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('#details') : null;
    if (!button) return;
    const open = main.toggleAttribute('data-details');
    button.setAttribute('aria-expanded', String(open));
    if (open) document.querySelector('#side select')?.focus();
  });
}

/**
 * Tell the others that we are here, and show who else is. Returns what hears of them.
 * @param {string} id the conversation's @param {string} me
 */
export function presence(id, me) {
  /** @type {Map<string, {name: string, doing: string, at: number}>} */
  const others = new Map();
  let said = '';
  let written = 0;

  /** @param {string} doing */
  async function say(doing) {
    said = doing;
    try {
      await post(`/api/conversations/${id}/presence`, { doing });
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // said again in a moment
    }
  }

  function show() {
    const line = /** @type {HTMLElement} */ (document.getElementById('others'));
    for (const [key, { at }] of others) if (Date.now() - at > FORGOTTEN) others.delete(key);
    const here = [...others.values()];
    line.textContent = here
      .map(({ name, doing }) => (doing === 'writing' ? _('%s is writing', name) : _('%s is looking', name)))
      .join(', ');
    line.hidden = !here.length;
    line.toggleAttribute('data-writing', here.some(({ doing }) => doing === 'writing'));
  }

  const now = () => (Date.now() - written < 6000 ? 'writing' : 'looking');
  setInterval(() => {
    if (!document.hidden) void say(now());
    show();
  }, SAID_AGAIN);
  document.addEventListener('visibilitychange', () => void say(document.hidden ? 'gone' : now()));
  addEventListener('pagehide', () => void say('gone'));
  document.getElementById('reply')?.addEventListener('input', () => {
    written = Date.now();
    if (said !== 'writing') void say('writing');
  });
  void say(now());

  /** @param {{operator: {id: string, name: string}, doing: string}} told */
  return function hear({ operator, doing }) {
    if (operator.id === me) return;
    const known = others.has(operator.id);
    if (doing === 'gone') others.delete(operator.id);
    else others.set(operator.id, { name: operator.name, doing, at: Date.now() });
    show();
    if (!known && doing !== 'gone') void say(now()); // who comes wants to know who is there
  };
}
