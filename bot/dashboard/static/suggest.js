// @ts-check
/** A list over the reply box, of what may be meant by what is typed; arrows choose, Enter or Tab takes. */

/** @typedef {{name: string, hint: string, text: string}} Suggestion `text` stands then where the beginning was typed */

/**
 * @param {HTMLTextAreaElement} reply
 * @param {{id: string, label: string, sign: string, look: (typed: string) => Promise<Suggestion[]>}} what
 *   what begins with `sign` is looked for
 */
export function suggest(reply, { id, label, sign, look }) {
  const list = document.createElement('ul');
  list.id = id;
  list.className = 'canned';
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', label);
  list.hidden = true;
  reply.before(list);

  /** @type {Suggestion[]} */
  let found = [];
  let chosen = 0;
  const pattern = new RegExp(`(?:^|\\s)${sign}([\\p{L}\\p{N}_.-]*)$`, 'u');

  /** What is typed after the sign, up to the caret. */
  const begun = () => pattern.exec(reply.value.slice(0, reply.selectionStart))?.[1];

  function hide() {
    if (list.hidden) return;
    list.hidden = true;
    reply.removeAttribute('aria-activedescendant');
  }

  function show() {
    list.replaceChildren(...found.map((each, place) => {
      const item = document.createElement('li');
      item.id = `${id}-${place}`;
      item.setAttribute('role', 'option');
      item.setAttribute('aria-selected', String(place === chosen));
      const name = document.createElement('b');
      name.textContent = each.name;
      const hint = document.createElement('span');
      hint.textContent = each.hint;
      item.append(name, hint);
      item.addEventListener('mousedown', (event) => {
        event.preventDefault(); // the caret stays
        take(each);
      });
      return item;
    }));
    list.hidden = false;
    reply.setAttribute('aria-controls', id);
    reply.setAttribute('aria-activedescendant', `${id}-${chosen}`);
    list.children[chosen]?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {Suggestion} suggestion */
  function take(suggestion) {
    const end = reply.selectionStart;
    const start = end - (begun()?.length ?? 0) - sign.length;
    reply.setRangeText(suggestion.text, start, end, 'end');
    hide();
    reply.dispatchEvent(new InputEvent('input', { bubbles: true }));
  }

  async function offer() {
    const typed = begun();
    if (typed === undefined) return hide();
    const fresh = await look(typed.toLowerCase());
    if (begun() !== typed) return; // they typed on, and that is looked for
    found = fresh;
    chosen = 0;
    if (found.length) show();
    else hide();
  }

  reply.addEventListener('input', () => void offer().catch(hide));
  reply.addEventListener('blur', hide);
  reply.addEventListener('keydown', (event) => {
    if (list.hidden) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      chosen = (chosen + (event.key === 'ArrowDown' ? 1 : found.length - 1)) % found.length;
      show();
    } else if ((event.key === 'Enter' && !event.ctrlKey && !event.metaKey) || event.key === 'Tab') {
      take(/** @type {Suggestion} */ (found[chosen]));
    } else if (event.key === 'Escape') {
      hide();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });
}
