// @ts-check
/** Canned answers: a slash and the beginning of a name in the reply box offers them. */

import { Refused, _ } from './page.js';

/** @typedef {{name: string, text: string}} Canned */

/**
 * Offer them in a reply box.
 * @param {HTMLTextAreaElement} reply
 * @param {Record<string, string>} values what `{{names}}` stand for
 */
export function offer(reply, values) {
  const list = document.createElement('ul');
  list.id = 'canned';
  list.className = 'canned';
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', _('Canned answers'));
  list.hidden = true;
  reply.before(list);
  reply.setAttribute('aria-controls', list.id);

  /** @type {Canned[]|null} */
  let all = null;
  /** @type {Canned[]} */
  let found = [];
  let chosen = 0;

  /** What is typed after a slash, up to the caret. */
  const begun = () => /(?:^|\s)\/([\p{L}\p{N}_.-]*)$/u.exec(reply.value.slice(0, reply.selectionStart))?.[1];

  function hide() {
    list.hidden = true;
    reply.removeAttribute('aria-activedescendant');
  }

  function show() {
    list.replaceChildren(...found.map((each, place) => {
      const item = document.createElement('li');
      item.id = `canned-${place}`;
      item.setAttribute('role', 'option');
      item.setAttribute('aria-selected', String(place === chosen));
      const name = document.createElement('b');
      name.textContent = `/${each.name}`;
      const text = document.createElement('span');
      text.textContent = each.text;
      item.append(name, text);
      item.addEventListener('mousedown', (event) => {
        event.preventDefault(); // the caret stays
        take(each);
      });
      return item;
    }));
    list.hidden = false;
    reply.setAttribute('aria-activedescendant', `canned-${chosen}`);
    list.children[chosen]?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {Canned} canned */
  function take(canned) {
    const end = reply.selectionStart;
    const start = end - (begun()?.length ?? 0) - 1;
    const text = canned.text.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name) => values[name] ?? whole);
    reply.setRangeText(text, start, end, 'end');
    hide();
    reply.dispatchEvent(new InputEvent('input', { bubbles: true }));
  }

  async function look() {
    const wanted = begun();
    if (wanted === undefined) return hide();
    if (!all) {
      const answer = await fetch('/api/canned', { cache: 'no-store' });
      if (!answer.ok) throw new Refused(answer.status, '');
      all = /** @type {{canned: Canned[]}} */ (await answer.json()).canned;
    }
    const typed = wanted.toLowerCase();
    found = all.filter(({ name }) => name.includes(typed)).sort((a, b) =>
      Number(b.name.startsWith(typed)) - Number(a.name.startsWith(typed)));
    chosen = 0;
    if (found.length) show();
    else hide();
  }

  reply.addEventListener('input', () => void look().catch(hide));
  reply.addEventListener('blur', hide);
  reply.addEventListener('keydown', (event) => {
    if (list.hidden) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      chosen = (chosen + (event.key === 'ArrowDown' ? 1 : found.length - 1)) % found.length;
      show();
    } else if ((event.key === 'Enter' && !event.ctrlKey && !event.metaKey) || event.key === 'Tab') {
      take(/** @type {Canned} */ (found[chosen]));
    } else if (event.key === 'Escape') {
      hide();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
}
