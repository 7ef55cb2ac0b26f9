// @ts-check
/** One conversation: the thread as it grows, the bot's answer as it is written, and the reply box. */

import { decideCards, rememberCards, renewAround, renewCards } from './approval.js';
import { bulk } from './bulk.js';
import { offer } from './offers.js';
import { suggestions } from './copilot.js';
import { keep } from './draft.js';
import { mine } from './leaving.js';
import { marking } from './mark.js';
import { heed, heedMention } from './notify.js';
import { Refused, _, fetchPage, follow, gathered, post, remember, replaceParts, tellTimes } from './page.js';
import { arrange, presence, renew, unfold } from './side.js';
import { lay } from './tray.js';
import { countViews } from './views.js';
import { ways } from './ways.js';

const PARTS = ['rooms', 'tabs', 'list', 'head', 'hint', 'drafts', 'side', 'copilot', 'way-choice', 'windows'];

/** @template {HTMLElement} T @param {string} id @returns {T} */
const at = (id) => /** @type {T} */ (document.getElementById(id));

const main = at('main');
const id = main.dataset.conversation ?? '';
const mayWrite = 'mayWrite' in main.dataset;
const log = at('log');
const messages = at('messages');
const writing = at('writing');
const written = at('written');
const typing = at('typing');
const newer = at('newer');
const beside = /** @type {HTMLDialogElement} */ (at('page'));
const older = new URLSearchParams(location.search).has('before');

// The thread -------------------------------------------------------------------------------------------

/** What the server sent for each message, by its id. @type {Map<string, string>} */
const sent = new Map([...messages.children].map((each) => [each.id, each.innerHTML]));
let seen = 0;
/** @type {ReturnType<typeof ways>|null} */
let leaves = null;

const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;

function toEnd() {
  log.scrollTop = log.scrollHeight;
  newer.hidden = true;
}

/** @param {Element} message */
const seqOf = (message) => Number(message instanceof HTMLElement ? message.dataset.seq : 0);

/** Add what is new and renew what has changed; nothing shown goes away. @param {Document} page */
function merge(page) {
  const follows = atEnd();
  const before = messages.lastElementChild;
  for (const fresh of [...(page.getElementById('messages')?.children ?? [])]) {
    const html = fresh.innerHTML;
    const known = document.getElementById(fresh.id);
    if (known && sent.get(fresh.id) === html) continue;
    sent.set(fresh.id, html);
    const node = document.importNode(fresh, true);
    tellTimes(node);
    if (known) {
      renewAround(known, node);
    } else {
      const next = [...messages.children].find((each) => seqOf(each) > seqOf(node));
      messages.insertBefore(node, next ?? null);
      if (node.classList.contains('bot')) hush();
      if (node.classList.contains('contact')) typing.hidden = true;
    }
  }
  if (messages.lastElementChild === before) return;
  if (follows) toEnd();
  else newer.hidden = false;
}

/** Tell the others that somebody has looked. */
async function markRead() {
  const last = messages.lastElementChild;
  if (!mayWrite || !last || document.hidden || seqOf(last) <= seen) return;
  const seq = seqOf(last);
  seen = seq;
  try {
    await post(`/api/conversations/${id}/read`, { seq });
  } catch {
    seen = 0; // told with the next message
  }
}

const refresh = gathered(async () => {
  const page = await fetchPage();
  replaceParts(page, PARTS);
  leaves?.renew();
  merge(page);
  renewCards(at('asked'), page.getElementById('asked'));
  await markRead();
});

/** @param {MouseEvent} event */
async function showEarlier(event) {
  const link = event.target instanceof Element ? event.target.closest('#earlier a') : null;
  if (!(link instanceof HTMLAnchorElement)) return;
  event.preventDefault();
  const page = await fetchPage(link.href);
  const height = log.scrollHeight;
  merge(page);
  at('earlier').replaceChildren(...(page.getElementById('earlier')?.childNodes ?? []));
  newer.hidden = true;
  log.scrollTop += log.scrollHeight - height;
}

// The bot as it writes ---------------------------------------------------------------------------------

