// The phone's page: asks for the state as soon as it is newer, and shows it. Everything from outside is text.

const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const TICKS = { queued: "◷", sent: "✓", received: "✓✓", delivered: "✓✓", read: "✓✓" };
const WHY = {
  63016: "the 24 hours for free text are over",
  63018: "too many messages at once",
  63019: "its file could not be fetched",
  63024: "this recipient can't be reached",
};

let state = { version: -1, customers: [] };
let chosen = "";
let quoting = "";
/** How many of a customer's messages were on screen, by address. */
const seen = new Map();
/** The bubbles on screen, by SID. */
const bubbles = new Map();

/** One post to the double; its answer. */
async function press(act, said = {}) {
  const body = JSON.stringify({ customer: chosen, ...said });
  const answer = await fetch(`/phone/api/${act}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  return answer.json();
}

function make(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

const MARKS = /```([\s\S]+?)```|`([^`\n]+)`|(?<![\p{L}\p{N}])\*(\S(?:[^*\n]*\S)?)\*(?![\p{L}\p{N}])|(?<![\p{L}\p{N}])_(\S(?:[^_\n]*\S)?)_(?![\p{L}\p{N}])|(?<![\p{L}\p{N}])~(\S(?:[^~\n]*\S)?)~(?![\p{L}\p{N}])|(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]])/gu;

/** WhatsApp's own markup within a line, as nodes. */
function inline(text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(MARKS)) {
    nodes.push(text.slice(from, found.index));
    from = found.index + found[0].length;
    const [, , code, bold, italic, strike, link] = found;
    if (link) {
      const made = /** @type {HTMLAnchorElement} */ (make("a", "", link));
      made.href = link;
      made.target = "_blank";
      made.rel = "noopener noreferrer";
      nodes.push(made);
    } else if (code) nodes.push(make("code", "", code));
    else {
      const made = make(bold ? "strong" : italic ? "em" : strike ? "s" : "code");
      made.append(...(bold || italic || strike ? inline(bold || italic || strike) : [found[1]]));
      nodes.push(made);
    }
  }
  nodes.push(text.slice(from));
  return nodes.filter((node) => node !== "");
}

/** WhatsApp's markup of a whole message, as elements. */
function words(text) {
  const made = [];
  for (const [index, piece] of text.split("```").entries()) {
    if (index % 2) {
      made.push(make("pre", "", piece.replace(/^\n|\n$/g, "")));
      continue;
    }
    for (const line of piece.replace(/^\n+|\n+$/g, "").split("\n")) {
      if (!piece.trim()) break;
      const item = /^\s*[-*•]\s+(.*)/.exec(line);
      const quote = /^>\s?(.*)/.exec(line);
      const last = made.at(-1);
      if (item) {
        const list = last?.tagName === "UL" ? last : make("ul");
        const entry = make("li");
        entry.append(...inline(item[1]));
        list.append(entry);
        if (list !== last) made.push(list);
      } else {
        const block = make(quote ? "blockquote" : "p");
        block.append(...inline(quote ? quote[1] : line));
        made.push(block);
      }
    }
  }
  return made;
}

/** What a message is in a few words: for the list of customers and for quotes. */
function gist(message) {
  if (message.text) return message.text.replaceAll("\n", " ");
  if (message.location) return `Location: ${message.location.label}`;
  const type = message.media[0]?.type ?? "";
  if (type.startsWith("image/")) return "Picture";
  if (type.startsWith("audio/")) return "Voice note";
  return message.media[0]?.name || "File";
}

function file(media) {
  if (media.type.startsWith("image/")) {
    const image = /** @type {HTMLImageElement} */ (make("img"));
    image.src = media.url;
    image.alt = media.name || "Picture";
    image.addEventListener("load", follow);
    return image;
  }
  if (media.type.startsWith("audio/")) {
    const audio = /** @type {HTMLAudioElement} */ (make("audio"));
    audio.src = media.url;
    audio.controls = true;
    return audio;
  }
  const card = /** @type {HTMLAnchorElement} */ (make("a", "card", media.name || "File"));
  card.href = media.url;
  card.append(make("small", "", media.type));
  return card;
}

/** What stands below a bubble besides its time. */
function note(message) {
  if (message.error) return `Not delivered: ${WHY[message.error] ?? "refused"} (${message.error})`;
  if (!message.mine) return message.template ? "Template" : "";
  if (!message.answers.length || message.answers.every((status) => status === 200)) return "";
  const status = message.answers.find((each) => each !== 200);
  return status ? `Switchboard answered ${status}` : "Switchboard did not answer";
}

function bubble(message, messages) {
  let article = bubbles.get(message.sid);
  if (!article) {
    article = $("bubble").content.firstElementChild.cloneNode(true);
    bubbles.set(message.sid, article);
    article.querySelector(".words").append(...words(message.text));
    article.querySelector("time").textContent = clock.format(new Date(message.at * 1000));
    article.querySelector(".reply").addEventListener("click", () => quote(message));
    const quoted = messages.find((each) => each.sid === message.quotes);
    if (quoted) {
      article.querySelector(".quote").hidden = false;
      article.querySelector(".quote").textContent = gist(quoted);
    }
    if (message.location) {
      const card = make("span", "card", message.location.label);
      card.append(make("small", "", `Location: ${message.location.address}`));
      article.querySelector(".media").append(card);
    }
  }
  const media = article.querySelector(".media");
  if (!message.location && media.childElementCount !== message.media.length) {
    media.replaceChildren(...message.media.map(file));
  }
  const bad = message.error || (message.mine && note(message));
  article.className = `${message.mine ? "mine" : "theirs"}${bad ? " failed" : ""}`;
  article.querySelector(".note").textContent = note(message);
  const ticks = article.querySelector(".ticks");
  const waiting = message.mine && message.status === "received" && !message.answers.length;
  ticks.textContent = bad ? "" : waiting ? TICKS.sent : (TICKS[message.status] ?? "");
  ticks.className = `ticks ${message.status}`;
  ticks.title = message.status;
  return article;
}

function quote(message) {
  quoting = message?.sid ?? "";
  $("quoted").hidden = !message;
  if (message) $("quoted").firstElementChild.textContent = gist(message);
  $("text").focus();
}

function person(customer) {
  const button = make("button");
  button.setAttribute("type", "button");
  button.setAttribute("aria-current", String(customer.address === chosen));
  const last = customer.messages.findLast((message) => !message.error);
  const unread = customer.messages.length - (seen.get(customer.address) ?? 0);
  const face = make("span", "face", customer.name[0]);
  face.setAttribute("aria-hidden", "true");
  button.append(face, make("span", "who", customer.name));
  if (unread > 0) button.append(make("span", "unread", String(unread)));
  const scoped = customer.address.replace("whatsapp:", "");
  const line = make("span", "last", last ? gist(last) : scoped);
  line.dir = "auto";
  button.append(line);
  button.addEventListener("click", () => choose(customer.address));
  return button;
}

function choose(address) {
  chosen = address;
  bubbles.clear();
  $("thread").replaceChildren();
  quote(null);
  show();
  $("text").focus();
}

/** Keep the newest in sight while one reads the end. */
let following = true;
function follow() {
  if (following) $("thread").scrollTop = $("thread").scrollHeight;
}

function show() {
  chosen ||= state.customers[0]?.address ?? "";
  const customer = state.customers.find((each) => each.address === chosen);
  if (!customer) return;
  const looked = !document.hidden;
  if (looked) seen.set(chosen, customer.messages.length);
  const focused = $("people").contains(document.activeElement);
  $("people").replaceChildren(...state.customers.map(person));
  if (focused) $("people").querySelector('[aria-current="true"]').focus();
  $("business").textContent = state.business;
  $("presence").textContent = customer.typing ? "typing…" : customer.opted_out ? "stopped: nothing is sent here" : "";
  $("window").textContent = customer.window_open ? "24 h window open" : "24 h window closed";
  $("window").className = customer.window_open ? "" : "closed";
  $("mood").value = state.mood;
  const rows = customer.messages.map((message) => bubble(message, customer.messages));
  if (customer.typing) {
    const dots = make("article", "theirs dots");
    dots.append(make("i"), make("i"), make("i"));
    rows.push(dots);
  }
  if (!rows.length) rows.push(make("p", "none", `You are ${customer.name}. Write something, as you would to any shop.`));
  const thread = $("thread");
  const kept = [...thread.children];
  if (rows.length !== kept.length || rows.some((row, index) => row !== kept[index])) thread.replaceChildren(...rows);
  follow();
  if (looked && customer.messages.some((each) => !each.mine && each.status === "delivered")) press("look");
}

async function listen() {
  for (;;) {
    try {
      const answer = await fetch(`/phone/api/state?after=${state.version}`);
      state = await answer.json();
      $("offline").hidden = true;
      show();
    } catch {
      $("offline").hidden = false;
      state = { ...state, version: -1 };
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
}

function write(said) {
  following = true;
  press("write", { replying_to: quoting, ...said });
  quote(null);
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  $("text").value = "";
  write({ text });
});
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("composer").requestSubmit();
  }
});
for (const button of document.querySelectorAll("[data-kind]")) {
  button.addEventListener("click", () => {
    $("more").open = false;
    write({ kind: /** @type {HTMLElement} */ (button).dataset.kind });
  });
}
$("own").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  const [given] = $("file").files;
  $("file").value = "";
  $("more").open = false;
  if (!given) return;
  const reader = new FileReader();
  reader.addEventListener("load", () => {
    const data = String(reader.result).split(",")[1] ?? "";
    write({ kind: "file", name: given.name, type: given.type, data });
  });
  reader.readAsDataURL(given);
});
document.addEventListener("click", (event) => {
  if (!$("more").contains(event.target)) $("more").open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") $("more").open = false;
});
document.addEventListener("visibilitychange", show);
$("thread").addEventListener("scroll", () => {
  const thread = $("thread");
  following = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 60;
});
$("quoted").querySelector("button").addEventListener("click", () => quote(null));
$("later").addEventListener("click", () => press("later"));
$("mood").addEventListener("change", () => press("mood", { mood: $("mood").value }));
listen();
