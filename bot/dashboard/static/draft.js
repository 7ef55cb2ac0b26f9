// @ts-check
/** What is in the reply box outlives reloads, lost connections and other devices: kept on the server, here until it has it. */

import { mine, open } from './leaving.js';
import { Refused, passes, post } from './page.js';

const PAUSE = 800; // ms without a key after which the server is told
const AGAIN = 3000; // ms after which it is told again what it did not hear
const PATIENCE = 10_000; // ms after which it did not hear: what was typed since must not wait for ever

/**
 * Keep what is written. Returns what drops what was sent of it; what was typed since stays.
 * @param {string} id the conversation's @param {HTMLTextAreaElement} reply
 */
export function keep(id, reply) {
  const place = mine(`draft:${id}`);
  /** @type {{text: string, at: number}|null} */
  const here = JSON.parse(localStorage.getItem(place) ?? 'null');
  const there = Date.parse(reply.dataset.kept ?? '') || 0;
  const typed = reply.value !== reply.defaultValue; // before this script was here
  if (!typed && here && here.at >= there) reply.value = here.text;
  let waits = 0;
  let told = Promise.resolve();

  async function send() {
    const text = reply.value;
    try {
      await post(`/api/conversations/${id}/draft`, { text }, { signal: AbortSignal.timeout(PATIENCE) });
      if (JSON.parse(localStorage.getItem(place) ?? 'null')?.text === text) localStorage.removeItem(place);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!waits && passes(error)) waits = setTimeout(tell, AGAIN); // until then it is kept here
    }
  }

  // One after the other: two on their way at once could arrive the wrong way round.
  function tell() {
    clearTimeout(waits);
    waits = 0;
    told = told.then(send, send);
    return told;
  }

  open.set(place, tell);

  const note = () => localStorage.setItem(place, JSON.stringify({ text: reply.value, at: Date.now() }));

  reply.addEventListener('input', () => {
    note();
    clearTimeout(waits);
    waits = setTimeout(tell, PAUSE);
  });
  reply.addEventListener('blur', () => waits && tell());
  if (typed) reply.dispatchEvent(new InputEvent('input', { bubbles: true }));
  else if (here && here.at > there && here.text) tell();

  /** @param {string} sent */
  return function drop(sent) {
    if (reply.value.startsWith(sent)) reply.setRangeText('', 0, sent.length, 'preserve');
    if (reply.value) note();
    else localStorage.removeItem(place);
    tell();
  };
}
