// @ts-check
/** Files that go along with what is written: chosen, pasted or dropped, sent up at once, kept with the draft. */

import { _, remove } from './page.js';

const MOST = 10; // files in one message

/**
 * @typedef {{
 *   keys: () => string[], settled: () => Promise<void>, failed: () => boolean, clear: (keys: string[]) => void,
 * }} Tray
 */

/**
 * Let files be laid beside the reply of a conversation.
 * @param {string} id the conversation's @param {(words: string) => void} complain @returns {Tray}
 */
export function lay(id, complain) {
  const list = /** @type {HTMLElement} */ (document.getElementById('tray'));
  const picker = /** @type {HTMLInputElement} */ (document.getElementById('files'));
  const button = /** @type {HTMLElement} */ (document.getElementById('attach'));
  const reply = /** @type {HTMLElement} */ (document.getElementById('reply'));
  const thread = /** @type {HTMLElement} */ (list.closest('.thread'));
  const csrf = document.querySelector('meta[name=csrf-token]')?.getAttribute('content') ?? '';
  const kinds = picker.accept.split(',');
  const largest = Number(picker.dataset.largest);
  /** @type {Set<Promise<void>>} */
  const coming = new Set();

  const icon = button.innerHTML;
  const cross = '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6 6 18"/></svg>';

  /** @param {string} name */
  function card(name) {
    const item = document.createElement('li');
    item.innerHTML = `${icon}<bdi></bdi> <span></span><button type="button" class="quiet" data-drop>${cross}</button>`;
    /** @type {HTMLElement} */ (item.querySelector('bdi')).textContent = name;
    item.querySelector('button')?.setAttribute('aria-label', _('Remove %s', name));
    list.append(item);
    return item;
  }

  /** @param {HTMLElement} item @param {string} words */
  const say = (item, words) => (/** @type {HTMLElement} */ (item.querySelector('span')).textContent = words);

  /** @param {HTMLElement} item @param {string} why */
  function fail(item, why) {
    item.querySelector('progress')?.remove();
    item.dataset.failed = '';
    say(item, why);
    complain(`${item.querySelector('bdi')?.textContent}: ${why}`);
  }

  /** @param {HTMLElement} item @param {File} file @returns {Promise<void>} */
  function send(item, file) {
    const bar = document.createElement('progress');
    bar.setAttribute('aria-label', file.name);
    item.append(bar);
    const call = new XMLHttpRequest(); // fetch tells nothing of how far it is
    call.open('POST', `/api/conversations/${id}/attachments`);
    call.setRequestHeader('X-CSRF-Token', csrf);
    call.responseType = 'json';
    call.upload.onprogress = ({ loaded, total }) => (bar.value = loaded / (total || 1));
    item.addEventListener('removed', () => call.abort());
    return new Promise((resolve) => {
      call.onloadend = () => {
        const kept = call.response?.attachment;
        if (call.status === 201 && kept) {
          bar.remove();
          item.dataset.key = kept.key;
          say(item, size(kept.size));
          if (/^image\//.test(kept.media_type)) {
            const picture = Object.assign(document.createElement('img'), { src: kept.url, alt: '' });
            item.querySelector('.icon')?.replaceWith(picture);
          }
        } else if (item.isConnected) {
          fail(item, call.response?.error?.message ?? _('This did not work. Try again.'));
        }
        resolve();
      };
      const form = new FormData();
      form.append('file', file);
      call.send(form);
    });
  }

  /** @param {Iterable<File>} files */
  function add(files) {
    for (const file of files) {
      if (list.children.length >= MOST) return complain(_('At most %s files in one message.', MOST));
      const item = card(file.name);
      if (file.size > largest) fail(item, _('larger than %s', size(largest)));
      else if (!kinds.includes(file.type)) fail(item, _('pictures, PDF and plain text can be sent'));
      else {
        const sending = send(item, file).finally(() => coming.delete(sending));
        coming.add(sending);
      }
    }
  }

  /** @param {HTMLElement} item */
  function take(item) {
    item.remove();
    item.dispatchEvent(new Event('removed'));
    const { key } = item.dataset;
    if (key) remove(`/api/conversations/${id}/attachments/${key}`).catch(() => {}); // it is dropped some day
    reply.focus();
  }

  button.addEventListener('click', () => picker.click());
  function chosen() {
    add(picker.files ?? []);
    picker.value = '';
  }
  picker.addEventListener('change', chosen);
  chosen(); // before anybody listened, or kept by the browser over a reload
  list.addEventListener('click', (event) => {
    const target = event.target instanceof Element ? event.target.closest('[data-drop]') : null;
    const item = target?.closest('li');
    if (item) take(item);
  });
  reply.addEventListener('paste', (event) => {
    const { files = [], types = [] } = event.clipboardData ?? {};
    if (!files.length || types.includes('text/plain')) return; // words that bring a picture of themselves
    event.preventDefault();
    add(files);
  });
  for (const name of ['dragenter', 'dragover', 'dragleave', 'drop']) {
    thread.addEventListener(name, (event) => {
      const data = /** @type {DragEvent} */ (event).dataTransfer;
      if (!data?.types.includes('Files')) return;
      event.preventDefault();
      const within = event instanceof DragEvent && event.relatedTarget instanceof Node && thread.contains(event.relatedTarget);
      thread.toggleAttribute('data-over', name !== 'drop' && (name !== 'dragleave' || within));
      if (name === 'drop') add(data.files);
    });
  }

  return {
    keys: () => [...list.querySelectorAll('li')].flatMap((each) => each.dataset.key ?? []),
    settled: async () => void (await Promise.all(coming)),
    failed: () => list.querySelector('[data-failed]') !== null,
    clear: (keys) => list.querySelectorAll('li').forEach((each) => keys.includes(each.dataset.key ?? '') && each.remove()),
  };
}

/** @param {number} bytes */
function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const kilobytes = Math.round(bytes / 1000);
  return kilobytes < 1000 ? `${kilobytes} KB` : `${(kilobytes / 1000).toFixed(1)} MB`;
}
