// @ts-check
/** The knowledge pages: writing an article, and putting questions away. */

import { mine } from './leaving.js';
import { Refused, keepCounts, remove, post, tellTimes } from './page.js';

const problem = document.getElementById('problem');

/** Do it; what goes wrong is said above. @param {() => Promise<void>} work */
async function attempt(work) {
  if (problem) problem.hidden = true;
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused) || !problem) throw error;
    problem.textContent = error.message;
    problem.hidden = false;
    problem.scrollIntoView({ block: 'nearest' });
  }
}

const form = document.getElementById('article');
if (form instanceof HTMLFormElement) {
  const id = form.dataset.article;
  const at = `/api/knowledge/articles${id ? `/${id}` : ''}`;
  const place = mine(`article:${id ?? 'new'}:${location.search}`);
  const text = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem('text'));
  const title = /** @type {HTMLInputElement} */ (form.elements.namedItem('title'));
  const begun = JSON.parse(sessionStorage.getItem(place) ?? 'null');
  if (begun) [title.value, text.value] = begun;
  form.addEventListener('input', () => sessionStorage.setItem(place, JSON.stringify([title.value, text.value])));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const button = form.querySelector('button');
    if (button) button.disabled = true;
    void attempt(async () => {
      await post(at, { title: title.value, text: text.value });
      sessionStorage.removeItem(place);
      const gaps = (form.dataset.gaps ?? '').split(' ').filter(Boolean);
      if (gaps.length) await post('/api/knowledge/gaps/close', { ids: gaps });
      location.assign('/dashboard/knowledge');
    }).finally(() => button && (button.disabled = false));
  });
  form.querySelector('[data-remove]')?.addEventListener('click', () => void attempt(async () => {
    await remove(at);
    location.assign('/dashboard/knowledge');
  }));
}

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('button') : null;
  const gaps = button?.dataset.closeGaps;
  if (gaps) void attempt(async () => {
    await post('/api/knowledge/gaps/close', { ids: gaps.split(' ') });
    location.reload();
  });
});

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('button') : null;
  const marked = button?.dataset.unmark;
  if (marked) void attempt(async () => {
    await remove(`/api/evaluation/${marked}`);
    location.reload();
  });
});

tellTimes();
keepCounts();
