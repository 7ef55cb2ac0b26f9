// @ts-check
/** Who begins to wait for a person is heard and shown by this browser, if its reader wishes so. */

import { _ } from './page.js';

/** When each conversation was last told of. @type {Map<string, string>} */
const known = new Map();
/** And when it was last told that each is overdue. @type {Map<string, string>} */
const late = new Map();
const SKEW = 5_000; // milliseconds by which this clock may be behind the server's
const since = new Date().toISOString();

function ring() {
  const sound = new AudioContext();
  const tone = sound.createOscillator();
  const loud = sound.createGain();
  tone.frequency.setValueAtTime(660, sound.currentTime);
  tone.frequency.setValueAtTime(880, sound.currentTime + 0.12);
  loud.gain.setValueAtTime(0.12, sound.currentTime);
  loud.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + 0.4);
  tone.connect(loud).connect(sound.destination);
  tone.start();
  tone.stop(sound.currentTime + 0.4);
  tone.onended = () => void sound.close();
}

const me = document.querySelector('meta[name=operator]')?.getAttribute('content') ?? '';

/**
 * A conversation has something new. Who waits for somebody else is no news here.
 * @param {{id: string, status: string, waiting_since: string|null, due_at: string|null, contact: {name: string},
 *   preview: string, assignee: {id: string}|null}} told
 */
export function heed(told) {
  heedOverdue(told);
  const { id, status, waiting_since, contact, preview, assignee } = told;
  const mine = assignee?.id === me;
  if (status !== 'waiting' || !waiting_since || (assignee && !mine)) return;
  if (!mine && waiting_since < since) return;
  const news = `${waiting_since} ${assignee?.id ?? ''}`;
  if (known.get(id) === news) return;
  known.set(id, news);
  const title = mine ? _('%s waits for you', contact.name) : _('%s waits for a person', contact.name);
  tell(title, preview, `/dashboard/conversations/${id}?tab=${mine ? 'mine' : 'waiting'}`);
}

/**
 * Whoever has waited too long is told of once, if that came to be while this page was open.
 * @param {{id: string, due_at: string|null, contact: {name: string}, preview: string}} told
 */
function heedOverdue({ id, due_at, contact, preview }) {
  if (!due_at || due_at < since || Date.parse(due_at) > Date.now() + SKEW || late.get(id) === due_at) return;
  late.set(id, due_at);
  tell(_('%s is still waiting for an answer', contact.name), preview, `/dashboard/conversations/${id}?tab=overdue`);
}

/** A note speaks to somebody. @param {{conversation_id: string, operators: string[], by: string, text: string}} told */
export function heedMention({ conversation_id, operators, by, text }) {
  if (operators.includes(me)) tell(_('%s speaks to you in a note', by), text, `/dashboard/conversations/${conversation_id}?tab=mentions`);
}

/** @param {string} title @param {string} body @param {string} address */
function tell(title, body, address) {
  if (localStorage.getItem('switchboard:sound')) ring();
  if (!localStorage.getItem('switchboard:notify') || !document.hidden || Notification.permission !== 'granted') return;
  const shown = new Notification(title, { body, tag: address });
  shown.onclick = () => {
    window.focus();
    location.assign(address);
  };
}
