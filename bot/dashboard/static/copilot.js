// @ts-check
/** A suggested answer above the reply box: asked for, taken into the box or put away, and never sent by itself. */

import { mine } from './leaving.js';
import { Refused, _, post } from './page.js';

/** @typedef {{id: string, text: string, html: string, citations: {title: string, url: string, quote: string}[]}} Suggestion */

/**
 * Offer suggestions for a conversation. Returns the id of what was taken into the box, and what forgets it.
 * @param {string} id the conversation's @param {HTMLTextAreaElement} reply
 * @param {(error: unknown) => void} complain
 */
export function suggestions(id, reply, complain) {
  const box = /** @type {HTMLElement} */ (document.getElementById('suggestion'));
  const body = /** @type {HTMLElement} */ (document.getElementById('suggested'));
  const sources = /** @type {HTMLElement} */ (document.getElementById('suggested-from'));
  const why = /** @type {HTMLElement} */ (document.getElementById('suggested-why'));
  const told = /** @type {HTMLElement} */ (document.getElementById('suggesting'));
  const kept = mine(`suggestion:${id}`);
  /** @type {Suggestion|null} */
  let shown = null;
  let asking = false;

  /** @param {string} words */
  const say = (words) => {
    told.textContent = words;
    told.hidden = !words;
  };

  async function ask() {
    if (asking) return;
    asking = true;
    say(_('Looking for an answer…'));
    try {
      const { suggestion } = await post(`/api/conversations/${id}/suggestion`);
      say(suggestion ? '' : _('Nothing that is known answers this.'));
      if (suggestion) show(suggestion);
    } catch (error) {
      say('');
      complain(error);
    } finally {
      asking = false;
    }
  }

  /** @param {Suggestion} suggestion */
  function show(suggestion) {
    shown = suggestion;
    body.innerHTML = suggestion.html; // which the server has made safe
    sources.replaceChildren(...suggestion.citations.map(({ title, url, quote }) => {
      const item = document.createElement('li');
      const named = document.createElement(/^(https?:\/\/|\/)/.test(url) ? 'a' : 'span');
      if (named instanceof HTMLAnchorElement) Object.assign(named, { href: url, target: '_blank', rel: 'noopener noreferrer' });
      named.textContent = title || url;
      named.title = quote;
      item.append(named);
      return item;
    }));
    why.dataset.page = `/dashboard/turns/${suggestion.id}`;
    box.hidden = false;
    reply.focus();
  }

  /** @param {'taken'|'dismissed'} outcome */
  async function put_away(outcome) {
    if (!shown) return;
    const { id: which } = shown;
    shown = null;
    box.hidden = true;
    reply.focus();
    try {
      await post(`/api/suggestions/${which}`, { outcome });
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // it is only counted
    }
  }

  /** Into the box, after what is written there already. */
  function take() {
    if (!shown || reply.readOnly) return;
    const before = reply.value.trimEnd();
    reply.value = before ? `${before}\n\n${shown.text}` : shown.text;
    reply.setSelectionRange(reply.value.length, reply.value.length);
    localStorage.setItem(kept, shown.id);
    reply.dispatchEvent(new InputEvent('input', { bubbles: true }));
    void put_away('taken');
  }

  reply.addEventListener('input', () => {
    if (!reply.value.trim()) localStorage.removeItem(kept); // what is written next is the operator's own
  });
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    if (!button) return;
    if ('suggest' in button.dataset) void ask();
    if ('take' in button.dataset) take();
    if ('dismiss' in button.dataset) void put_away('dismissed');
  });
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === 'j') {
      if (!shown && !document.querySelector('[data-suggest]')) return; // the bot answers here
      event.preventDefault();
      if (shown) take();
      else void ask();
    } else if (event.key === 'Escape' && shown) {
      event.preventDefault();
      void put_away('dismissed');
    }
  });

  return {
    /** What the words in the box were made from, also after a reload. */
    taken: () => localStorage.getItem(kept) ?? undefined,
    forget: () => localStorage.removeItem(kept),
  };
}
