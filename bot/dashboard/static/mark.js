// @ts-check
/** Good answers and bad ones, marked where they stand; a bad one may carry what would have been right. */

import { post } from './page.js';

/** @template {HTMLElement} T @param {string} id @returns {T} */
const at = (id) => /** @type {T} */ (document.getElementById(id));

/** @param {{refresh: () => Promise<void>|void, complain: (error: unknown) => void}} page */
export function marking({ refresh, complain }) {
  /** @param {HTMLButtonElement} button @param {Record<string, string>} [more] */
  async function mark(button, more = {}) {
    const { mark: as, message } = button.dataset;
    try {
      await post('/api/evaluation', { message_id: message, mark: as, ...more });
      for (const each of document.querySelectorAll(`[data-mark][data-message="${message}"]`)) {
        each.setAttribute('aria-pressed', String(each instanceof HTMLElement && each.dataset.mark === as));
      }
      await refresh();
      if (!button.isConnected) {
        const again = document.querySelector(`[data-mark="${as}"][data-message="${message}"]`);
        if (again instanceof HTMLElement) again.focus();
      }
    } catch (error) {
      complain(error);
    }
  }

  /** @param {HTMLButtonElement} button */
  function ask(button) {
    const asking = /** @type {HTMLDialogElement} */ (at('bad-answer'));
    const expected = /** @type {HTMLTextAreaElement} */ (at('expected'));
    const reason = /** @type {HTMLInputElement} */ (at('bad-reason'));
    asking.returnValue = '';
    expected.value = reason.value = '';
    asking.onclose = () => {
      if (asking.returnValue === 'mark') void mark(button, { expected: expected.value, reason: reason.value });
    };
    asking.showModal();
    expected.focus();
  }

  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    if (!button || !button.dataset.mark) return;
    if (button.dataset.mark === 'bad') ask(button);
    else void mark(button);
  });
}
