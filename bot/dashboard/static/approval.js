// @ts-check
/** The cards of calls that wait for an operator: their forms, the decision, and renewing them around edits. */

import { Refused, _, post, tellTimes } from './page.js';

/** What the server sent for each card, by its id. @type {Map<string, string>} */
const sent = new Map();

/** @param {Element} card */
const touched = (card) =>
  'editing' in /** @type {HTMLElement} */ (card).dataset ||
  card.querySelector(':is(input, textarea, select):focus') !== null ||
  Boolean(/** @type {HTMLTextAreaElement|null} */ (card.querySelector('.word textarea'))?.value);

/** Remember what the server sent, before anything is changed here. @param {ParentNode} [within] */
export function rememberCards(within = document) {
  for (const card of within.querySelectorAll('.approval')) sent.set(card.id, card.innerHTML);
}

/**
 * Bring the cards of a list up to what the server shows now. One that somebody writes in stays as it is while
 * it still waits. @param {Element} list @param {Element|null} fresh @returns {Element[]} those that are gone
 */
export function renewCards(list, fresh) {
  const wanted = [...(fresh?.querySelectorAll(':scope > .approval') ?? [])];
  const gone = [...list.querySelectorAll(':scope > .approval')].filter((card) => !wanted.some((each) => each.id === card.id));
  gone.forEach((card) => card.remove());
  for (const each of wanted) {
    const known = list.querySelector(`:scope > #${CSS.escape(each.id)}`);
    if (known && (touched(known) || sent.get(each.id) === each.innerHTML)) continue;
    sent.set(each.id, each.innerHTML);
    const card = document.importNode(each, true);
    tellTimes(card);
    if (known) known.replaceWith(card);
    else list.append(card);
  }
  return gone;
}

/**
 * Renew what is around the cards that somebody writes in: those stay, and the next key goes where the last one went.
 * @param {Element} old @param {Element} node what comes in its place
 */
export function renewAround(old, node) {
  const active = old.contains(document.activeElement) ? document.activeElement : null;
  const typing = active instanceof HTMLInputElement || active instanceof HTMLTextAreaElement ? active : null;
  const [from, to] = [typing?.selectionStart ?? null, typing?.selectionEnd ?? null]; // a number has none
  for (const card of old.querySelectorAll('.approval')) {
    const fresh = node.querySelector(`#${CSS.escape(card.id)}`);
    if (fresh && !fresh.classList.contains('decided') && touched(card)) fresh.replaceWith(card);
  }
  old.replaceWith(node);
  if (!active?.isConnected) return;
  /** @type {HTMLElement} */ (active).focus({ preventScroll: true });
  if (from !== null) typing?.setSelectionRange(from, to);
}

/** @param {Element} field */
const input = (field) =>
  /** @type {HTMLInputElement|HTMLTextAreaElement|HTMLSelectElement} */ (field.querySelector('input, textarea, select'));

/** @param {Element} form */
const problemOf = (form) => /** @type {HTMLElement} */ (form.querySelector('.problem'));

/** The arguments as they stand in the fields. @param {HTMLFormElement} form */
function argumentsIn(form) {
  /** @type {Record<string, unknown>} */
  const values = {};
  for (const field of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll('.fields .field'))) {
    const { name = '', kind } = field.dataset;
    const element = input(field);
    const text = element.value;
    if (kind === 'truth') values[name] = /** @type {HTMLInputElement} */ (element).checked;
    else if (text === '' && !element.required) continue;
    else if (kind === 'whole' || kind === 'number') values[name] = text === '' ? '' : Number(text);
    else if (kind === 'json') values[name] = parsed(text, element);
    else values[name] = text;
  }
  return values;
}

/** @param {string} text @param {HTMLElement} element */
function parsed(text, element) {
  try {
    return JSON.parse(text);
  } catch {
    element.focus();
    throw new Refused(0, _('This is not JSON: a list stands in [ ], an object in { }.'));
  }
}

