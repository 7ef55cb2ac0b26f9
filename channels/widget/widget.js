// @ts-check
/**
 * The Switchboard chat widget: one module script, no dependency, nothing of it outside its shadow root.
 *
 *   <script type="module" src="https://HOST/widget.js" data-title="…" data-color="…"></script>
 *
 * Top to bottom: words, colours, safe markup, what is kept in the browser (Vault, Outbox), the wire (Api,
 * Line), what has been said (Talk), what is shown (Chat), and `window.switchboard`. Types: types.d.ts.
 * The server leaves out these comments when it serves the file, so write as many as help.
 */

const SERVER = new URL('.', import.meta.url);
const SCRIPT = [...document.scripts].find((each) => each.src === import.meta.url);

// Words ------------------------------------------------------------------------------------------------

const KEYS = ('open close send person message log hello attach remove retry sending sent unsent offline ' +
  'fresh sources menu sound rate thanks big kind waiting you comment done stars long quote').split(' ');

/** @type {Record<string, string>} In the order of KEYS. */
const LOCALES = {
  en: 'Open chat|Close chat|Send|Talk to a person|Message|Conversation|Hi! How can we help?|Attach a file|Remove|Try again|Sending…|Sent|Could not be sent|No connection. Messages are sent later.|New messages|Sources|Menu|Sound|Rate this conversation|Thank you!|Larger than {}|This kind of file can’t be sent|A person will answer you here|You|Comment|Done|{} of 5 stars|Too long: {}|Quote from {}',
  de: 'Chat öffnen|Chat schließen|Senden|Mit einem Menschen sprechen|Nachricht|Unterhaltung|Hallo! Wie können wir helfen?|Datei anhängen|Entfernen|Erneut versuchen|Wird gesendet…|Gesendet|Konnte nicht gesendet werden|Keine Verbindung. Nachrichten werden später gesendet.|Neue Nachrichten|Quellen|Menü|Ton|Unterhaltung bewerten|Danke!|Größer als {}|Solche Dateien können nicht gesendet werden|Ein Mensch antwortet Ihnen hier|Sie|Kommentar|Fertig|{} von 5 Sternen|Zu lang: {}|Zitat aus {}',
  fr: 'Ouvrir le chat|Fermer le chat|Envoyer|Parler à une personne|Message|Conversation|Bonjour ! Comment pouvons-nous vous aider ?|Joindre un fichier|Retirer|Réessayer|Envoi…|Envoyé|Envoi impossible|Pas de connexion. Vos messages partiront plus tard.|Nouveaux messages|Sources|Menu|Son|Évaluer cette conversation|Merci !|Dépasse {}|Ce type de fichier ne peut pas être envoyé|Une personne vous répondra ici|Vous|Commentaire|Terminé|{} sur 5 étoiles|Trop long : {}|Extrait de {}',
  es: 'Abrir el chat|Cerrar el chat|Enviar|Hablar con una persona|Mensaje|Conversación|¡Hola! ¿En qué podemos ayudarle?|Adjuntar un archivo|Quitar|Reintentar|Enviando…|Enviado|No se pudo enviar|Sin conexión. Los mensajes se envían después.|Mensajes nuevos|Fuentes|Menú|Sonido|Valorar esta conversación|¡Gracias!|Supera {}|Este tipo de archivo no se puede enviar|Una persona le responderá aquí|Usted|Comentario|Listo|{} de 5 estrellas|Demasiado largo: {}|Cita de {}',
  it: 'Apri la chat|Chiudi la chat|Invia|Parla con una persona|Messaggio|Conversazione|Ciao! Come possiamo aiutarti?|Allega un file|Rimuovi|Riprova|Invio…|Inviato|Invio non riuscito|Nessuna connessione. I messaggi partono più tardi.|Nuovi messaggi|Fonti|Menu|Suono|Valuta questa conversazione|Grazie!|Supera {}|Questo tipo di file non può essere inviato|Una persona ti risponderà qui|Tu|Commento|Fatto|{} stelle su 5|Troppo lungo: {}|Citazione da {}',
  nl: 'Chat openen|Chat sluiten|Versturen|Met een mens praten|Bericht|Gesprek|Hallo! Hoe kunnen we helpen?|Bestand toevoegen|Verwijderen|Opnieuw proberen|Wordt verstuurd…|Verstuurd|Kon niet worden verstuurd|Geen verbinding. Berichten worden later verstuurd.|Nieuwe berichten|Bronnen|Menu|Geluid|Beoordeel dit gesprek|Bedankt!|Groter dan {}|Dit soort bestand kan niet worden verstuurd|Een mens antwoordt je hier|Jij|Opmerking|Klaar|{} van 5 sterren|Te lang: {}|Citaat uit {}',
  pt: 'Abrir o chat|Fechar o chat|Enviar|Falar com uma pessoa|Mensagem|Conversa|Olá! Como podemos ajudar?|Anexar um ficheiro|Remover|Tentar de novo|A enviar…|Enviada|Não foi possível enviar|Sem ligação. As mensagens seguem mais tarde.|Novas mensagens|Fontes|Menu|Som|Avaliar esta conversa|Obrigado!|Maior do que {}|Este tipo de ficheiro não pode ser enviado|Uma pessoa vai responder aqui|Você|Comentário|Concluir|{} de 5 estrelas|Demasiado longo: {}|Citação de {}',
  pl: 'Otwórz czat|Zamknij czat|Wyślij|Porozmawiaj z człowiekiem|Wiadomość|Rozmowa|Cześć! W czym możemy pomóc?|Dołącz plik|Usuń|Spróbuj ponownie|Wysyłanie…|Wysłano|Nie udało się wysłać|Brak połączenia. Wiadomości zostaną wysłane później.|Nowe wiadomości|Źródła|Menu|Dźwięk|Oceń tę rozmowę|Dziękujemy!|Większy niż {}|Plików tego rodzaju nie można wysłać|Człowiek odpowie tutaj|Ty|Komentarz|Gotowe|{} z 5 gwiazdek|Za długie: {}|Cytat z: {}',
  sv: 'Öppna chatten|Stäng chatten|Skicka|Prata med en människa|Meddelande|Konversation|Hej! Hur kan vi hjälpa till?|Bifoga en fil|Ta bort|Försök igen|Skickas…|Skickat|Kunde inte skickas|Ingen anslutning. Meddelanden skickas senare.|Nya meddelanden|Källor|Meny|Ljud|Betygsätt konversationen|Tack!|Större än {}|Den här sortens fil kan inte skickas|En människa svarar dig här|Du|Kommentar|Klar|{} av 5 stjärnor|För långt: {}|Citat från {}',
  da: 'Åbn chatten|Luk chatten|Send|Tal med et menneske|Besked|Samtale|Hej! Hvordan kan vi hjælpe?|Vedhæft en fil|Fjern|Prøv igen|Sender…|Sendt|Kunne ikke sendes|Ingen forbindelse. Beskeder sendes senere.|Nye beskeder|Kilder|Menu|Lyd|Bedøm samtalen|Tak!|Større end {}|Den slags filer kan ikke sendes|Et menneske svarer dig her|Dig|Kommentar|Færdig|{} af 5 stjerner|For lang: {}|Citat fra {}',
  tr: 'Sohbeti aç|Sohbeti kapat|Gönder|Bir insanla görüş|Mesaj|Görüşme|Merhaba! Nasıl yardımcı olabiliriz?|Dosya ekle|Kaldır|Yeniden dene|Gönderiliyor…|Gönderildi|Gönderilemedi|Bağlantı yok. Mesajlar sonra gönderilir.|Yeni mesajlar|Kaynaklar|Menü|Ses|Bu görüşmeyi değerlendir|Teşekkürler!|{} sınırını aşıyor|Bu tür dosyalar gönderilemez|Bir insan size burada yanıt verecek|Siz|Yorum|Bitti|5 üzerinden {} yıldız|Çok uzun: {}|Alıntı: {}',
  ar: 'فتح المحادثة|إغلاق المحادثة|إرسال|التحدث إلى شخص|رسالة|محادثة|مرحبًا! كيف يمكننا مساعدتك؟|إرفاق ملف|إزالة|إعادة المحاولة|جارٍ الإرسال…|أُرسلت|تعذّر الإرسال|لا يوجد اتصال. ستُرسل الرسائل لاحقًا.|رسائل جديدة|المصادر|القائمة|الصوت|تقييم المحادثة|شكرًا لك!|أكبر من {}|لا يمكن إرسال هذا النوع من الملفات|سيجيبك شخص هنا|أنت|تعليق|تم|{} من 5 نجوم|طويل جدًا: {}|اقتباس من {}',
};

let locale = 'en';
/** @type {string[]} */
let words = [];

/** @param {string} wanted a language tag; what we have no words for is shown in English */
function speak(wanted) {
  try {
    locale = Intl.getCanonicalLocales(wanted)[0] || 'en';
  } catch {
    locale = 'en';
  }
  words = (LOCALES[locale.split('-')[0]] || LOCALES.en).split('|');
}

const rightToLeft = () => /^(ar|he|fa|ur)\b/.test(locale);

/** @param {string} key @param {string} [value] */
const t = (key, value = '') => words[KEYS.indexOf(key)].replace('{}', () => value);

/** @param {number} bytes counted by 1,024, as most file managers do */
function size(bytes) {
  const mega = bytes >= 2 ** 20;
  const style = { style: 'unit', unit: mega ? 'megabyte' : 'kilobyte', maximumFractionDigits: mega ? 1 : 0 };
  return new Intl.NumberFormat(locale, /** @type {Intl.NumberFormatOptions} */ (style))
    .format(Math.max(bytes / (mega ? 2 ** 20 : 1024), mega ? 0 : 1));
}

