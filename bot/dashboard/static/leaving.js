// @ts-check
/**
 * What operators write is kept in the browser under their own name until the server has it: nobody else who
 * signs in here is shown it, and whoever signs out leaves behind only what the server could not be told.
 */

const PATIENCE = 3000; // ms for which signing out waits for the server to hear what it lacks
const operator = document.querySelector('meta[name=operator]')?.getAttribute('content') ?? '';

/** Where something of this operator's is kept. @param {string} name */
export const mine = (name) => `switchboard:${operator}:${name}`;

/** Drafts that a page is open for, which tells the server of them itself. @type {Map<string, () => Promise<void>>} */
export const open = new Map();

const drafts = mine('draft:');
const form = /** @type {HTMLFormElement|null} */ (document.querySelector('form[action="/dashboard/sign-out"]'));

form?.addEventListener('submit', (event) => {
  const left = Object.keys(localStorage).filter((each) => each.startsWith(drafts));
  if (!left.length) return;
  event.preventDefault();
  const told = Promise.allSettled(left.map((place) => (open.get(place) ?? (() => send(place)))()));
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  void Promise.race([told, late]).then(() => form.submit());
});

/** Let the server have a draft unless it has a newer one. @param {string} place */
async function send(place) {
  const kept = localStorage.getItem(place) ?? '';
  const { text, at } = JSON.parse(kept);
  const path = `/api/conversations/${place.slice(drafts.length)}/draft`;
  const found = await fetch(path);
  if (!found.ok) return;
  const there = Date.parse((await found.json()).updated_at ?? '') || 0;
  const csrf = String(new FormData(/** @type {HTMLFormElement} */ (form)).get('csrf'));
  if (at > there) {
    const headers = { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf };
    const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify({ text }) });
    if (!answer.ok) return;
  }
  if (localStorage.getItem(place) === kept) localStorage.removeItem(place);
}
