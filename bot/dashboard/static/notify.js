// @ts-check
/** Who begins to wait for a person is heard and shown by this browser, if its reader wishes so. */

import { _ } from './page.js';

/** When each conversation was last told of. @type {Map<string, string>} */
const known = new Map();
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

/**
 * A conversation has something new.
 * @param {{id: string, status: string, waiting_since: string|null, contact: {name: string}, preview: string}} told
 */
export function heed(told) {
  if (told.status !== 'waiting' || !told.waiting_since || told.waiting_since < since) return;
  if (known.get(told.id) === told.waiting_since) return;
  known.set(told.id, told.waiting_since);
  if (localStorage.getItem('switchboard:sound')) ring();
  if (!localStorage.getItem('switchboard:notify') || !document.hidden || Notification.permission !== 'granted') return;
  const shown = new Notification(_('%s waits for a person', told.contact.name), { body: told.preview, tag: told.id });
  shown.onclick = () => {
    window.focus();
    location.assign(`/dashboard/conversations/${told.id}?tab=waiting`);
  };
}
