// @ts-check
/** Beside the thread: what operators arrange, and that we are here. */

import { Refused, post } from './page.js';
import { shown, timeZone, when } from './zone.js';

const HOUR = 3600_000;
const SAID_AGAIN = 20_000;
const WRITES_AGAIN = 4000; // ms after which whoever goes on writing says so again
const PAUSE = 5000; // ms without a key after which somebody does not write any more

/**
 * When a snooze ends: mornings are those of the reader's own zone.
 * @param {string} choice @param {number} [now] ms @param {string} [zone] @returns {Date}
 */
export function ends(choice, now = Date.now(), zone = timeZone) {
  if (choice === 'hour') return new Date(now + HOUR);
  if (choice === 'hours') return new Date(now + 3 * HOUR);
  const today = new Date(shown(now, zone));
  const days = choice === 'tomorrow' ? 1 : (8 - today.getUTCDay()) % 7 || 7;
  return new Date(when(Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate() + days, 9), zone));
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

/** Whoever was lost without a word is not shown for long. @param {() => Promise<void>} refresh */
export function renew(refresh) {
  setInterval(() => {
    if (!document.hidden && document.querySelector('#list .here, #others:not([hidden]), #head .seen[data-state=online]')) void refresh();
  }, SAID_AGAIN);
}

/**
 * Tell the others that we are here, and whether we write. Returns what to do when our words were sent, and when
 * what the server knew of us may be lost.
 * @param {string} id the conversation's @param {boolean} mayWrite
 */
export function presence(id, mayWrite) {
  let said = '';
  let saidAt = 0;
  let writes = false;
  let pause = 0;

  /** @param {string} doing */
  async function say(doing) {
    said = doing;
    saidAt = Date.now();
    try {
      await post(`/api/conversations/${id}/presence`, { doing }, { keepalive: true }); // heard when we leave, too
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // said again in a moment
    }
  }

  const now = () => (writes ? 'writing' : 'looking');

  /** No key for a while, or what was written is sent. */
  function rest() {
    clearTimeout(pause);
    writes = false;
    if (said === 'writing') void say(now());
  }

  setInterval(() => !document.hidden && void say(now()), SAID_AGAIN);
  document.addEventListener('visibilitychange', () => void say(document.hidden ? 'gone' : now()));
  addEventListener('pagehide', () => void say('gone'));
  addEventListener('pageshow', (event) => event.persisted && void say(now()));
  const reply = document.getElementById('reply');
  if (mayWrite && reply instanceof HTMLTextAreaElement) {
    reply.addEventListener('input', () => {
      clearTimeout(pause);
      if (!reply.value.trim()) return rest();
      writes = true;
      pause = setTimeout(rest, PAUSE);
      if (said !== 'writing' || Date.now() - saidAt > WRITES_AGAIN) void say('writing');
    });
    reply.addEventListener('blur', rest);
  }
  void say(now());
  return { rest, again: () => void (document.hidden || say(now())) };
}
