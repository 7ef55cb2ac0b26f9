// @ts-check
/** What both pages do: speak to the API, stay live, show fresh parts of the page, tell the time. */

import catalogue from './catalogue.js';
import { timeZone } from './zone.js';

/**
 * Text in the reader's language; each %s is one of the values, in order.
 * @param {string} text @param {...unknown} values @returns {string}
 */
export const _ = (text, ...values) =>
  (/** @type {Record<string, string>} */ (catalogue)[text] ?? text).replace(/%s/g, () => String(values.shift()));

const csrf = document.querySelector('meta[name=csrf-token]')?.getAttribute('content') ?? '';
const connection = /** @type {HTMLElement} */ (document.getElementById('connection'));

export class Refused extends Error {
  /** @param {number} status @param {string} message @param {string} [field] what of the request was wrong */
  constructor(status, message, field) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

/**
 * Call the API. Raises Refused with words for people.
 * @param {string} path @param {unknown} [body] @param {RequestInit} [how] @returns {Promise<any>}
 */
export const post = (path, body = {}, how = {}) => call('POST', path, body, how);

/** Take something away through the API. Raises Refused. @param {string} path @returns {Promise<any>} */
export const remove = (path) => call('DELETE', path, {});

/** @param {string} method @param {string} path @param {unknown} body @param {RequestInit} [how] @returns {Promise<any>} */
async function call(method, path, body, how = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf },
      body: JSON.stringify(body),
      ...how,
    });
  } catch {
    throw new Refused(0, _('No connection. What you wrote is still here; try again in a moment.'));
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.status === 401) throw new Refused(401, _('You are signed out. Sign in in another tab, then try again.'));
  if (!response.ok) {
    const { message = _('This did not work. Try again.'), field } = answer?.error ?? {};
    throw new Refused(response.status, message, field);
  }
  return answer;
}

// Where one is -----------------------------------------------------------------------------------------

// Navigation that is wider than a phone is moved to what is open.
for (const here of document.querySelectorAll('nav > [aria-current]')) {
  const nav = here.parentElement;
  if (!nav || nav.scrollWidth <= nav.clientWidth) continue;
  const [outer, inner] = [nav.getBoundingClientRect(), here.getBoundingClientRect()];
  nav.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
}

// Fresh parts ------------------------------------------------------------------------------------------

/** The server's own words for each part shown, to see what has changed. @type {Map<string, string>} */
const shown = new Map();

/** @param {Document|DocumentFragment} page @param {string} id @returns {string} */
const source = (page, id) => page.getElementById(id)?.innerHTML ?? '';

/** Remember what the server sent before anything here is changed. @param {string[]} ids */
export function remember(ids) {
  for (const id of ids) shown.set(id, source(document, id));
}

/** Choosing in the search form looks at once. */
document.getElementById('find')?.addEventListener('change', (event) => {
  const form = event.currentTarget;
  if (event.target instanceof HTMLSelectElement && form instanceof HTMLFormElement) form.requestSubmit();
});

/** Put what has changed in place, keeping the focus. @param {Document} page @param {string[]} ids */
export function replaceParts(page, ids) {
  for (const id of ids) {
    const part = document.getElementById(id);
    const fresh = source(page, id);
    if (!part || shown.get(id) === fresh) continue;
    shown.set(id, fresh);
    const active = document.activeElement;
    if (active instanceof HTMLInputElement && part.contains(active) && active.value !== active.defaultValue) {
      shown.delete(id); // somebody types in it: later
      continue;
    }
    const key = active instanceof HTMLElement && part.contains(active) ? (active.id || active.dataset.act || '') : '';
    const scrolled = part.scrollTop;
    part.innerHTML = fresh;
    part.scrollTop = scrolled;
    if (key) {
      const again = [...part.querySelectorAll('a, button, select, h1, .pick')].find((each) =>
        each instanceof HTMLElement && (each.id === key || each.dataset.act === key));
      /** @type {HTMLElement} */ (again ?? part.querySelector('button, a') ?? part).focus();
    }
    tellTimes(part);
  }
  document.title = page.title;
}

/** This page as the server would draw it now. @param {string} [address] */
export async function fetchPage(address = location.href) {
  const response = await fetch(address, { headers: { Accept: 'text/html' }, cache: 'no-store' });
  if (response.redirected && new URL(response.url).pathname === '/dashboard/sign-in') {
    location.assign(response.url);
    throw new Refused(401, 'signed out');
  }
  if (!response.ok) throw new Refused(response.status, _('The page could not be refreshed.'));
  return new DOMParser().parseFromString(await response.text(), 'text/html');
}

/** Whether the same may work in a moment: nobody answered, or the server failed. @param {unknown} error */
export const passes = (error) => !(error instanceof Refused) || error.status === 0 || error.status >= 500;

/**
 * A function that does `work` soon, never twice at once, and once more if it was asked to meanwhile. What failed
 * is done again until it works, which nobody waits for: the stream may have lived through what the work did not.
 * @param {() => Promise<void>} work
 */
export function gathered(work) {
  // After each it rests as long as that took: a desk that is slow is not asked more than it can answer.
  let running = false;
  let again = false;
  let failures = 0;
  let waits = 0;
  return async function ask() {
    again = true;
    if (running) return;
    running = true;
    clearTimeout(waits);
    while (again) {
      again = false;
      const began = performance.now();
      try {
        await work();
        failures = 0;
      } catch (error) {
        console.debug('refresh failed', error);
        failures = Math.min(failures + 1, 5);
        if (passes(error)) waits = setTimeout(ask, 250 * 2 ** failures);
      }
      const rest = Math.min(Math.max(performance.now() - began, 40), 1000);
      await new Promise((resolve) => setTimeout(resolve, rest));
    }
    running = false;
  };
}

