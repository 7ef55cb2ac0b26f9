// @ts-check
/** The queue of calls that wait for an operator. */

import { decideCards, rememberCards, renewCards } from './approval.js';
import { _, fetchPage, follow, gathered, remember, replaceParts, tellTimes } from './page.js';

const PARTS = ['rooms', 'calm', 'latest'];

const queue = /** @type {HTMLElement} */ (document.getElementById('queue'));
const told = /** @type {HTMLElement} */ (document.getElementById('told'));

/** Cards this page has sent a decision for: their going is no news here. @type {Set<string>} */
const ours = new Set();

const refresh = gathered(async () => {
  const page = await fetchPage();
  const focused = document.activeElement?.closest('.approval');
  const gone = renewCards(queue, page.getElementById('queue'));
  replaceParts(page, PARTS);
  const decided = gone.filter((card) => ours.delete(card.id));
  if (focused && gone.includes(focused) && !decided.includes(focused)) {
    told.textContent = _('Somebody else has decided about this meanwhile.');
  }
  if (decided.length || (focused && gone.includes(focused))) {
    const next = queue.querySelector('.approval h2') ?? document.getElementById('title');
    /** @type {HTMLElement|null} */ (next)?.focus();
  }
});

remember(PARTS);
rememberCards();
tellTimes();
decideCards(async (card, decision) => {
  if (decision) {
    ours.add(card.id);
    told.textContent = decision === 'approve' ? _('Approved. It is being done, and the customer is told.') : _('Rejected. The customer is told.');
  }
  await refresh();
});
follow('', { look: refresh, conversation: refresh, approval: refresh });