/** @param {HTMLElement} card @param {boolean} editing */
function edit(card, editing) {
  const form = /** @type {HTMLFormElement} */ (card.querySelector('form'));
  const fields = /** @type {HTMLFieldSetElement} */ (form.querySelector('.fields'));
  fields.hidden = fields.disabled = !editing;
  /** @type {HTMLElement} */ (form.querySelector('.values')).hidden = editing;
  /** @type {HTMLElement} */ (form.querySelector('[value=edit]')).hidden = editing;
  /** @type {HTMLElement} */ (form.querySelector('[value=undo]')).hidden = !editing;
  problemOf(form).hidden = true;
  if (editing) {
    card.dataset.editing = '';
    /** @type {HTMLElement|null} */ (fields.querySelector('input, textarea, select'))?.focus();
  } else {
    delete card.dataset.editing;
    const word = /** @type {HTMLTextAreaElement} */ (form.querySelector('.word textarea'));
    const kept = word.value;
    form.reset();
    word.value = kept;
    /** @type {HTMLElement} */ (form.querySelector('[value=edit]')).focus();
  }
}

/** Show what is wrong beside the field it is about. @param {HTMLElement} card @param {Refused} error */
function complain(card, error) {
  const form = /** @type {HTMLFormElement} */ (card.querySelector('form'));
  const name = error.field?.startsWith('arguments.') ? error.field.slice('arguments.'.length) : '';
  const fields = /** @type {HTMLElement[]} */ ([...form.querySelectorAll('.fields .field')]);
  const field = fields.find((each) => each.dataset.name === name);
  const label = field?.querySelector('label')?.textContent ?? name;
  const problem = problemOf(form);
  problem.textContent = label ? `${label}: ${error.message}` : error.message;
  problem.hidden = false;
  if (!field) return;
  if (!('editing' in card.dataset)) edit(card, true);
  problem.hidden = false;
  const element = input(field);
  element.setAttribute('aria-invalid', 'true');
  element.addEventListener('input', () => element.removeAttribute('aria-invalid'), { once: true });
  element.focus();
}

/**
 * Let cards be edited and decided. `decided` is told once the server has taken a decision.
 * @param {(card: HTMLElement, decision: string) => Promise<void>} decided
 */
export function decideCards(decided) {
  /** @param {HTMLElement} card @param {'approve'|'reject'} decision */
  async function decide(card, decision) {
    const form = /** @type {HTMLFormElement} */ (card.querySelector('form'));
    const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (form.querySelectorAll('button'));
    const note = /** @type {HTMLTextAreaElement} */ (form.querySelector('.word textarea')).value.trim();
    problemOf(form).hidden = true;
    try {
      const edited = decision === 'approve' && 'editing' in card.dataset ? { arguments: argumentsIn(form) } : {};
      buttons.forEach((each) => (each.disabled = true));
      await post(`/api/approvals/${card.dataset.approval}`, { decision, note, ...edited });
      delete card.dataset.editing;
      form.reset();
      await decided(card, decision);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      complain(card, error);
      if (error.status === 409) await decided(card, '');
    } finally {
      buttons.forEach((each) => (each.disabled = false));
    }
  }

  /** @param {Event} event */
  const cardOf = (event) =>
    event.target instanceof Element ? /** @type {HTMLElement|null} */ (event.target.closest('.approval')) : null;

  document.addEventListener('submit', (event) => cardOf(event) && event.preventDefault()); // Enter decides nothing
  document.addEventListener('click', (event) => {
    const card = cardOf(event);
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    if (!card || !button) return;
    const form = /** @type {HTMLFormElement} */ (card.querySelector('form'));
    if (button.value === 'approve' && form.reportValidity()) void decide(card, 'approve');
    if (button.value === 'reject') void decide(card, 'reject');
    if (button.value === 'edit') edit(card, true);
    if (button.value === 'undo') edit(card, false);
  });
}
