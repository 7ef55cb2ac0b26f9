// @ts-check
/** Saved views: how much each shows, kept true, and the dialog in which they are saved, renamed and removed. */

import { Refused, _, post, remove } from './page.js';

const PAUSE = 3000; // ms between two counts

/** Count what the views show; returns what is called when that may have changed. */
export function countViews() {
  const nav = document.getElementById('views');
  let waits = 0;
  let counted = 0;

  async function count() {
    waits = 0;
    counted = Date.now();
    const answer = await fetch('/api/views', { cache: 'no-store' });
    if (!answer.ok) return;
    /** @type {{views: {id: string, count: number}[]}} */
    const { views } = await answer.json();
    for (const { id, count } of views) {
      const number = nav?.querySelector(`[data-view="${id}"] .number`);
      if (number) number.textContent = count > 99 ? '99+' : String(count);
    }
  }

  function recount() {
    if (!nav?.querySelector('a') || waits) return;
    waits = setTimeout(() => void count().catch(() => {}), Math.max(0, counted + PAUSE - Date.now()));
  }

  edit();
  recount();
  return recount;
}

function edit() {
  const box = /** @type {HTMLDialogElement|null} */ (document.getElementById('view-dialog'));
  const form = box?.querySelector('form');
  if (!box || !form) return;
  const problem = /** @type {HTMLElement} */ (form.querySelector('.problem'));
  const name = /** @type {HTMLInputElement} */ (form.elements.namedItem('name'));
  const shared = /** @type {HTMLInputElement} */ (form.elements.namedItem('shared'));
  const { query, view } = form.dataset;

  document.addEventListener('click', (event) => {
    if (!(event.target instanceof Element) || !event.target.closest('#save-view, #change-view')) return;
    problem.hidden = true;
    box.showModal();
    name.select();
  });

  /** @param {() => Promise<unknown>} act */
  async function perform(act) {
    try {
      await act();
      location.reload();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem.textContent = error.status === 409 ? _('You have another view of this name.') : error.message;
      problem.hidden = false;
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const body = { name: name.value, query, shared: shared.checked };
    void perform(() => post(view ? `/api/views/${view}` : '/api/views', body));
  });
  form.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    if (button && 'cancel' in button.dataset) box.close();
    if (button && 'remove' in button.dataset) void perform(() => remove(`/api/views/${view}`));
  });
}