let turn = '';
let text = '';

function hush() {
  turn = text = '';
  writing.hidden = true;
  written.textContent = '';
}

/** @param {{turn_id: string, text: string, offset: number}} delta offset counts code points */
function hear({ turn_id, text: piece, offset }) {
  if (offset === 0 && !piece) return void hush();
  if (turn_id !== turn) [turn, text] = [turn_id, ''];
  const so_far = [...text];
  text = so_far.length >= offset ? so_far.slice(0, offset).join('') + piece : `…${piece}`;
  const follows = atEnd();
  written.textContent = text;
  writing.hidden = false;
  if (follows) toEnd();
}

let typed = 0;
/** @param {{author: {kind: string}, active: boolean}} told */
function hearTyping({ author, active }) {
  if (author.kind !== 'contact') return;
  typing.hidden = !active;
  clearTimeout(typed);
  typed = setTimeout(() => (typing.hidden = true), 8000);
}

// Acts -------------------------------------------------------------------------------------------------

const problem = at('problem');

/** @param {string} words */
function tell(words) {
  problem.textContent = words;
  problem.hidden = false;
}

/** @param {unknown} error */
function complain(error) {
  if (!(error instanceof Refused)) throw error;
  tell(error.message);
}

/** @param {string} act @param {HTMLButtonElement} button */
async function perform(act, button) {
  button.disabled = true;
  problem.hidden = true;
  try {
    await post(`/api/conversations/${id}/${act}`);
    if (act === 'take') hush();
    await refresh();
    if (act === 'take') at('reply').focus();
  } catch (error) {
    complain(error);
  } finally {
    button.disabled = false;
  }
}

/** @param {HTMLButtonElement} button */
async function sendAgain(button) {
  button.disabled = true;
  problem.hidden = true;
  try {
    await post(`/api/deliveries/${button.dataset.again}/retry`);
    await refresh();
  } catch (error) {
    complain(error);
  } finally {
    button.disabled = false;
  }
}

/** Back to the bot, which goes by what is said to it. */
function handBack() {
  const asking = /** @type {HTMLDialogElement} */ (at('handing-back'));
  const note = /** @type {HTMLTextAreaElement} */ (at('for-bot'));
  asking.returnValue = '';
  asking.onclose = async () => {
    if (asking.returnValue !== 'hand-back') return;
    problem.hidden = true;
    try {
      await post(`/api/conversations/${id}/release`, { note: note.value });
      note.value = '';
      await refresh();
    } catch (error) {
      complain(error);
    }
  };
  asking.showModal();
  note.focus();
}

/** @param {HTMLButtonElement} button */
async function sumUp(button) {
  button.disabled = true;
  problem.hidden = true;
  try {
    await post(`/api/conversations/${id}/summary`);
    await refresh();
  } catch (error) {
    complain(error);
  } finally {
    button.disabled = false;
  }
}

/** Show a page beside the thread: a turn's steps, a whole mail. @param {string} address */
async function show(address) {
  const page = await fetchPage(address);
  beside.replaceChildren(...document.adoptNode(page.body).childNodes);
  if (!beside.open) beside.showModal();
}

document.addEventListener('click', (event) => {
  if (!(event.target instanceof Element)) return;
  const button = event.target.closest('button');
  if (button?.dataset.act) void perform(button.dataset.act, button);
  if (button?.dataset.page) void show(button.dataset.page);
  if (button?.dataset.again) void sendAgain(button);
  if (button && 'noted' in button.dataset) handBack();
  if (button && 'summarise' in button.dataset) void sumUp(button);
  if (button && 'close' in button.dataset) beside.close();
  if (event.target === beside) beside.close();
  const link = event.target.closest('.message .body a');
  if (link instanceof HTMLAnchorElement) link.target = '_blank'; // the desk stays open
});
log.addEventListener('click', (event) => void showEarlier(event));
let following = true;
log.addEventListener('scroll', () => {
  following = atEnd();
  if (following) newer.hidden = true;
});
messages.addEventListener('load', () => following && toEnd(), true); // a picture grows when it has come
newer.addEventListener('click', toEnd);