// Live -------------------------------------------------------------------------------------------------

/**
 * Follow the server's events while the page is visible, or its reader wishes to be told. `look` is called whenever something may have been
 * missed: at the beginning and after every gap.
 * @param {string} query @param {{look: () => void} & Record<string, (data: any) => void>} hears
 */
export function follow(query, { look, ...hears }) {
  /** @type {EventSource|null} */
  let source = null;
  let retry = 0;

  // Who wishes to be told is told of what happens while the page is out of sight, too.
  const idle = () => document.hidden && !localStorage.getItem('switchboard:notify') && !localStorage.getItem('switchboard:sound');

  function open() {
    source = new EventSource(`/api/events${query}`);
    source.onopen = () => {
      retry = 0;
      connection.hidden = true;
      look();
    };
    source.onerror = lose;
    source.addEventListener('look', look);
    for (const [name, hear] of Object.entries(hears)) {
      source.addEventListener(name, (event) => hear(JSON.parse(/** @type {MessageEvent} */ (event).data)));
    }
  }

  async function again() {
    if (source || idle()) return;
    const answer = await fetch('/api/me').catch(() => null);
    if (answer?.status === 401) location.reload(); // they may see this page no more; what they wrote is kept
    else if (!source && !idle()) open();
  }

  function close() {
    source?.close();
    source = null;
  }

  function lose() {
    close();
    connection.textContent = _('Reconnecting…');
    connection.hidden = false;
    retry = Math.min(retry + 1, 6);
    setTimeout(again, 250 * 2 ** retry * (0.5 + Math.random()));
  }

  // A lost network may leave the stream standing, and nothing comes by it any more.
  addEventListener('offline', () => source && lose());
  addEventListener('online', () => {
    retry = 0;
    if (!idle() && source?.readyState !== EventSource.OPEN) {
      close();
      open();
    }
  });

  document.addEventListener('visibilitychange', () => {
    if (idle()) close();
    else if (!source) open();
  });
  addEventListener('pagehide', close);
  addEventListener('pageshow', (event) => event.persisted && !source && open());
  if (!idle()) open();
}

/** Keep the numbers in the navigation true on a page that shows nothing else live. */
export function keepCounts() {
  const parts = ['rooms'];
  remember(parts);
  const refresh = gathered(async () => replaceParts(await fetchPage(), parts));
  let fresh = true; // as the page came
  follow('', {
    look: () => {
      if (!fresh) void refresh();
      fresh = false;
    },
    approval: refresh,
  });
}

// Time -------------------------------------------------------------------------------------------------

const language = document.documentElement.lang;
const region = navigator.languages.find((each) => each.startsWith(language)) ?? language;
const clock = new Intl.DateTimeFormat(region, { hour: 'numeric', minute: '2-digit', timeZone });
const day = new Intl.DateTimeFormat(region, { day: 'numeric', month: 'short', timeZone });
const whole = new Intl.DateTimeFormat(region, { dateStyle: 'full', timeStyle: 'long', timeZone });

// The server says times as this browser will: nothing moves when scripts say them again.
const browsers = new Intl.DateTimeFormat().resolvedOptions().timeZone;
document.cookie = `switchboard_browser_zone=${browsers}; path=/dashboard; max-age=31536000; samesite=lax`;

const dated = new Intl.DateTimeFormat('en', { dateStyle: 'short', timeZone });

/** @param {number} seconds */
function lasting(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return _('less than a minute');
  if (minutes < 60) return _('%s min', minutes);
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? _('%s h %s min', hours, minutes % 60) : _('%s days', Math.floor(hours / 24));
}

/** @param {Date} date */
const today = (date) => dated.format(date) === dated.format(new Date());

/** @param {Date} date */
const hour = (date) => clock.format(date).replace('\u202f', ' '); // some browsers have it one way, some the other

const SOON = 300; // seconds, as words.py has it

/** By when somebody is to be answered. @param {HTMLTimeElement} time @param {number} left seconds */
function tellDue(time, left) {
  time.dataset.state = left <= 0 ? 'overdue' : left <= SOON ? 'soon' : 'due';
  time.textContent = left <= 0 ? _('overdue by %s', lasting(-left)) : _('due in %s', lasting(left));
}

/** Say the times in the reader's own zone. @param {ParentNode} [within] */
export function tellTimes(within = document) {
  for (const time of within.querySelectorAll('time')) {
    const date = new Date(time.dateTime);
    const how = time.dataset.show;
    time.title = whole.format(date);
    if (how === 'since') time.textContent = lasting((Date.now() - date.getTime()) / 1000);
    else if (how === 'left') time.textContent = lasting(Math.max(0, date.getTime() - Date.now()) / 1000);
    else if (how === 'due') tellDue(time, (date.getTime() - Date.now()) / 1000);
    else if (how === 'short') time.textContent = today(date) ? hour(date) : day.format(date);
    else time.textContent = today(date) ? hour(date) : `${day.format(date)}, ${hour(date)}`;
  }
}

setInterval(() => tellTimes(), 20_000);
