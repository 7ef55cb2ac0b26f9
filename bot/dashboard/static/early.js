// @ts-check
/**
 * What somebody does before the page's scripts listen is kept, and done once they do. This one is no module:
 * it listens before there is anything to press.
 */
(() => {
  const KINDS = ['keydown', 'click', 'input', 'change'];
  /** @type {Event[]} */
  const kept = [];

  /** @param {unknown} target @returns {target is HTMLInputElement|HTMLTextAreaElement} */
  const takesText = (target) =>
    target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && /^(text|search|email)$/.test(target.type));

  /** @param {Event} event */
  function keep(event) {
    if (!(event.target instanceof Element)) return;
    if (event.type === 'click') {
      if (!event.target.closest('button, [type=checkbox], [type=radio]')) return; // a link needs no script
      event.preventDefault();
    }
    if (event instanceof KeyboardEvent && (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault(); // the browser has a meaning for it
    }
    event.stopImmediatePropagation(); // some may listen already, and would hear it twice
    kept.push(event);
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether a script has taken it for its own */
  function press(event) {
    const typed = takesText(event.target); // the browser has put it there
    const at = typed ? event.target : document.activeElement ?? document.body;
    const taken = !at?.dispatchEvent(new KeyboardEvent(event.type, event));
    const writes = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!taken && !typed && writes && takesText(at)) { // a key before it has brought them here
      at.setRangeText(event.key, at.selectionStart ?? 0, at.selectionEnd ?? 0, 'end');
      at.dispatchEvent(new InputEvent('input', { bubbles: true }));
    }
    return taken;
  }

  for (const kind of KINDS) addEventListener(kind, keep, true);
  document.addEventListener('DOMContentLoaded', () => { // modules have run by then
    for (const kind of KINDS) removeEventListener(kind, keep, true);
    let taken = false;
    for (const event of kept) {
      if (event instanceof KeyboardEvent) taken = press(event);
      else if (!(event instanceof MouseEvent)) event.target?.dispatchEvent(new Event(event.type, { bubbles: true }));
      else if (event.detail || !taken) event.target?.dispatchEvent(new MouseEvent(event.type, event));
    }
  });
})();
