// @ts-check
/** By what a reply leaves, and, where only an approved template reaches them, which one and what it says. */

import { mine } from './leaving.js';
import { _ } from './page.js';

const LONGEST = 1024; // UTF-16 units, as the server counts
const LOOKS_AGAIN = 2000; // ms

/** In one line, as a template has it. @param {string} text */
const flat = (text) => text.trim().split(/\s+/).join(' ');

/**
 * What is missing or too much, in words; and where.
 * @typedef {{why: string, field: HTMLElement|null}} Lack
 * @typedef {{channel?: string, template?: string, variables?: Record<string, string>, takes: boolean}} Chosen
 */

/**
 * Let a way be chosen, and a template filled.
 * @param {string} id the conversation's @param {HTMLFormElement} form @param {HTMLTextAreaElement} reply
 * @param {() => void} over what is to be done when a window has just closed, or opened again
 */
export function ways(id, form, reply, over) {
  const kept = mine(`template:${id}`);
  const box = /** @type {HTMLFieldSetElement|null} */ (document.getElementById('template'));
  const name = /** @type {HTMLSelectElement|null} */ (document.getElementById('template-name'));
  const preview = document.getElementById('preview');
  const length = document.getElementById('preview-length');
  let wanted = '';
  let closed = false;

  const way = () => /** @type {HTMLSelectElement|null} */ (document.getElementById('way'));
  const notes = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll('#windows [data-of]')]);
  const channel = () => way()?.value ?? notes()[0]?.dataset.of ?? '';
  const note = () => notes().find((each) => each.dataset.of === channel());

  function isOver() {
    const until = Date.parse(note()?.dataset.until ?? '');
    return !Number.isNaN(until) && until <= Date.now() && !note()?.querySelector('span:not([data-while])');
  }

  const blanks = () => box?.querySelector(`[data-template="${CSS.escape(name?.value ?? '')}"]`);
  const places = () => /** @type {HTMLElement[]} */ ([...(blanks()?.querySelectorAll('[data-place]') ?? [])]);

  /** What stands in a place. @param {HTMLElement} place */
  const value = (place) =>
    place instanceof HTMLInputElement
      ? place.value.trim()
      : flat(reply.value) && (place.dataset.usually ?? '').replaceAll('{text}', () => flat(reply.value));

  const uses = () => isOver() && Boolean(box) && box?.dataset.of === channel();

  function show() {
    for (const each of notes()) {
      each.hidden = each !== note();
      for (const words of each.querySelectorAll('[data-while]')) {
        words.toggleAttribute('hidden', words.getAttribute('data-while') !== (isOver() ? 'over' : 'open'));
      }
    }
    if (!box || !name || !preview || !length) return;
    box.hidden = !uses();
    for (const each of box.querySelectorAll('[data-template]')) {
      each.toggleAttribute('hidden', each !== blanks());
    }
    const stands = new Map(places().map((each) => [each.dataset.place, each]));
    const pieces = (name.selectedOptions[0]?.dataset.text ?? '').split(/\{\{(\w+)\}\}/);
    preview.replaceChildren(
      ...pieces.map((piece, index) => {
        if (index % 2 === 0) return piece;
        const place = stands.get(piece);
        const words = place && value(place);
        const shown = document.createElement('mark');
        shown.textContent = words || (place?.dataset.label ?? piece);
        shown.toggleAttribute('data-empty', !words);
        return shown;
      }),
    );
    const long = preview.textContent?.length ?? 0;
    length.textContent = _('%s of %s characters', long, LONGEST);
    length.toggleAttribute('data-over', long > LONGEST);
  }

  function look() {
    const before = closed;
    closed = isOver();
    show();
    if (before !== closed) over();
  }

  function remember() {
    if (!box || !name) return;
    const fields = /** @type {NodeListOf<HTMLInputElement>} */ (box.querySelectorAll('input[data-place]'));
    const values = [...fields].map((each) => each.value);
    localStorage.setItem(kept, JSON.stringify({ name: name.value, values }));
  }

  function recall() {
    const found = JSON.parse(localStorage.getItem(kept) ?? 'null');
    if (!box || !name || !found) return;
    const fields = /** @type {NodeListOf<HTMLInputElement>} */ (box.querySelectorAll('input[data-place]'));
    if (![...name.options].some((each) => each.value === found.name) || fields.length !== found.values.length) return;
    name.value = found.name;
    fields.forEach((each, index) => (each.value = found.values[index]));
  }

  form.addEventListener('change', (event) => {
    if (event.target === way()) {
      wanted = channel();
      closed = isOver();
    }
    show();
  });
  form.addEventListener('input', (event) => {
    if (event.target instanceof Node && box?.contains(event.target)) remember();
    show();
  });
  recall();
  closed = isOver();
  show();
  setInterval(look, LOOKS_AGAIN);

  return {
    /** The page has fresh ways: what was chosen stays so. */
    renew() {
      const select = way();
      if (select && wanted && [...select.options].some((each) => each.value === wanted && !each.disabled)) {
        select.value = wanted;
      }
      closed = isOver();
      show();
    },

    /** By what a reply leaves now; `takes` says whether it takes the text in the box along. @returns {Chosen} */
    chosen() {
      const by = way()?.value || undefined;
      if (!uses()) return { channel: by, takes: true };
      const fields = places().filter((each) => each instanceof HTMLInputElement);
      const variables = Object.fromEntries(fields.map((each) => [each.dataset.place ?? '', value(each)]));
      const takes = fields.length < places().length;
      return { channel: channel(), template: name?.value, variables, takes };
    },

    /** What keeps a reply from leaving, if anything does. @returns {Lack|null} */
    lacks() {
      if (!uses()) {
        const nothing = _('The 24-hour window is over, and no approved template is set up: they have to write first.');
        return isOver() ? { why: nothing, field: null } : null;
      }
      const empty = places().find((each) => !value(each));
      if (empty) {
        const field = empty instanceof HTMLInputElement ? empty : reply;
        return { why: _('Fill in “%s” first.', empty.dataset.label), field };
      }
      if ((preview?.textContent?.length ?? 0) <= LONGEST) return null;
      return { why: _('A template carries at most %s characters. Shorten what you filled in.', LONGEST), field: null };
    },

    /** What was filled in has left. */
    sent() {
      localStorage.removeItem(kept);
      for (const each of places()) if (each instanceof HTMLInputElement) each.value = each.dataset.usually ?? '';
      show();
    },
  };
}
