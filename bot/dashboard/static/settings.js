// @ts-check
/** The settings: forms that act through the API, and the components' state as it changes. */

import { Refused, _, fetchPage, follow, gathered, keepCounts, post, remember, remove, replaceParts, tellTimes } from './page.js';

const problem = /** @type {HTMLElement} */ (document.getElementById('problem'));
const told = /** @type {HTMLElement} */ (document.getElementById('told'));

/** What is wrong, with the name of the field it is about. @param {Refused} error @param {HTMLFormElement} [form] */
function why(error, form) {
  const field = error.field ? form?.elements.namedItem(error.field) : null;
  const label = field instanceof HTMLElement ? field.closest('label')?.firstChild?.textContent?.trim() : '';
  return label ? `${label}: ${error.message}` : error.message;
}

/** Do it; what goes wrong is said above. @param {() => Promise<void>} work @param {HTMLFormElement} [form] */
async function attempt(work, form) {
  problem.hidden = true;
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    problem.textContent = why(error, form);
    problem.hidden = false;
    problem.scrollIntoView({ block: 'nearest' });
  }
}

/** Show what is told only once. @param {{password?: string, token?: string}} answer */
function reveal(answer) {
  const code = document.createElement('code');
  code.textContent = answer.password ?? answer.token ?? '';
  told.replaceChildren(_('Shown this once; copy it now:'), ' ', code);
  told.hidden = false;
  told.scrollIntoView({ block: 'nearest' });
}

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement)) return;
  if (form.id === 'route') {
    event.preventDefault();
    void attempt(() => tryRoute(String(new FormData(form).get('text'))));
  } else if (form.id === 'password') {
    event.preventDefault();
    void attempt(() => changePassword(form));
  } else if (form.dataset.send) {
    event.preventDefault();
    const body = Object.fromEntries(new FormData(form));
    void attempt(async () => {
      const answer = await post(form.dataset.send ?? '', body);
      if (form.dataset.then !== 'secret') return location.reload();
      reveal(answer);
      form.reset();
      const page = await fetchPage();
      const rows = document.querySelector('table.rows');
      const fresh = page.querySelector('table.rows');
      if (rows && fresh) rows.replaceWith(document.adoptNode(fresh));
      tellTimes();
    }, form);
  }
});

document.addEventListener('change', (event) => {
  const field = event.target;
  if (field instanceof HTMLSelectElement && field.dataset.change) {
    void attempt(async () => void (await post(field.dataset.change ?? '', { [field.name]: field.value })))
      .then(() => problem.hidden || fetchPage().then((page) => {
        const fresh = page.querySelector(`[data-change="${field.dataset.change}"]`);
        if (fresh instanceof HTMLSelectElement) field.value = fresh.value;
      }));
  }
  if (field instanceof HTMLInputElement && field.dataset.remember) void keep(field);
});

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('button') : null;
  if (button?.dataset.delete) void attempt(async () => {
    await remove(button.dataset.delete ?? '');
    location.reload();
  });
  if (button?.dataset.secret) void attempt(async () => reveal(await post(button.dataset.secret ?? '')));
  if (button?.dataset.leaving) void attempt(() => askToLeave(button.dataset.leaving ?? ''));
  if (button?.dataset.again) void attempt(async () => {
    await post(button.dataset.again ?? '');
    location.reload();
  });
});

/** Ask whether somebody is to be let in no more; what it says is how things stand now. @param {string} id */
async function askToLeave(id) {
  const page = await fetchPage();
  const fresh = page.getElementById(id);
  if (!fresh) return location.reload(); // somebody else was faster
  document.getElementById(id)?.replaceWith(document.adoptNode(fresh));
  const asking = /** @type {HTMLDialogElement} */ (document.getElementById(id));
  asking.onclose = () => {
    if (asking.returnValue !== 'leave') return;
    void attempt(async () => {
      await post(asking.dataset.leave ?? '');
      location.reload();
    });
  };
  asking.showModal();
}

/** @param {string} text */
async function tryRoute(text) {
  const found = await post('/api/route', { text });
  const list = /** @type {HTMLElement} */ (document.getElementById('routed'));
  const said = {
    language: found.language,
    intent: found.told.intent ?? _('none'),
    agent: found.agent ?? _('the usual one'),
    tier: found.tier ?? _('none'),
    told: JSON.stringify(found.told, null, 2),
  };
  for (const [name, value] of Object.entries(said)) {
    const place = list.querySelector(`[data-is="${name}"]`);
    if (place) place.textContent = value;
  }
  list.hidden = false;
}

/** @param {HTMLFormElement} form */
async function changePassword(form) {
  told.hidden = true;
  const { current, new: chosen, again } = Object.fromEntries(new FormData(form));
  if (chosen !== again) throw new Refused(422, _('The new password is not the same both times.'));
  try {
    await post('/api/me/password', { current, new: chosen });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 429) throw new Refused(429, _('Too many tries. Wait a moment, then try again.'));
    if (error.field === 'current') throw new Refused(422, _('This is not your current password.'));
    if (error.field === 'new') throw new Refused(422, _('The new password must be another than the current one.'));
    throw error;
  }
  form.reset();
  told.textContent = _('Your password is changed. You are signed in here alone.');
  told.hidden = false;
}

/** What this browser does when something happens. @param {HTMLInputElement} field */
async function keep(field) {
  if (field.dataset.remember === 'notify' && field.checked) {
    field.checked = (await Notification.requestPermission()) === 'granted';
  }
  localStorage.setItem(`switchboard:${field.dataset.remember}`, field.checked ? 'on' : '');
}

for (const field of document.querySelectorAll('input[data-remember]')) {
  if (field instanceof HTMLInputElement) field.checked = Boolean(localStorage.getItem(`switchboard:${field.dataset.remember}`));
}

const undelivered = document.getElementById('deliveries');
if (undelivered) {
  const parts = ['rooms', 'sections', 'deliveries'];
  remember(parts);
  const look = gathered(async () => replaceParts(await fetchPage(), parts));
  undelivered.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    if (!button?.dataset.act) return;
    button.disabled = true;
    void attempt(async () => void (await post(button.dataset.act ?? '')))
      .then(look)
      .finally(() => (button.disabled = false));
  });
  follow('', { look, conversation: look, approval: look });
} else {
  keepCounts();
}

if (document.getElementById('components')) {
  remember(['components']);
  setInterval(async () => document.hidden || replaceParts(await fetchPage(), ['components']), 10_000);
}

tellTimes();