// The reply box ----------------------------------------------------------------------------------------

if (mayWrite) {
  const form = /** @type {HTMLFormElement} */ (at('composer'));
  const reply = /** @type {HTMLTextAreaElement} */ (at('reply'));
  const attempt = mine(`attempt:${id}`);
  const { contact = '', operator = '', subject = '' } = main.dataset;
  offer(reply, { contact, operator, subject });
  const tray = lay(id, tell);
  const drop = keep(id, reply); // which tells of what was typed before anybody listened
  const by = ways(id, form, reply, () => void refresh());
  leaves = by;
  const offered = suggestions(id, reply, complain);

  /** The same words sent again, after a lost answer or a reload, are the same message. @param {string} words */
  const clientId = (words) => {
    const known = JSON.parse(localStorage.getItem(attempt) ?? 'null');
    if (known?.words === words) return known.key;
    const key = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 12)}`;
    localStorage.setItem(attempt, JSON.stringify({ words, key }));
    return key;
  };

  let sending = false;
  let once_more = false;

  /** They may type on meanwhile, and send that as well. @param {'reply'|'note'} kind */
  const send = async (kind) => {
    if (sending) return void (once_more = true);
    sending = true;
    once_more = false;
    const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (form.querySelectorAll('button'));
    try {
      await tray.settled();
      const written = reply.value;
      const words = written.trim();
      const attachments = tray.keys();
      if (tray.failed()) return tell(_('A file could not be added. Remove it first, or add it again.'));
      const leaving = kind === 'reply' ? by.chosen() : { takes: true };
      if (!words && !attachments.length && leaving.takes) return;
      const lack = kind === 'reply' ? by.lacks() : null;
      if (lack) {
        tell(lack.why);
        lack.field?.focus();
        return;
      }
      if (leaving.template && attachments.length) {
        return tell(_('No file goes along with a template. Remove it first, or send it another way.'));
      }
      problem.hidden = true;
      buttons.forEach((each) => (each.disabled = true));
      const suggestion = kind === 'reply' ? offered.taken() : undefined;
      const { channel, template, variables, takes } = leaving;
      const text = takes ? words : '';
      const client_id = clientId(JSON.stringify([kind, channel, template, variables, attachments, text]));
      const body = { client_id, text, kind, attachments, suggestion, channel, template, variables };
      await post(`/api/conversations/${id}/messages`, body);
      if (takes) drop(written);
      by.sent();
      sentOff();
      tray.clear(attachments);
      offered.forget();
      localStorage.removeItem(attempt);
      if (older) return location.assign(location.pathname);
      toEnd();
      await refresh();
    } catch (error) {
      once_more = false;
      complain(error);
    } finally {
      sending = false;
      buttons.forEach((each) => (each.disabled = false));
      reply.focus();
    }
    if (once_more) await send('reply');
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send('reply');
  });
  at('note').addEventListener('click', () => void send('note'));
  reply.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void send('reply');
    }
  });
}

decideCards(async () => {
  await refresh();
  log.focus();
});
remember(PARTS);
rememberCards();
unfold();
if (mayWrite) arrange(id, { complain, refresh });
bulk(refresh);
if (mayWrite) marking({ refresh, complain });
const { rest: sentOff, again: sayAgain } = presence(id, mayWrite);
let first = true;
renew(refresh);
const recount = countViews();
tellTimes();
// Who came by keyboard or screen reader begins here, not at the top of the list once more.
if (document.activeElement === document.body) at('contact').focus({ preventScroll: true });
toEnd();
void markRead();
if (!older) {
  follow(`?conversation=${encodeURIComponent(id)}`, {
    look: () => {
      if (!first) sayAgain();
      first = false;
      void refresh();
    },
    conversation: (told) => {
      heed(told);
      recount();
      void refresh();
    },
    message: refresh,
    delta: hear,
    typing: hearTyping,
    presence: refresh,
    online: (told) => told.contact_id === main.dataset.contactId && void refresh(),
    mention: heedMention,
    approval: refresh,
  });
}