// characters of a message: the server takes no more
const LONGEST = 8000;

/** @param {string} text @returns {string} how far it is beyond what may be sent, or "" */
function excess(text) {
  const length = [...text.trim()].length;
  return length > LONGEST ? t('long', [length, LONGEST].map((each) => each.toLocaleString(locale)).join(' / ')) : '';
}

/** @param {Date} date */
function dayName(date) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 864e5);
  if (days < 2) return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(-days, 'day');
  return date.toLocaleDateString(locale, { weekday: 'long', day: 'numeric', month: 'long' });
}

// Colours ----------------------------------------------------------------------------------------------

/** @param {string} css any colour CSS knows; what it does not know is our blue @returns {Rgb} */
function rgb(css) {
  let hex = '#2456d6';
  const pen = document.createElement('canvas').getContext('2d');
  if (pen) {
    pen.fillStyle = hex;
    pen.fillStyle = css;
    if (/^#[0-9a-f]{6}$/.test(pen.fillStyle)) hex = pen.fillStyle;
  }
  const number = parseInt(hex.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** @param {Rgb} one @param {Rgb} other @returns {number} as WCAG 2 defines it */
function contrast(one, other) {
  const [dark, light] = [one, other].map(([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c > 10 ? ((c / 255 + 0.055) / 1.055) ** 2.4 : c / 3294.6));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  }).sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** The accent, moved towards `end` until text in it can be read on `ground`.
 * @param {Rgb} colour @param {Rgb} ground @param {number} end 0 or 255 */
function readable(colour, ground, end) {
  while (contrast(colour, ground) < 4.6) {
    colour = /** @type {Rgb} */ (colour.map((c) => c + (end - c) * 0.1));
  }
  return `rgb(${colour})`;
}

// Building pages ---------------------------------------------------------------------------------------

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [settings] attributes, and listeners named on…
 * @param {...Part} children
 * @returns {HTMLElementTagNameMap[K]}
 */
function h(tag, settings = {}, ...children) {
  const node = document.createElement(tag);
  if (node instanceof HTMLButtonElement) node.type = 'button';
  for (const [key, value] of Object.entries(settings)) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, '');
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(.../** @type {Node[]} */ (children.filter(Boolean)));
  return node;
}

const ICONS = {
  chat: 'M21 12a8 8 0 0 1-8 8H4l1.5-3.5A8 8 0 1 1 21 12ZM9 12h.01M13 12h.01M17 12h.01',
  close: 'M6 6l12 12M18 6 6 18',
  send: 'M12 19V5m-6 6 6-6 6 6',
  clip: 'M20 11.5 12.5 19a5 5 0 0 1-7-7L13 4.5a3.3 3.3 0 0 1 4.7 4.7L10.3 16.5a1.7 1.7 0 0 1-2.4-2.4L14.5 7.5',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 21a8 8 0 0 1 16 0',
  menu: 'M11.5 5h1M11.5 12h1M11.5 19h1',
  down: 'M12 5v14m-6-6 6 6 6-6',
  more: 'm6 9 6 6 6-6',
  file: 'M14 3H6v18h12V7l-4-4Zm0 0v4h4',
  star: 'm12 4 2.5 5 5.5.8-4 3.9.9 5.5-4.9-2.6-4.9 2.6.9-5.5-4-3.9 5.5-.8L12 4Z',
};

/** @param {keyof typeof ICONS} name */
function icon(name) {
  const draw = (/** @type {string} */ tag) => document.createElementNS('http://www.w3.org/2000/svg', tag);
  const svg = draw('svg');
  const path = draw('path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** @param {string} kind class names @param {keyof typeof ICONS} picture @param {string} name @param {() => void} act */
const button = (kind, picture, name, act) =>
  h('button', { class: kind, 'aria-label': name, title: name, onclick: act }, icon(picture));

// Safe markup: text becomes elements one by one; nothing is ever handed to innerHTML ------------------

const ALLOWED = new Set(('p br hr strong b em i u s del code pre blockquote ul ol li table thead tbody tr th td ' +
  'sup sub span a h1 h2 h3 h4 h5 h6').split(' '));
const DROPPED = new Set(('script style template title textarea select iframe object embed noscript noembed ' +
  'noframes svg math xmp plaintext').split(' '));

/** A link where the address may be led to, else just its words.
 * @param {string} address @param {...(Node|string)} children @returns {HTMLElement} */
function link(address, ...children) {
  try {
    const href = new URL(address, SERVER);
    if (/^(https?|mailto|tel):$/.test(href.protocol)) {
      return h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, ...children);
    }
  } catch {}
  return h('span', {}, ...children);
}

/** @param {Node} from @param {Node} to @param {number} depth */
function copyAllowed(from, to, depth) {
  for (const node of from.childNodes) {
    if (node instanceof Text) to.appendChild(new Text(node.data));
    if (!(node instanceof Element) || DROPPED.has(node.localName)) continue;
    let copy = to;
    if (ALLOWED.has(node.localName) && depth < 40) {
      copy = node.localName === 'a'
        ? link(node.getAttribute('href') || '')
        : document.createElement(node.localName.replace(/^h\d/, 'h4'));
      const start = node.localName === 'ol' && node.getAttribute('start');
      if (start && copy instanceof HTMLOListElement) copy.start = parseInt(start, 10) || 1;
      to.appendChild(copy);
    }
    if (depth < 400) copyAllowed(node, copy, depth + 1);
  }
}

/** A second wall behind the server's: elements are copied from an inert document, by an allow-list.
 * @param {string} html */
function fromHtml(html) {
  const out = document.createDocumentFragment();
  copyAllowed(new DOMParser().parseFromString(html, 'text/html').body, out, 0);
  return out;
}

/** @param {string} text */
const fromPlain = (text) => h('p', { class: 'plain' }, text);

/** What a reply looks like while it is written: close to the server's rendering, so that nothing jumps.
 * @param {string} text Markdown, perhaps cut in the middle of a mark */
function fromMarkdown(text) {
  const out = document.createDocumentFragment();
  let block = /** @type {HTMLElement|null} */ (null);
  for (const line of text.split('\n')) {
    const item = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)/s.exec(line);
    const heading = /^#{1,6}\s+(.*)/s.exec(line);
    if (/^\s*```/.test(line)) {
      const end = block instanceof HTMLPreElement;
      block = end ? null : h('pre');
      if (block) out.append(block);
    } else if (block instanceof HTMLPreElement) {
      block.append(line + '\n');
    } else if (item) {
      const kind = item[1] ? 'ol' : 'ul';
      if (block?.localName !== kind) out.append(block = h(kind, { start: item[1] }));
      block.append(h('li', {}, inline(item[2])));
    } else if (heading) {
      out.append(h('h4', {}, inline(heading[1])));
      block = null;
    } else if (!line.trim()) {
      block = null;
    } else if (block?.localName === 'p') {
      block.append(h('br'), inline(line));
    } else if (block && /^\s/.test(line)) {
      block.lastChild?.appendChild(inline(' ' + line.trim()));
    } else {
      out.append(block = h('p', {}, inline(line)));
    }
  }
  return out;
}

/** @param {string} text one line @returns {DocumentFragment} */
function inline(text) {
  const out = document.createDocumentFragment();
  const marks = /\*\*(.+?)(?:\*\*|$)|`([^`]+)(?:`|$)|\[([^\]]+)\]\([^)\s]*\)?|\*([^*\s][^*]*)\*/g;
  let from = 0;
  for (const mark of text.matchAll(marks)) {
    const [all, strong, code, name, em] = mark;
    out.append(text.slice(from, mark.index));
    if (strong) out.append(h('strong', {}, inline(strong)));
    else if (em) out.append(h('em', {}, em));
    else out.append(code ? h('code', {}, code) : h('u', {}, name));
    from = mark.index + all.length;
  }
  out.append(text.slice(from));
  return out;
}

// What is kept in the browser --------------------------------------------------------------------------

/** What the browser stores by server, or memory where it may not; and locks shared by this site's tabs. */
class Vault {
  #prefix = `switchboard:${SERVER.href}:`;
  /** @type {Storage|null} */
  #disk = null;
  /** @type {Map<string, string>} */
  #memory = new Map();

  /** @param {'localStorage'|'sessionStorage'} kind for all tabs, or for this one */
  constructor(kind) {
    // A page in a sandbox may not: nothing outlives it.
    try {
      this.#disk = window[kind];
    } catch {}
  }

  /** @param {string} key */
  get(key) {
    return this.#memory.get(key) ?? this.#disk?.getItem(this.#prefix + key) ?? null;
  }

  /** @param {string} key @param {string|null} value null forgets */
  set(key, value) {
    this.#memory.delete(key);
    try {
      if (value === null) this.#disk?.removeItem(this.#prefix + key);
      else if (this.#disk) this.#disk.setItem(this.#prefix + key, value);
      else this.#memory.set(key, value);
    } catch {
      // the disk is full: still sent, from memory
      if (value !== null) this.#memory.set(key, value);
    }
  }

  keys() {
    const stored = Object.keys(this.#disk || {}).filter((key) => key.startsWith(this.#prefix));
    return [...new Set([...this.#memory.keys(), ...stored.map((key) => key.slice(this.#prefix.length))])];
  }

  /** @param {(key: string, value: string|null) => void} hear what another tab changed; null: forgot */
  watch(hear) {
    addEventListener('storage', ({ key, newValue }) => {
      if (key?.startsWith(this.#prefix)) hear(key.slice(this.#prefix.length), newValue);
    });
  }

  /**
   * One tab at a time, where the browser can (the server deduplicates anyhow).
   * @template T @param {string} name @param {() => Promise<T>} work @returns {Promise<T>}
   */
  alone(name, work) {
    return navigator.locks ? navigator.locks.request(this.#prefix + name, work) : work();
  }
}

/** Messages not yet acknowledged, one key each so that two tabs never overwrite one another. */
class Outbox {
  #last = 0;

  /** @param {Vault} vault */
  constructor(vault) {
    this.vault = vault;
  }

  /** @returns {Unsent[]} in the order they were written */
  all() {
    return this.vault.keys().filter((key) => key.startsWith('out:'))
      .map((key) => JSON.parse(this.vault.get(key) || 'null')).filter(Boolean)
      .sort((one, other) => one.at - other.at);
  }

  /** @param {Unsent} item */
  keep(item) {
    this.vault.set('out:' + item.id, JSON.stringify(item));
  }

  /** @param {string} id */
  drop(id) {
    this.vault.set('out:' + id, null);
  }

  /** @param {string} text @param {Attachment[]} attachments */
  add(text, attachments) {
    this.#last = Math.max(Date.now(), this.#last + 1);
    // Not crypto.randomUUID: pages without https have none.
    const id = crypto.getRandomValues(new Uint32Array(4)).join('-');
    this.keep({ id, at: this.#last, text, attachments });
  }
}

// The wire ---------------------------------------------------------------------------------------------

/** The server answered, and it was no. */
class Refused extends Error {
  /** @param {number} status @param {string} message @param {number} after seconds to wait */
  constructor(status, message, after) {
    super(message);
    this.status = status;
    this.after = after;
  }
}

class Api {
  /** @param {Vault} vault */
  constructor(vault) {
    this.vault = vault;
  }

  /** @returns {Record<string, string>} the token travels in this header and nowhere else */
  authorization() {
    const token = this.vault.get('token');
    return token ? { Authorization: 'Bearer ' + token } : {};
  }

  /** @param {string} path below /api/web/ */
  address(path) {
    return new URL('api/web/' + path, SERVER).href;
  }

  /** @param {string} address @param {RequestInit} how @returns {Promise<Response>} Throws Refused, or TypeError without a network. */
  async fetch(address, { headers, ...how }) {
    const options = { ...how, headers: { ...this.authorization(), ...headers } };
    const response = await fetch(address, { cache: 'no-store', credentials: 'omit', ...options });
    if (response.ok) return response;
    const told = await response.json().catch(() => null);
    const after = parseInt(response.headers.get('Retry-After') || '', 10) || 0;
    throw new Refused(response.status, told?.error?.message || response.statusText, after);
  }

  /** @param {string} path @param {object} body @returns {Promise<any>} */
  async post(path, body) {
    const json = JSON.stringify(body);
    const response = await this.fetch(this.address(path), {
      method: 'POST',
      body: json,
      headers: { 'Content-Type': 'application/json' },
      // leaving the page does not stop it; browsers allow 64 KB
      keepalive: json.length < 3e4,
      signal: AbortSignal.timeout(2e4),
    });
    return response.status === 204 ? null : response.json();
  }

  /** @param {AbortSignal} signal @param {string} identity @param {boolean} [withToken] @returns {Promise<Session>} */
  begin(signal, identity, withToken = true) {
    return this.vault.alone('session', async () => {
      signal.throwIfAborted();
      const token = (withToken && this.vault.get('token')) || undefined;
      const session = await this.post('session', { token, identity: identity || undefined });
      // Whoever was forgotten meanwhile must not come back by their token.
      signal.throwIfAborted();
      if (this.vault.get('token') !== session.token) this.vault.set('token', session.token);
      return session;
    });
  }
}

/** Reads server-sent events from bytes as they come. */
class Frames {
  #rest = '';
  #decoder = new TextDecoder();

  /** @param {Uint8Array} bytes @returns {Frame[]} */
  read(bytes) {
    const frames = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(/\r?\n\r?\n/);
    this.#rest = frames.pop() || '';
    return frames.map((frame) => {
      const found = { event: 'message', id: '', data: '' };
      // Not by `.` and `$`: to them U+2028 ends a line, and whoever writes one could forge an id.
      for (const line of frame.split(/\r?\n/)) {
        const colon = line.indexOf(':');
        const name = line.slice(0, Math.max(colon, 0));
        const value = line.slice(colon + 1).replace(/^ /, '');
        if (name === 'data') found.data += value + '\n';
        else if (name === 'id' || name === 'event') found[name] = value;
      }
      return found;
    }).filter((frame) => frame.data).map((frame) => ({ ...frame, data: JSON.parse(frame.data) }));
  }
}

/**
 * The connection: a session, then what happens from its cursor on. It falls back to long polling where a
 * proxy holds streams back, tries again with growing pauses, and lets go while the page is hidden.
 */
class Line {
  /** @type {AbortController|null} */
  #control = null;
  #cursor = '';
  #heard = 0;
  // until when streams are taken to be held back
  #held = 0;
  /** @type {Set<() => void>} */
  #waiting = new Set();
  #identity = '';
  begun = false;

  /** @param {Api} api @param {Listener} listener */
  constructor(api, listener) {
    this.api = api;
    this.listener = listener;
    addEventListener('online', () => this.nudge());
    addEventListener('offline', () => {
      if (!this.#control || this.#control.signal.aborted) return;
      this.listener.connected(false);
      // What was still on its way here must not speak for a connection that is gone.
      this.restart();
    });
    addEventListener('pageshow', (event) => event.persisted && this.#control && this.restart());
    let asleep = 0;
    document.addEventListener('visibilitychange', () => {
      clearTimeout(asleep);
      if (document.hidden) {
        asleep = window.setTimeout(() => this.#control?.abort('hidden'), 3e4);
      } else if (this.#control) {
        if (this.#control.signal.aborted || Date.now() - this.#heard > 2e4) this.restart();
        else this.nudge();
      }
    });
  }

  start() {
    if (!this.#control) this.restart();
  }

  /** Forget the session, and whom it was to be for. */
  stop() {
    this.#control?.abort();
    this.#control = null;
    this.#identity = '';
    this.begun = false;
  }

  restart() {
    this.#control?.abort();
    this.#control = new AbortController();
    this.#run(this.#control.signal);
  }

  /** Forget the session and begin one again, for somebody else or with another token. @param {string} [identity] */
  renew(identity = this.#identity) {
    this.#identity = identity;
    this.begun = false;
    if (this.#control) this.restart();
  }

  /** Do not wait any longer: something says that it is worth trying. */
  nudge() {
    for (const go of this.#waiting) go();
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    let pause = 500;
    while (!signal.aborted) {
      try {
        if (!this.begun) await this.#begin(signal);
        if (signal.aborted) return;
        await (Date.now() < this.#held ? this.#poll(signal) : this.#stream(signal));
        pause = 500;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refused && error.status < 500 && error.status !== 429 && error.status !== 408) {
          // the token or the cursor is not known any more
          this.begun = false;
        } else {
          this.listener.connected(false);
        }
        const after = (error instanceof Refused && error.after * 1e3) || 0;
        await this.wait(Math.max(after, pause * (0.75 + Math.random() / 2)));
        pause = Math.min(pause * 2, 15e3);
      }
    }
  }

  /** @param {number} milliseconds at most @returns {Promise<void>} */
  wait(milliseconds) {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, milliseconds);
      this.#waiting.add(go);
    });
  }

  /** @param {AbortSignal} signal */
  async #begin(signal) {
    let session;
    try {
      session = await this.api.begin(signal, this.#identity);
    } catch (error) {
      if (signal.aborted || !(error instanceof Refused) || error.status >= 500 || error.status === 429) throw error;
      this.listener.error(error);
      session = await this.api.begin(signal, '', error.status !== 401);
    }
    if (signal.aborted) return;
    // The token stands for them from now on, until another tab says otherwise.
    this.#identity = '';
    this.#cursor = session.cursor;
    this.begun = true;
    this.listener.session(session);
    this.#alive();
  }

  #alive() {
    this.#heard = Date.now();
    this.listener.connected(true);
  }

  /** @param {Frame} frame */
  #take({ event, id, data }) {
    if (id) this.#cursor = id;
    this.listener.event(event, data);
  }

  /** @param {string} Accept @param {AbortSignal[]} signals any of them ends it */
  #events(Accept, ...signals) {
    const address = this.api.address('events?after=' + encodeURIComponent(this.#cursor));
    return this.api.fetch(address, { headers: { Accept }, signal: AbortSignal.any(signals) });
  }

  /** @param {AbortSignal} signal */
  async #stream(signal) {
    // The server speaks at once and then every 15 s: silence means that somebody holds the stream back.
    const silence = new AbortController();
    const expect = (/** @type {number} */ within) => setTimeout(() => silence.abort(), within);
    let heard = false;
    let timer = expect(6e3);
    try {
      const response = await this.#events('text/event-stream', signal, silence.signal);
      const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
      const frames = new Frames();
      for (;;) {
        const { done, value } = await reader.read();
        if (signal.aborted) return;
        if (done) return await this.wait(300);
        heard = true;
        clearTimeout(timer);
        timer = expect(4e4);
        this.#alive();
        for (const frame of frames.read(value)) this.#take(frame);
      }
    } catch (error) {
      if (!silence.signal.aborted) throw error;
      if (!heard) this.#held = Date.now() + 3e5;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {AbortSignal} signal */
  async #poll(signal) {
    try {
      const response = await this.#events('application/json', signal, AbortSignal.timeout(45e3));
      const { events, cursor } = await response.json();
      if (signal.aborted) return;
      this.#alive();
      events.forEach((/** @type {Frame} */ each) => this.#take(each));
      this.#cursor = cursor || this.#cursor;
    } catch (error) {
      // not the proxy's holding, then
      this.#held = 0;
      throw error;
    }
  }
}

// What has been said -----------------------------------------------------------------------------------

/** The conversation as this page knows it. Everything may arrive twice; nothing is held twice. */
class Talk {
  /** @type {Map<string, Message>} */
  messages = new Map();
  /** @type {string[]} conversations, oldest first: `seq` counts within each */
  #conversations = [];
  /** @type {Map<string, Turn>} replies being written */
  turns = new Map();
  /** @type {Map<string, {author: Author, at: number}>} */
  typing = new Map();
  status = 'bot';

  get conversation() {
    return this.#conversations.at(-1);
  }

  /** @param {string} id */
  enter(id) {
    if (!this.#conversations.includes(id)) this.#conversations.push(id);
  }

  /** @param {Message} message */
  add(message) {
    this.messages.set(message.id, message);
    this.enter(message.conversation_id);
    if (message.turn_id) this.turns.delete(message.turn_id);
    if (message.direction === 'out') this.typing.delete(message.author.kind);
  }

  sorted() {
    const rank = (/** @type {Message} */ each) => this.#conversations.indexOf(each.conversation_id);
    return [...this.messages.values()].sort((one, other) => rank(one) - rank(other) || one.seq - other.seq);
  }

  /** @param {Delta} delta */
  hear({ turn_id, text, offset }) {
    for (const message of this.messages.values()) if (message.turn_id === turn_id) return;
    let turn = this.turns.get(turn_id);
    if (!turn || offset === 0) turn = { text: '', length: 0, missed: false, at: 0 };
    // `offset` counts code points; a gap means that the beginning was said while nobody listened here
    if (offset < turn.length) turn.text = [...turn.text].slice(0, offset).join('');
    turn.missed ||= offset > turn.length;
    turn.text += text;
    turn.length = offset + [...text].length;
    turn.at = Date.now();
    this.turns.set(turn_id, turn);
  }

  /** @param {{author: Author, active: boolean}} news */
  type({ author, active }) {
    // another tab of ours
    if (author.kind === 'contact') return;
    if (active) this.typing.set(author.kind, { author, at: Date.now() });
    else this.typing.delete(author.kind);
  }

  /** @param {{message_ids: string[], delivery: {status: string}}} news */
  deliver({ message_ids, delivery }) {
    for (const id of message_ids) {
      const message = this.messages.get(id);
      if (message) this.messages.set(id, { ...message, delivery });
    }
  }

  /** Forget what nobody goes on writing; who types says so every few seconds. @param {number} [since] */
  hush(since = Infinity) {
    for (const [id, turn] of this.turns) if (turn.at < since) this.turns.delete(id);
    for (const [kind, typing] of this.typing) if (typing.at < since + 5e4) this.typing.delete(kind);
  }

  /** @param {string} kind of author */
  silence(kind) {
    this.typing.delete(kind);
    this.turns.clear();
  }
}

// What is shown ----------------------------------------------------------------------------------------

const STYLE = `
:host { all: initial !important }
* { box-sizing: border-box; margin: 0; font: inherit; color: inherit; letter-spacing: inherit }
[hidden] { display: none !important }
.root {
  --bg: #fff; --fg: #171b20; --soft: #f0f2f5; --line: #d9dee4; --dim: #59636e; --bad: #b3261e; --edge: var(--ink-light);
  font: 400 medium/1.45 system-ui, sans-serif;
  color: var(--fg); color-scheme: light; position: fixed; z-index: 2147483000;
}
.launcher, .panel { position: fixed; right: max(20px, env(safe-area-inset-right)); bottom: max(20px, env(safe-area-inset-bottom)) }
.left .launcher, .left .panel { right: auto; left: max(20px, env(safe-area-inset-left)) }
button { border: 0; background: none; cursor: pointer; padding: 0; display: inline-flex; align-items: center; justify-content: center; gap: 6px }
svg { width: 22px; height: 22px; flex: none; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round }
:focus-visible { outline: 3px solid var(--edge); outline-offset: 2px }
.launcher { width: 60px; height: 60px; border-radius: 50%; background: var(--accent); color: var(--on); box-shadow: 0 6px 24px #0004, 0 0 0 1px #fff3; transition: transform .15s }
.launcher:hover { transform: scale(1.06) }
.launcher svg { width: 28px; height: 28px }
.badge { position: absolute; top: -4px; inset-inline-end: -4px; min-width: 22px; padding: 0 6px; border-radius: 11px; background: #c62828; color: #fff; font-size: .8em; font-weight: 600; line-height: 22px; text-align: center }
.panel { width: 400px; max-width: calc(100vw - 40px); height: min(700px, 100dvh - 40px); display: flex; flex-direction: column; overflow: hidden; border-radius: 18px; background: var(--bg); box-shadow: 0 16px 60px #0005, 0 0 0 1px #0001; animation: rise .2s ease-out }
@keyframes rise { from { opacity: 0; transform: translateY(16px) } }
header { display: flex; align-items: center; gap: 12px; padding: 14px; padding-inline: 18px 12px; background: var(--accent); color: var(--on) }
header :focus-visible { outline-color: var(--on); outline-offset: -3px }
.face { width: 42px; height: 42px; border-radius: 50%; background: var(--on); color: var(--accent); display: grid; place-items: center; font-weight: 700; font-size: 1.15em; flex: none }
.names { flex: 1; min-width: 0 }
.names * { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.names h2 { font-size: 1.05em; font-weight: 650; line-height: 1.3 }
.names p { font-size: .85em }
.round { width: 40px; height: 40px; border-radius: 50%; flex: none }
.round:not(.send):hover { background: #8883 }
.menu { position: absolute; z-index: 3; top: 62px; inset-inline-end: 12px; display: grid; padding: 6px; border-radius: 12px; background: var(--bg); box-shadow: 0 8px 30px #0005, 0 0 0 1px var(--line) }
.menu button { padding: 10px 14px; border-radius: 8px; justify-content: start; min-width: 190px; text-align: start }
.menu button:hover { background: var(--soft) }
.menu [aria-pressed=true]::after { content: '✓'; margin-inline-start: auto; color: var(--edge) }
.offline { padding: 8px 18px; font-size: .85em; background: #fff1c9; color: #4d3800; text-align: center }
.body { position: relative; flex: 1; min-height: 0; display: flex }
[role=log] { flex: 1; overflow-y: auto; overscroll-behavior: contain; padding: 16px 16px 8px; display: flex; flex-direction: column; outline-offset: -3px }
[role=log] > :first-child { margin-top: auto }
.day { align-self: center; margin: 14px 0 6px; font-size: .78em; color: var(--dim) }
.day::first-letter { text-transform: uppercase }
.row { display: flex; flex-direction: column; align-items: flex-start; max-width: 88%; margin-top: 14px; min-width: 0 }
.new { animation: rise .2s ease-out }
.in { align-self: flex-end; align-items: flex-end }
.next { margin-top: 4px }
.who { font-size: .78em; color: var(--dim); margin: 0 4px 3px }
.in .who, .next .who, .hush { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
.bubble { padding: 10px 14px; border-radius: 16px; border-start-start-radius: 5px; background: var(--soft); max-width: 100%; overflow-wrap: anywhere; font-size: .95em }
.in .bubble { background: var(--accent); color: var(--on); border-start-start-radius: 16px; border-end-end-radius: 5px }
.system { align-self: center; align-items: center; text-align: center }
.system .bubble { background: none; color: var(--dim); font-size: .85em; padding: 2px 8px }
.system .who, .system .meta { display: none }
.meta { font-size: .75em; color: var(--dim); margin: 3px 4px 0; display: flex; flex-wrap: wrap; gap: 4px 10px; align-items: center }
.meta button { text-decoration: underline; color: var(--edge); min-height: 24px }
.meta b { color: var(--bad); font-weight: 600 }
.mid:not(:has(b)) .meta { display: none }
.plain { white-space: pre-wrap }
.bubble > * + *, .bubble li > * + * { margin-top: .6em }
.bubble h4, .bubble strong, .bubble b, .bubble th { font-weight: 650 }
.bubble em, .bubble i { font-style: italic }
.bubble ul, .bubble ol { padding-inline-start: 1.4em }
.bubble ul { list-style: disc }
.bubble ol { list-style: decimal }
.bubble li + li { margin-top: .25em }
.bubble a, .bubble u, .sources a { color: var(--edge); text-decoration: underline; text-underline-offset: 2px }
.in .bubble a { color: inherit }
.bubble code { font-family: ui-monospace, monospace; font-size: .92em; background: #8882; border-radius: 4px; padding: 1px 4px }
.bubble pre { font-family: ui-monospace, monospace; font-size: .88em; overflow-x: auto; background: #8882; border-radius: 8px; padding: 8px 10px; white-space: pre }
.bubble pre code { padding: 0; background: none }
.bubble blockquote, .quote { border-inline-start: 3px solid var(--line); padding-inline-start: 10px; color: var(--dim) }
.bubble table { display: block; overflow-x: auto; border-collapse: collapse; font-size: .92em; overflow-wrap: normal }
.bubble th, .bubble td { border-bottom: 1px solid var(--line); padding: 4px 0; padding-inline: 0 12px; text-align: start }
.bubble hr { border: 0; border-top: 1px solid var(--line) }
.dots { display: flex; gap: 5px; padding: 6px 2px }
.dots i { width: 7px; height: 7px; border-radius: 50%; background: var(--dim); animation: blink 1.2s infinite }
.dots i:nth-child(2) { animation-delay: .2s }
.dots i:nth-child(3) { animation-delay: .4s }
@keyframes blink { 0%, 60%, 100% { opacity: .3 } 30% { opacity: 1 } }
.sources { margin: 8px 4px 0; font-size: .82em; max-width: 100%; overflow-wrap: anywhere }
.sources ol { list-style: none; padding: 0; display: grid; gap: 3px }
.sources > p { color: var(--dim); font-weight: 600; margin-bottom: 3px }
.source { display: flex; align-items: baseline; gap: 7px }
.source > span:first-child { flex: none; min-width: 18px; padding: 0 5px; border-radius: 9px; background: var(--soft); text-align: center; font-size: .9em }
.source button { width: 24px; height: 24px; border-radius: 50%; align-self: center; flex: none }
.source svg, .pill svg, .foot svg, .tray button svg { width: 16px; height: 16px }
.source [aria-expanded=true] svg { transform: rotate(180deg) }
.quote { margin: 4px 0 6px; margin-inline: 8px 0; white-space: pre-wrap }
.files { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 6px }
.bubble .files:first-child { margin: 0 }
.file { display: flex; align-items: center; gap: 8px; padding: 7px 10px; border-radius: 10px; background: #8882; font-size: .88em; max-width: 100%; text-align: start }
.file small { opacity: .85; display: block; font-size: .88em }
.file span { min-width: 0; overflow-wrap: anywhere }
.file img { display: block; max-width: min(230px, 100%); max-height: 200px; border-radius: 8px }
.file:has(img) { padding: 0; background: none }
.hello { margin: auto; text-align: center; padding: 20px 8px; max-width: 320px }
.hello svg { width: 44px; height: 44px; color: var(--edge) }
.hello p { font-size: 1.2em; font-weight: 650; margin: 10px 0 18px; text-wrap: balance }
.hello div { display: grid; gap: 8px }
.chip { padding: 9px 16px; border: 1px solid var(--line); border-radius: 20px; font-size: .92em; color: var(--edge); overflow-wrap: anywhere }
.writing .hello div { visibility: hidden }
.chip:hover { background: var(--soft) }
.rating { align-self: center; text-align: center; margin: 18px 0 6px; padding: 12px 20px; border: 1px solid var(--line); border-radius: 14px; font-size: .9em }
.rating div { display: flex; justify-content: center }
.rating div button { width: 38px; height: 38px; color: var(--edge) }
.rating div:is(:hover, :has([aria-pressed=true])) svg { fill: currentColor }
.rating button:hover ~ button svg, .rating div:not(:hover) [aria-pressed=true] ~ button svg { fill: none }
.rating div + p { display: grid; gap: 8px; margin-top: 6px }
.rating textarea { border: 1px solid var(--dim); border-radius: 10px }
.pill { position: absolute; bottom: 10px; left: 50%; transform: translateX(-50%); z-index: 1; padding: 7px 16px; border-radius: 18px; background: var(--accent); color: var(--on); font-size: .85em; box-shadow: 0 4px 16px #0004; white-space: nowrap }
.tray { display: flex; flex-wrap: wrap; gap: 6px; padding: 8px 14px 0; max-height: 30vh; overflow-y: auto }
.tray .file { background: var(--soft) }
.tray progress { display: block; width: 100%; height: 4px; accent-color: var(--edge) }
.tray .file b { color: var(--bad); display: block; font-size: .88em; font-weight: 500 }
.tray button { width: 28px; height: 28px; border-radius: 50% }
form { margin: 8px 12px 0; padding: 4px; border: 1px solid var(--dim); border-radius: 24px; display: flex; align-items: flex-end; background: var(--bg) }
form:focus-within { border-color: var(--edge); box-shadow: 0 0 0 1px var(--edge) }
form .round { width: 38px; height: 38px }
textarea { flex: 1; min-width: 0; border: 0; background: none; resize: none; padding: 8px 6px; max-height: 9.5em; font-size: max(16px, 1em); line-height: 22px; overflow-wrap: anywhere }
form textarea:focus-visible { outline: none }
textarea::placeholder { color: var(--dim); opacity: 1 }
.send { background: var(--accent); color: var(--on); transition: opacity .15s }
.send[aria-disabled=true] { opacity: .45; cursor: default }
.foot { display: flex; justify-content: center; padding: 4px 12px max(8px, env(safe-area-inset-bottom)) }
.foot button { padding: 7px 14px; border-radius: 18px; font-size: .85em; color: var(--dim) }
.foot button:hover { background: var(--soft); color: var(--fg) }
.foot button[aria-disabled=true] { opacity: .6; cursor: default }
.drop { position: absolute; inset: 8px; z-index: 4; display: grid; place-items: center; border: 2px dashed var(--edge); border-radius: 12px; background: var(--bg); font-weight: 600; pointer-events: none }
@media (max-width: 480px), (max-height: 420px) {
  .panel, .left .panel { inset: var(--top, 0) 0 auto; width: auto; max-width: none; height: var(--high, 100dvh); border-radius: 0; padding-inline: env(safe-area-inset-left) env(safe-area-inset-right) }
  header { padding-top: max(10px, env(safe-area-inset-top)) }
}
@media (prefers-color-scheme: dark) {
  .root { --bg: #14181d; --fg: #e9edf1; --soft: #242a31; --line: #38414a; --dim: #a3aeb9; --bad: #ff9d94; --edge: var(--ink-dark); color-scheme: dark }
  .offline { background: #463711; color: #ffe9a8 }
}
@media (prefers-reduced-motion: reduce) { *, *::after { animation: none !important; transition: none !important } }
`;

const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLE);

/** The fixed parts of the widget, in the words of the moment; built anew when the language changes. */
class Panel {
  /** @param {Chat} chat */
  constructor(chat) {
    this.badge = h('span', { class: 'badge', 'aria-hidden': 'true' });
    this.launcher = h('button', { class: 'launcher', 'aria-label': t('open'), 'aria-haspopup': 'dialog', onclick: () => chat.open() }, icon('chat'), this.badge);

    this.face = h('span', { class: 'face', 'aria-hidden': 'true' });
    this.title = h('h2', { id: 'title', dir: 'auto' });
    this.standing = h('p', { dir: 'auto' });
    this.sound = h('button', { onclick: () => chat.toggleSound() }, t('sound'));
    this.menu = h('div', { class: 'menu', hidden: true }, this.sound, h('button', { onclick: () => chat.askForRating() }, t('rate')));
    this.more = button('round', 'menu', t('menu'), () => chat.toggleMenu());
    const close = button('round', 'close', t('close'), () => chat.close());
    const header = h('header', {}, this.face, h('div', { class: 'names' }, this.title, this.standing), this.more, close);

    this.offline = h('p', { class: 'offline', role: 'status', hidden: true }, t('offline'));
    // Pieces of an answer must not be read out one by one: `voice` says whole messages instead.
    this.log = h('div', { role: 'log', 'aria-label': t('log'), 'aria-live': 'off', tabindex: 0, onscroll: () => chat.scrolled() });
    this.voice = h('div', { class: 'hush', 'aria-live': 'polite' });
    this.pill = h('button', { class: 'pill', hidden: true, onclick: () => chat.follow() }, icon('down'), t('fresh'));
    this.drop = h('div', { class: 'drop', hidden: true }, t('attach'));

    this.tray = h('div', { class: 'tray' });
    this.excess = h('p', { class: 'offline', role: 'status' });
    this.picker = h('input', { type: 'file', multiple: true, hidden: true, onchange: () => chat.picked() });
    this.box = h('textarea', { rows: 1, 'aria-label': t('message'), placeholder: t('message'), dir: 'auto', enterkeyhint: 'send', oninput: () => chat.typed(), onkeydown: chat.key, onpaste: chat.pasted });
    this.send = button('round send', 'send', t('send'), () => chat.submit());
    const form = h('form', {}, button('round', 'clip', t('attach'), () => this.picker.click()), this.picker, this.box, this.send);
    this.person = h('button', { onclick: () => chat.askForPerson() }, icon('person'), t('person'));

    this.dialog = h('div', { class: 'panel', role: 'dialog', 'aria-modal': 'true', 'aria-labelledby': 'title', onkeydown: chat.keyInPanel, onclick: chat.clicked, ondragover: chat.dragged, ondragleave: chat.dragged, ondrop: chat.dropped },
      header, this.menu, this.offline, h('div', { class: 'body' }, this.log, this.pill, this.drop), this.tray, this.excess, form,
      h('div', { class: 'foot' }, this.person));
    this.frame = h('div', { class: 'root', dir: rightToLeft() ? 'rtl' : 'ltr', lang: locale }, this.launcher, this.dialog, this.voice);
  }
}

/** The element. It draws what Talk, Outbox and its own few flags say; `paint` may be called at any time. */
class Chat extends HTMLElement {
  vault = new Vault('localStorage');
  tab = new Vault('sessionStorage');
  outbox = new Outbox(this.vault);
  api = new Api(this.vault);
  talk = new Talk();
  /** @type {Settings} */
  settings = {};
  line = new Line(this.api, {
    session: (session) => this.#welcome(session),
    event: (kind, data) => this.#hear(kind, data),
    connected: (yes) => this.#connected(yes),
    error: (error) => this.emit('error', error),
  });
  isOpen = false;
  /** @type {Map<string, Set<(detail: any) => void>>} */
  #listeners = new Map();
  /** @type {Map<string, {node: HTMLElement, source: any}>} */
  #rows = new Map();
  /** @type {Upload[]} */
  #uploads = [];
  /** @type {Map<string, Promise<string>>} blob addresses of attachments */
  #blobs = new Map();
  #draining = false;
  // the thread follows what is new
  #stuck = true;
  #top = 0;
  #offline = false;
  #unread = 0;
  // the seq last said to be read
  #told = 0;
  #lastTyped = 0;
  #rating = '';
  #ready = false;
  #painting = 0;

  constructor() {
    super();
    this.shadow = this.attachShadow({ mode: 'open' });
    this.shadow.adoptedStyleSheets = [sheet];
    this.data = SCRIPT?.dataset || {};
    speak(this.data.locale || document.documentElement.lang || navigator.language);
    this.ui = new Panel(this);
    this.#dress();
  }

  connectedCallback() {
    if (this.#ready) return;
    this.#ready = true;
    this.vault.watch((key, value) => {
      if (key === 'token') {
        if (value) this.#restart();
        else this.#forget();
      }
      if (key.startsWith('out:')) this.#drain();
      this.paint();
    });
    window.visualViewport?.addEventListener('resize', () => this.#fit());
    window.visualViewport?.addEventListener('scroll', () => this.#fit());
    document.addEventListener('visibilitychange', () => this.#seen());
    setInterval(() => {
      this.talk.hush(Date.now() - 6e4);
      this.paint();
    }, 5e3);
    // Who never opened the chat costs the server nothing; who did is told of answers that came meanwhile.
    if (this.vault.get('token') || this.outbox.all().length) this.line.start();
    // A page loaded again is as it was left.
    if (this.tab.get('open') ?? ('open' in this.data && this.data.open !== 'false')) this.open(false);
    queueMicrotask(() => this.emit('ready'));
  }

  /** Puts a new Panel in place, in colours that can be read, whatever the site chose. */
  #dress() {
    const { frame, box, log } = this.ui;
    const accent = rgb(this.data.color || '');
    const on = contrast(accent, [255, 255, 255]) >= contrast(accent, [0, 0, 0]) ? '#fff' : '#000';
    frame.style.setProperty('--accent', `rgb(${accent})`);
    frame.style.setProperty('--on', on);
    frame.style.setProperty('--ink-light', readable(accent, [240, 242, 245], 0));
    frame.style.setProperty('--ink-dark', readable(accent, [36, 42, 49], 255));
    new ResizeObserver(() => this.#stuck && this.follow()).observe(log);
    frame.classList.toggle('left', (this.data.position || (rightToLeft() ? 'left' : '')) === 'left');
    this.#rows.clear();
    this.ui.offline.hidden = !this.#offline;
    this.shadow.replaceChildren(frame);
    box.value = this.vault.get('draft') || '';
    this.#show();
    this.#grow();
    this.paint();
  }

  #show(open = this.isOpen) {
    if (open !== this.isOpen) this.tab.set('open', open ? 'yes' : '');
    this.isOpen = open;
    this.ui.dialog.hidden = !open;
    this.ui.launcher.hidden = open;
  }

  /** Above the keyboard of a phone, not behind it. */
  #fit() {
    const { height = 0, offsetTop = 0, scale = 1 } = window.visualViewport || {};
    // zoomed in: the page keeps its layout
    if (scale !== 1) return;
    this.ui.dialog.style.setProperty('--high', `${height}px`);
    this.ui.dialog.style.setProperty('--top', `${offsetTop}px`);
  }

  // what the page may ask for

  /** @param {boolean} [focus] */
  open(focus = true) {
    if (this.isOpen) return;
    this.#show(true);
    this.#grow();
    this.line.start();
    this.follow();
    if (focus) this.ui.box.focus();
    this.#seen();
    this.emit('opened');
  }

  close() {
    if (!this.isOpen) return;
    const inside = this.shadow.activeElement;
    this.#show(false);
    if (inside) this.ui.launcher.focus();
    this.emit('closed');
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.open();
  }

  /** @param {string} text @param {Attachment[]} [attachments] */
  send(text, attachments = []) {
    if (!text.trim() && !attachments.length) return;
    this.outbox.add(text.trim(), attachments);
    this.#stuck = true;
    this.line.start();
    this.paint();
    this.#drain();
  }

  /** @param {string} jwt */
  identify(jwt) {
    this.line.renew(jwt);
    this.line.start();
  }

  /** Forget the visitor: a shared computer, or somebody signed out. */
  reset() {
    for (const key of this.vault.keys()) this.vault.set(key, null);
    this.#forget();
  }

  /** @param {string} wanted */
  setLocale(wanted) {
    speak(wanted);
    const focused = this.shadow.activeElement;
    this.ui = new Panel(this);
    this.#dress();
    this.#showUploads();
    if (focused) (this.isOpen ? this.ui.box : this.ui.launcher).focus();
  }

  /** @param {string} event @param {(detail: any) => void} hear */
  on(event, hear) {
    const listeners = this.#listeners.get(event) || new Set();
    this.#listeners.set(event, listeners.add(hear));
    if (event === 'ready' && this.#ready) queueMicrotask(() => hear(undefined));
    return () => listeners.delete(hear);
  }

  /** @param {string} event @param {any} [detail] */
  emit(event, detail) {
    for (const hear of this.#listeners.get(event) || []) {
      try {
        hear(detail);
      } catch (error) {
        // the page's own mistake must not stop the chat
        console.error(error);
      }
    }
  }

  // what the server says

  /** @param {Session} session */
  #welcome(session) {
    this.settings = session.settings || {};
    // Perhaps somebody else is here now: what was said to another is not theirs to see.
    if ((this.talk.conversation ?? session.conversation_id) !== session.conversation_id) this.#clear();
    this.talk.hush();
    session.messages.forEach((message) => this.#settle(message));
    this.talk.enter(session.conversation_id);
    this.talk.status = session.status || this.talk.status;
    this.paint();
    // the outbox may be waiting for just this
    this.line.nudge();
    this.#drain();
  }

  /** Nothing of the visitor stays, on the screen or on its way. */
  #forget() {
    this.line.stop();
    for (const { call } of this.#uploads.splice(0)) call.abort();
    this.ui.box.value = '';
    this.#showUploads();
    this.#restart();
  }

  /** A session from the token that is kept by now. */
  #restart() {
    this.#clear();
    this.line.renew();
    if (this.isOpen || this.vault.get('token')) this.line.start();
    this.paint();
  }

  #clear() {
    this.talk = new Talk();
    this.#rows.clear();
    for (const blob of this.#blobs.values()) blob.then(URL.revokeObjectURL, () => {});
    this.#blobs.clear();
    this.#rating = '';
    this.#told = 0;
    this.#say('');
    this.follow();
  }

  /** @param {string} kind @param {any} data */
  #hear(kind, data) {
    if (kind === 'message') this.#arrived(data);
    else if (kind === 'delta') this.talk.hear(data);
    else if (kind === 'typing') this.talk.type(data);
    else if (kind === 'delivery') this.talk.deliver(data);
    else if (kind === 'status') this.#changed(data);
    this.#paintSoon();
  }

  /** @param {Message} message */
  #arrived(message) {
    if (!this.#settle(message)) return;
    this.emit('message', message);
    if (message.direction === 'in') return;
    if (!this.isOpen || document.hidden) this.#beep();
    this.#say(this.isOpen ? `${message.author.name}: ${message.text}` : t('fresh'));
    if (!this.#stuck) this.ui.pill.hidden = false;
    this.paint();
    this.#seen();
  }

  /** @param {{status: string, conversation_id: string}} change */
  #changed({ status, conversation_id }) {
    this.talk.enter(conversation_id);
    if (conversation_id !== this.talk.conversation) return;
    this.talk.status = status;
    // what it was about to say is not said
    if (status === 'human') this.talk.silence('bot');
    if (status === 'resolved' && !this.#rating) this.#rating = 'ask';
  }

  /** A message is in the store: what stood for it so far becomes it. It may be told of here before its
   * sending is acknowledged. @param {Message} message @param {string} [sent] the outbox's id @returns {boolean} whether it is new */
  #settle(message, sent) {
    const fresh = !this.talk.messages.has(message.id);
    if (fresh && message.direction === 'in' && !sent) {
      const own = this.outbox.all().find((each) => each.tried && !each.shown && each.text === message.text);
      if (own) this.outbox.keep({ ...own, shown: true });
      sent = own?.id;
    }
    const before = sent ? 'out:' + sent : 'turn:' + message.turn_id;
    const row = this.#rows.get(before);
    if (row && fresh) {
      this.#rows.delete(before);
      this.#rows.set(message.id, { node: row.node, source: null });
    }
    this.talk.add(message);
    return fresh;
  }

  /** @param {boolean} yes */
  #connected(yes) {
    if (yes && this.#offline) this.line.nudge();
    this.ui.offline.hidden = !(this.#offline = !yes);
    if (!yes) this.talk.hush();
  }

  // what the visitor does

  /** Hands the outbox over, oldest first and one at a time; ends when it is empty. */
  async #drain() {
    if (this.#draining) return;
    this.#draining = true;
    let pause = 500;
    while (this.outbox.all().some((item) => !item.failed)) {
      const wait = await this.vault.alone('outbox', () => this.#handOver());
      pause = wait < 0 ? 500 : Math.min(pause * 2, 15e3);
      if (wait >= 0) await this.line.wait(Math.max(wait * 1e3, pause));
    }
    this.#draining = false;
  }

  /** @returns {Promise<number>} seconds to wait before the next try, -1 when this one is done with */
  async #handOver() {
    // another tab may have been quicker
    const item = this.outbox.all().find((each) => !each.failed);
    if (!item) return -1;
    if (!this.line.begun) {
      this.line.start();
      return 0;
    }
    const { talk } = this;
    try {
      const { id: client_id, text, attachments } = item;
      this.outbox.keep({ ...item, tried: true });
      const { message } = await this.api.post('messages', { client_id, text, attachments: attachments.map((each) => each.key) });
      this.outbox.drop(item.id);
      if (talk === this.talk && this.#settle(message, item.id)) this.emit('message', message);
    } catch (error) {
      // It was another visitor's, perhaps forgotten; if it is still kept, it is tried again.
      if (talk !== this.talk) return 0;
      const status = error instanceof Refused ? error.status : 0;
      if (status === 401) this.line.renew();
      if (!status || status >= 500 || [401, 408, 429].includes(status)) return error instanceof Refused ? error.after : 0;
      this.outbox.keep({ ...item, failed: true });
      this.#say(t('unsent'));
      this.emit('error', error);
    } finally {
      this.paint();
    }
    return -1;
  }

  /** Small things said in passing: when they fail, nothing is lost. @param {string} path @param {object} body */
  async #tell(path, body) {
    try {
      await this.api.post(path, body);
      return true;
    } catch (error) {
      this.emit('error', error);
      return false;
    }
  }

  submit() {
    this.ui.box.focus();
    if (this.ui.send.ariaDisabled === 'true') return;
    const files = this.#uploads.flatMap((each) => each.sent || []);
    this.send(this.ui.box.value, files);
    this.#uploads = this.#uploads.filter((each) => !each.sent);
    this.ui.box.value = '';
    this.typed(false);
    this.#showUploads();
  }

  async askForPerson() {
    if (this.ui.person.ariaDisabled === 'true') return;
    this.ui.person.ariaDisabled = 'true';
    this.line.start();
    while (!this.line.begun) await this.line.wait(200);
    if (!(await this.#tell('handoff', {}))) this.#say(t('unsent'));
    this.paint();
  }

  typed(active = true) {
    this.#grow();
    this.vault.set('draft', this.ui.box.value || null);
    const now = Date.now();
    if (active && this.line.begun && now - this.#lastTyped > 4e3) {
      this.#lastTyped = now;
      this.#tell('typing', { active });
    }
  }

  #grow() {
    this.ui.frame.classList.toggle('writing', !!this.ui.box.value);
    const ready = this.ui.box.value.trim() || this.#uploads.some((each) => each.sent);
    const busy = this.#uploads.some((each) => !each.sent && !each.error);
    const beyond = this.ui.excess.textContent = excess(this.ui.box.value);
    this.ui.excess.hidden = !beyond;
    this.ui.send.ariaDisabled = String(!ready || busy || !!beyond);
    this.ui.box.style.height = 'auto';
    this.ui.box.style.height = this.ui.box.scrollHeight + 'px';
  }

  /** @param {KeyboardEvent} event */
  key = (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.submit();
  };

  /** Escape leaves, Tab goes round, arrows move in the menu. @param {KeyboardEvent} event */
  keyInPanel = (event) => {
    if (event.key === 'Escape' && !event.isComposing) {
      event.stopPropagation();
      if (this.ui.menu.hidden) this.close();
      else this.toggleMenu(true);
    }
    if (/^Arrow(Up|Down)$/.test(event.key) && !this.ui.menu.hidden) {
      event.preventDefault();
      // of two, the other one
      /** @type {HTMLElement} */ (this.ui.menu.querySelector(':not(:focus)')).focus();
    }
    if (event.key !== 'Tab') return;
    const stops = [...this.ui.dialog.querySelectorAll('button, textarea, a[href], [tabindex="0"]')]
      .filter((each) => each.getClientRects().length);
    if (this.shadow.activeElement !== stops.at(event.shiftKey ? 0 : -1)) return;
    event.preventDefault();
    /** @type {HTMLElement} */ (stops.at(event.shiftKey ? -1 : 0)).focus();
  };

  /** A click anywhere else puts the menu away. @param {Event} event */
  clicked = (event) => {
    if (!event.composedPath().includes(this.ui.more)) this.toggleMenu(true);
  };

  /** Whoever was in the menu is at its button when it goes. */
  toggleMenu(hide = !this.ui.menu.hidden) {
    if (this.ui.menu.contains(this.shadow.activeElement)) this.ui.more.focus();
    this.ui.menu.hidden = hide;
    this.ui.more.ariaExpanded = String(!hide);
    this.ui.sound.ariaPressed = String(this.vault.get('sound') === 'on');
    if (!hide) this.ui.sound.focus();
  }

  toggleSound() {
    this.vault.set('sound', this.vault.get('sound') === 'on' ? null : 'on');
    this.#beep();
  }

  #beep() {
    if (this.vault.get('sound') !== 'on') return;
    const audio = new AudioContext();
    const tone = audio.createOscillator();
    const loud = audio.createGain();
    tone.frequency.setValueAtTime(660, 0);
    tone.frequency.setValueAtTime(880, 0.09);
    loud.gain.setValueAtTime(0.06, 0);
    loud.gain.exponentialRampToValueAtTime(0.001, 0.3);
    tone.connect(loud).connect(audio.destination);
    tone.start();
    tone.stop(0.3);
    tone.onended = () => audio.close();
  }

  askForRating() {
    this.#rating = 'ask';
    this.paint();
    this.follow();
    /** @type {HTMLElement|null} */ (this.ui.log.querySelector('.rating button'))?.focus();
  }

  // files

  /** @param {Iterable<File>} files */
  attach(files) {
    for (const file of files) {
      /** @type {Upload} */
      const upload = { file, bar: h('progress', { 'aria-label': file.name }), call: new XMLHttpRequest() };
      this.#uploads.push(upload);
      this.#upload(upload);
    }
    this.#showUploads();
  }

  /** XMLHttpRequest, because fetch cannot tell how far an upload has come. @param {Upload} upload */
  async #upload(upload) {
    const { file, call, bar } = upload;
    this.line.start();
    while (!this.line.begun) await this.line.wait(200);
    if (!this.#uploads.includes(upload)) return;
    const { max_bytes = Infinity, types = [] } = this.settings.attachments || {};
    const refuse = (/** @type {number} */ status) => {
      upload.error = status === 413 ? t('big', size(max_bytes)) : t(status === 415 ? 'kind' : 'unsent');
      this.#showUploads();
    };
    if (file.size > max_bytes) return refuse(413);
    if (types.length && !types.includes(file.type)) return refuse(415);
    const form = new FormData();
    form.append('file', file);
    call.open('POST', this.api.address('attachments'));
    call.responseType = 'json';
    call.setRequestHeader('Authorization', this.api.authorization().Authorization);
    call.upload.onprogress = ({ loaded, total }) => bar.value = loaded / total;
    call.onloadend = () => {
      upload.sent = call.response?.attachment;
      if (upload.sent) this.#showUploads();
      else refuse(call.status);
    };
    call.send(form);
  }

  #showUploads() {
    this.ui.tray.hidden = !this.#uploads.length;
    this.ui.tray.replaceChildren(...this.#uploads.map((upload) => {
      const { file, sent, error, bar, call } = upload;
      const remove = () => {
        call.abort();
        this.#uploads = this.#uploads.filter((each) => each !== upload);
        this.#showUploads();
        this.ui.box.focus();
      };
      return h('div', { class: 'file', role: error ? 'alert' : null }, icon('file'),
        h('span', {}, h('bdi', {}, file.name), error ? h('b', {}, error) : sent ? h('small', {}, size(file.size)) : bar),
        button('', 'close', `${t('remove')} ${file.name}`, remove));
    }));
    this.#grow();
  }

  picked() {
    this.attach(this.ui.picker.files || []);
    this.ui.picker.value = '';
    this.ui.box.focus();
  }

  /** @param {ClipboardEvent} event */
  pasted = (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length) return;
    event.preventDefault();
    this.attach(files);
  };

  /** @param {DragEvent} event over the panel, or leaving it */
  dragged = (event) => {
    const leaves = event.type === 'dragleave' && !event.relatedTarget;
    this.ui.drop.hidden = leaves || !event.dataTransfer?.types.includes('Files');
    if (!this.ui.drop.hidden) event.preventDefault();
  };

  /** @param {DragEvent} event */
  dropped = (event) => {
    this.ui.drop.hidden = true;
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    this.attach(event.dataTransfer.files);
  };

  /** A blob address, so that the token need not stand in one. @param {Attachment} file @returns {Promise<string>} */
  #blob({ key, url, media_type }) {
    const fetched = this.#blobs.get(key) || this.api.fetch(new URL(url, SERVER).href, { cache: 'default' })
      .then((response) => response.blob())
      .then((blob) => URL.createObjectURL(new Blob([blob], { type: /^image\//.test(media_type) ? media_type : 'application/octet-stream' })));
    this.#blobs.set(key, fetched);
    fetched.catch(() => this.#blobs.delete(key));
    return fetched;
  }

  /** @param {Attachment} file */
  #fileCard(file) {
    const save = async () => h('a', { href: await this.#blob(file), download: file.name }).click();
    const card = h('button', { class: 'file', onclick: save }, icon('file'),
      h('span', {}, h('bdi', {}, file.name), h('small', {}, size(file.size))));
    if (/^image\/(png|jpeg|gif|webp)$/.test(file.media_type)) {
      this.#blob(file).then(async (src) => {
        const image = h('img', { src, alt: file.name });
        await image.decode();
        card.replaceChildren(image);
        if (this.#stuck) this.follow();
        // Without a picture the card stays, and still downloads.
      }).catch(() => {});
    }
    return card;
  }

  // the picture

  #paintSoon() {
    if (!this.#painting) this.#painting = requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.#painting);
    this.#painting = 0;
    const { name = '', company = '' } = this.settings;
    const title = this.data.title || company || name || t('log');
    const human = [...this.talk.messages.values()].findLast((each) => each.author.kind === 'operator');
    const { status } = this.talk;
    this.ui.face.textContent = [...title][0];
    this.ui.title.textContent = title;
    this.ui.standing.textContent = status === 'waiting' ? t('waiting') : status === 'human' ? human?.author.name || t('waiting') : name;
    this.ui.person.ariaDisabled = String(status === 'waiting' || status === 'human');
    this.ui.picker.accept = (this.settings.attachments?.types || []).join();
    const rows = this.#wanted();
    const { children } = this.ui.log;
    const wanted = new Set(/** @type {Element[]} */ (rows));
    for (const row of [...children]) if (!wanted.has(row)) row.remove();
    rows.forEach((row, at) => row !== children[at] && this.ui.log.insertBefore(row, children[at]));
    if (this.#stuck) this.ui.log.scrollTop = this.ui.log.scrollHeight;
    this.#count();
  }

  /** The thread, top to bottom. */
  #wanted() {
    /** @type {HTMLElement[]} */
    const rows = [];
    let day = '';
    let last = '';
    const add = (/** @type {HTMLElement} */ row, /** @type {string} */ by) => {
      row.classList.toggle('next', by === last);
      rows.at(-1)?.classList.toggle('mid', by === last && !row.matches('.live'));
      row.classList.remove('mid');
      last = by;
      rows.push(row);
    };
    const addDay = (/** @type {Date} */ date) => {
      const name = dayName(date);
      if (name !== day) add(this.#row('day:' + name, name, () => h('div', { class: 'day' }, name)), '');
      day = name;
    };
    for (const message of this.talk.sorted()) {
      addDay(new Date(message.created_at));
      const { kind, name } = message.author;
      add(this.#row(message.id, message, (node) => this.#fill(node, message)), message.direction + kind + name);
    }
    for (const item of this.outbox.all()) {
      if (item.shown) continue;
      addDay(new Date(item.at));
      add(this.#row('out:' + item.id, String(item.failed), (node) => this.#fillUnsent(node, item)), 'incontact');
    }
    const bot = { kind: 'bot', name: this.settings.name || '' };
    for (const [id, turn] of this.talk.turns) {
      if (turn.length) add(this.#row('turn:' + id, turn.text + turn.missed, (node) => this.#fillTurn(node, turn, bot)), 'outbot' + bot.name);
    }
    for (const { author } of this.talk.typing.values()) {
      if (author.kind === 'bot' && this.talk.turns.size) continue;
      add(this.#row('typing:' + author.kind, author.name, (node) => this.#compose(node, 'out live', author, this.#bubble(dots()))), 'out' + author.kind + author.name);
    }
    if (!rows.length) rows.push(this.#row('hello', this.settings, () => this.#hello()));
    if (this.#rating) rows.push(this.#row('rating', this.#rating, () => this.#stars()));
    return rows;
  }

  /** The row of before when nothing changed, else the same element filled anew: selections and focus survive.
   * @param {string} key @param {any} source @param {(node: HTMLElement) => HTMLElement} fill */
  #row(key, source, fill) {
    const known = this.#rows.get(key);
    if (known && known.source === source) return known.node;
    const node = fill(known?.node || h('div', { class: 'row new' }));
    this.#rows.set(key, { node, source });
    return node;
  }

  /** @param {HTMLElement} node @param {string} kind class names @param {Author} author @param {...Part} parts */
  #compose(node, kind, author, ...parts) {
    const fresh = node.classList.contains('new');
    node.className = `row ${kind}${fresh ? ' new' : ''}`;
    const who = kind.startsWith('in') ? t('you') : author.name || this.settings.name || '';
    node.replaceChildren(h('div', { class: 'who', dir: 'auto' }, who), .../** @type {Node[]} */ (parts.filter(Boolean)));
    return node;
  }

  /** @param {...Part} parts */
  #bubble(...parts) {
    return h('div', { class: 'bubble', dir: 'auto' }, ...parts);
  }

  /** @param {Attachment[]} [files] */
  #files(files = []) {
    return files.length > 0 && h('div', { class: 'files' }, ...files.map((file) => this.#fileCard(file)));
  }

  /** @param {HTMLElement} node @param {Message} message */
  #fill(node, { author, direction, text, html, attachments, citations = [], created_at, delivery }) {
    const own = direction === 'in';
    const time = new Date(created_at).toLocaleTimeString(locale, { hour: 'numeric', minute: '2-digit' });
    return this.#compose(node, own ? 'in' : author.kind === 'system' ? 'system' : 'out', author,
      this.#bubble(own || !html ? text && fromPlain(text) : fromHtml(html), this.#files(attachments)),
      citations.length > 0 && this.#sources(citations),
      h('div', { class: 'meta' }, time, own && (delivery?.status === 'failed' ? h('b', {}, t('unsent')) : h('span', {}, t('sent')))));
  }

  /** @param {HTMLElement} node @param {Unsent} item */
  #fillUnsent(node, item) {
    const again = () => {
      this.outbox.keep({ ...item, failed: false });
      this.paint();
      this.#drain();
    };
    const discard = () => {
      this.outbox.drop(item.id);
      this.paint();
      this.ui.box.focus();
    };
    const beyond = excess(item.text);
    return this.#compose(node, 'in', { kind: 'contact', name: '' },
      this.#bubble(item.text && fromPlain(item.text), this.#files(item.attachments)),
      h('div', { class: 'meta' }, ...(item.failed
        ? [h('b', {}, beyond || t('unsent')), !beyond && h('button', { onclick: again }, t('retry')), h('button', { onclick: discard }, t('remove'))]
        : [t('sending')])));
  }

  /** @param {HTMLElement} node @param {Turn} turn @param {Author} author */
  #fillTurn(node, { text, missed }, author) {
    return this.#compose(node, 'out live', author, this.#bubble(missed ? dots() : fromMarkdown(text)));
  }

  /** @param {Citation[]} citations */
  #sources(citations) {
    return h('div', { class: 'sources' }, h('p', {}, t('sources')), h('ol', {}, ...citations.map(({ title, url, quote }, index) => {
      const passage = h('blockquote', { class: 'quote', dir: 'auto', hidden: true }, quote);
      const more = button('', 'more', t('quote', title || url), () => {
        passage.hidden = !passage.hidden;
        more.ariaExpanded = String(!passage.hidden);
      });
      more.ariaExpanded = 'false';
      return h('li', {}, h('div', { class: 'source' }, h('span', {}, String(index + 1)),
        url ? link(url, title || url) : h('span', {}, title), quote && more), passage);
    })));
  }

  #hello() {
    const chips = (this.settings.suggestions || []).map((text) =>
      h('button', { class: 'chip', dir: 'auto', onclick: () => {
        this.send(text);
        this.ui.box.focus();
      } }, text));
    return h('div', { class: 'hello' }, icon('chat'), h('p', {}, t('hello')), h('div', {}, ...chips));
  }

  /** The score counts as soon as it is given; a comment may follow. */
  #stars() {
    if (this.#rating === 'done') return h('div', { class: 'rating' }, t('thanks'));
    let score = 0;
    const told = h('p', {}, t('rate'));
    const note = h('textarea', { rows: 3, maxlength: 2000, dir: 'auto', 'aria-label': t('comment'), placeholder: t('comment') });
    const rate = async () => {
      const kept = await this.#tell('rating', { score, comment: note.value });
      this.#say(told.textContent = t(kept ? 'thanks' : 'unsent'));
      return kept;
    };
    const done = async () => {
      if (note.value.trim() && !(await rate())) return;
      this.#rating = 'done';
      this.paint();
      this.ui.box.focus();
    };
    const more = h('p', { hidden: true }, note, h('button', { class: 'chip', onclick: done }, t('done')));
    const stars = [1, 2, 3, 4, 5].map((each) => button('', 'star', t('stars', String(each)), async () => {
      score = each;
      stars.forEach((star, index) => star.ariaPressed = String(index === each - 1));
      if (!(await rate())) return;
      more.hidden = false;
      this.follow();
      note.focus();
    }));
    return h('div', { class: 'rating' }, told, h('div', { role: 'group', 'aria-label': t('rate') }, ...stars), more);
  }

  /** For screen readers: whole messages, never the pieces they are written in. @param {string} text */
  #say(text) {
    this.ui.voice.replaceChildren(h('p', {}, text));
  }

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.ui.log;
    // Only who scrolls up leaves the end: the thread may also have become smaller above a tray of files.
    this.#stuck = scrollHeight - scrollTop - clientHeight < 48 || (this.#stuck && scrollTop >= this.#top);
    this.#top = scrollTop;
    if (this.#stuck) this.ui.pill.hidden = true;
  }

  follow() {
    this.#stuck = true;
    this.ui.pill.hidden = true;
    this.ui.log.scrollTop = this.ui.log.scrollHeight;
  }

  /** @param {Message} message */
  #isNew = (message) => message.direction === 'out' && message.created_at > (this.vault.get('read') || '');

  #seen() {
    const messages = this.talk.sorted();
    const last = messages.at(-1);
    if (!last || !this.isOpen || document.hidden) return;
    if (messages.some(this.#isNew)) this.vault.set('read', last.created_at);
    if (last.seq > this.#told && last.direction === 'out') this.#tell('read', { seq: this.#told = last.seq });
    this.#count();
  }

  #count() {
    const unread = [...this.talk.messages.values()].filter(this.#isNew).length;
    this.ui.badge.hidden = !unread;
    this.ui.badge.textContent = String(unread);
    this.ui.launcher.ariaDescription = unread ? `${t('fresh')}: ${unread}` : null;
    if (unread !== this.#unread) this.emit('unread', this.#unread = unread);
  }
}

const dots = () => h('span', { class: 'dots' }, h('i'), h('i'), h('i'));

// `window.switchboard` ---------------------------------------------------------------------------------

if (!customElements.get('switchboard-chat')) {
  customElements.define('switchboard-chat', Chat);
  const chat = /** @type {Chat} */ (document.createElement('switchboard-chat'));
  const names = ['open', 'close', 'toggle', 'send', 'identify', 'reset', 'setLocale', 'on'];
  /** @type {any} */ (window).switchboard = Object.fromEntries(
    names.map((name) => [name, /** @type {any} */ (chat)[name].bind(chat)]));
  document.body.append(chat);
}
