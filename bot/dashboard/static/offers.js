// @ts-check
/** What the reply box offers: canned answers after a slash, operators after an @. */

import { Refused, _ } from './page.js';
import { suggest } from './suggest.js';

/**
 * Offer them in a reply box.
 * @param {HTMLTextAreaElement} reply
 * @param {Record<string, string>} values what `{{names}}` stand for
 */
export function offer(reply, values) {
  const canned = once('/api/canned');
  suggest(reply, {
    id: 'canned',
    label: _('Canned answers'),
    sign: '/',
    look: async (typed) => {
      const { canned: all } = await canned();
      const found = all.filter((/** @type {any} */ { name }) => name.includes(typed));
      return sorted(found, typed).map(({ name, text }) => ({
        name: `/${name}`,
        hint: text,
        text: text.replace(/\{\{\s*(\w+)\s*\}\}/g, (/** @type {string} */ whole, /** @type {string} */ key) => (Object.hasOwn(values, key) ? values[key] : whole)),
      }));
    },
  });
  const operators = once('/api/operators');
  suggest(reply, {
    id: 'colleagues',
    label: _('Operators'),
    sign: '@',
    look: async (typed) => {
      const { operators: all } = await operators();
      const found = all.filter((/** @type {any} */ { name, role }) =>
        role !== 'viewer' && name !== values.operator && name.toLowerCase().includes(typed));
      return sorted(found, typed).map(({ name }) => ({ name: `@${name}`, hint: _('hears of it in a note'), text: `@${name} ` }));
    },
  });
}

/** What begins so comes first. @param {any[]} found @param {string} typed @returns {any[]} */
const sorted = (found, typed) => found.sort((one, other) =>
  Number(other.name.toLowerCase().startsWith(typed)) - Number(one.name.toLowerCase().startsWith(typed)));

/** What the API says, asked once. @param {string} path @returns {() => Promise<any>} */
function once(path) {
  /** @type {Promise<any>|null} */
  let asked = null;

  async function ask() {
    const answer = await fetch(path, { cache: 'no-store' });
    if (!answer.ok) throw new Refused(answer.status, '');
    return answer.json();
  }

  return () => (asked ??= ask().catch((error) => {
    asked = null; // the next key asks again
    throw error;
  }));
}
