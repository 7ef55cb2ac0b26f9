// @ts-check
/** One contact: what operators know better, and who is the same person. */

import { Refused, keepCounts, post, tellTimes } from './page.js';

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const problem = /** @type {HTMLElement} */ (document.getElementById('problem'));
const at = `/api/contacts/${main.dataset.contact}`;

/** Do it, and show the page as it is then. @param {string} path @param {unknown} body */
async function change(path, body) {
  problem.hidden = true;
  try {
    await post(path, body);
    location.assign(location.pathname);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem.textContent = error.message;
    problem.hidden = false;
    problem.scrollIntoView({ block: 'nearest' });
  }
}

document.getElementById('correct')?.addEventListener('submit', (event) => {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.currentTarget);
  const field = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name)).value.trim();
  /** @type {Record<string, string>} */
  const attributes = {};
  for (const each of form.querySelectorAll('input[name=attribute]')) {
    if (each instanceof HTMLInputElement && each.value.trim()) attributes[each.dataset.name ?? ''] = each.value.trim();
  }
  if (field('new-name') && field('new-value')) attributes[field('new-name')] = field('new-value');
  void change(at, { name: field('name'), attributes });
});

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('button') : null;
  if (button?.dataset.merge) void change(`${at}/merge`, { contact_id: button.dataset.merge });
  if (button?.dataset.undo) void change(`${at}/unmerge`, { merge_id: button.dataset.undo });
});

tellTimes();
keepCounts();
