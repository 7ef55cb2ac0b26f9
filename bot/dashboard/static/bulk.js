// @ts-check
/** Several conversations of the list at once: they are selected, and one act is done to all of them. */

import { Refused, _, post } from './page.js';
import { ends } from './side.js';

const MOST = 100; // in one call

/** @typedef {{id: string, name: string, priority: string, labels: string[]}} Picked as it was when it was selected */
/** @typedef {{label: string, calls: object[]}} Back what takes an act back */

const PRIORITIES = new Map([['-1', 'low'], ['0', 'normal'], ['1', 'high'], ['2', 'urgent']]);

/** Let conversations of the list be selected. @param {() => Promise<void>} refresh */
export function bulk(refresh) {
  const list = document.getElementById('list');
  const bar = document.getElementById('bulk');
  const told = document.getElementById('bulk-told');
  if (!list || !bar || !told) return; // somebody who may only look
  const count = /** @type {HTMLElement} */ (document.getElementById('picked'));
  const [line, back] = /** @type {[HTMLElement, HTMLButtonElement]} */ (/** @type {unknown} */ ([...told.children]));
  /** @type {Set<string>} */
  const picked = new Set();
  let last = '';

  /** @returns {HTMLInputElement[]} */
  const boxes = () => [...list.querySelectorAll('.pick')].filter((each) => each instanceof HTMLInputElement);

  /** Draw what is selected; what the list shows no more is selected no more. */
  function show() {
    const here = boxes();
    const ids = new Set(here.map((box) => box.value));
    for (const id of picked) if (!ids.has(id)) picked.delete(id);
    for (const box of here) box.checked = picked.has(box.value);
    list?.toggleAttribute('data-picking', picked.size > 0);
    if (bar) bar.hidden = !picked.size;
    count.textContent = picked.size ? _('%s selected', picked.size) : '';
  }

  /** @param {HTMLInputElement} box @param {boolean} on @param {boolean} range from the one before */
  function pick(box, on, range) {
    const here = boxes();
    const from = range ? here.findIndex((each) => each.value === last) : -1;
    const to = here.indexOf(box);
    const span = from < 0 ? [box] : here.slice(Math.min(from, to), Math.max(from, to) + 1);
    for (const each of span) {
      if (!on) picked.delete(each.value);
      else if (picked.size < MOST) picked.add(each.value);
    }
    last = box.value;
    show();
  }

  list.addEventListener('click', (event) => {
    const box = event.target;
    if (box instanceof HTMLInputElement && box.classList.contains('pick')) pick(box, box.checked, event.shiftKey);
  });
  list.addEventListener('pick', (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || !(event instanceof CustomEvent)) return;
    event.preventDefault();
    const { range } = event.detail;
    pick(box, range || !picked.has(box.value), range);
  });
  new MutationObserver(show).observe(list, { childList: true });

  /** @param {string} id @returns {Picked} */
  function before(id) {
    const box = boxes().find((each) => each.value === id);
    const { name = '', priority = '0', labels = '' } = box?.dataset ?? {};
    return { id, name, priority, labels: labels ? labels.split(',') : [] };
  }

  /** What takes an act back, where that is as simple as the act. @param {any} act @param {Picked[]} done @returns {Back|null} */
  function undone(act, done) {
    const ids = done.map(({ id }) => id);
    if (act.act === 'resolve') return { label: _('Reopen them, as mine'), calls: [{ ids, act: 'reopen' }] };
    if (act.act === 'labels') {
      const [label] = act.add;
      const fresh = done.filter(({ labels }) => !labels.includes(label)).map(({ id }) => id);
      return fresh.length ? { label: _('Undo'), calls: [{ ids: fresh, act: 'labels', remove: [label] }] } : null;
    }
    if (act.act !== 'priority') return null;
    const calls = [...PRIORITIES].map(([rank, priority]) => ({
      ids: done.filter((each) => each.priority === rank).map(({ id }) => id), act: 'priority', priority,
    }));
    return { label: _('Undo'), calls: calls.filter((each) => each.ids.length) };
  }

  /** @param {string} text @param {boolean} bad @param {Back|null} [way] */
  function tell(text, bad, way = null) {
    line.textContent = text;
    told?.toggleAttribute('data-bad', bad);
    if (told) told.hidden = false;
    back.hidden = !way;
    back.textContent = way?.label ?? '';
    back.onclick = way && (() => void all(way.calls, null));
  }

  /** @param {any[]} calls @param {Picked[]|null} were as they were, where the act may be taken back */
  async function all(calls, were) {
    const controls = /** @type {NodeListOf<HTMLButtonElement>} */ (bar?.querySelectorAll('button, select, input'));
    controls.forEach((each) => (each.disabled = true));
    try {
      /** @type {{id: string, conversation: any, error: {message: string}|null}[]} */
      const results = [];
      for (const call of calls) results.push(...(await post('/api/conversations/bulk', call)).results);
      const failed = results.filter(({ error }) => error);
      const done = results.length - failed.length;
      const names = new Map((were ?? []).map(({ id, name }) => [id, name]));
      const why = failed.slice(0, 3).map(({ id, error }) => `${names.get(id) ?? id}: ${error?.message}`).join('; ');
      for (const { id, error } of results) if (!error) picked.delete(id);
      const way = were && undone(calls[0], were.filter(({ id }) => results.some((each) => each.id === id && !each.error)));
      tell(failed.length ? _('%s done, %s not: %s', done, failed.length, why) : _('%s done', done), failed.length > 0, way);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      tell(error.message, true);
    } finally {
      controls.forEach((each) => (each.disabled = false));
    }
    show();
    await refresh();
  }

  /** @param {object} act */
  const perform = (act) => {
    const ids = [...picked];
    return all([{ ids, ...act }], ids.map(before));
  };

  bar.addEventListener('submit', (event) => event.preventDefault());
  bar.addEventListener('change', (event) => {
    const field = event.target;
    if (!(field instanceof HTMLSelectElement) || !field.value) return;
    const { value } = field;
    field.value = '';
    const act = field.dataset.bulk;
    if (act === 'assign') void perform({ act, assignee: value === 'nobody' ? null : value });
    else if (act === 'snooze') void perform({ act, until: ends(value).toISOString() });
    else void perform({ act, priority: value });
  });
  bar.addEventListener('keydown', (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement) || event.key !== 'Enter') return;
    event.preventDefault();
    const label = field.value.trim();
    field.value = '';
    if (label) void perform({ act: 'labels', add: [label] });
  });
  bar.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    if (button?.dataset.bulk) void perform({ act: button.dataset.bulk });
    if (button?.dataset.pick === 'none') picked.clear();
    if (button?.dataset.pick === 'all') for (const box of boxes().slice(0, MOST)) picked.add(box.value);
    if (button?.dataset.pick) show();
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !picked.size || event.defaultPrevented || document.querySelector('dialog[open]')) return;
    picked.clear();
    show();
  });
  show();
}
