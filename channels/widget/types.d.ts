/** What the widget and the server say to each other, for `tsc --checkJs`; nothing here reaches a browser. */

interface Attachment { key: string; name: string; media_type: string; size: number; url: string }
interface Citation { title: string; url?: string; quote?: string }
interface Author { kind: string; name: string }

interface Message {
  id: string;
  seq: number;
  conversation_id: string;
  direction: string;
  author: Author;
  text: string;
  html: string;
  attachments?: Attachment[];
  citations?: Citation[];
  created_at: string;
  turn_id?: string | null;
  delivery?: { status: string } | null;
}

interface Settings {
  name?: string;
  company?: string;
  suggestions?: string[];
  attachments?: { max_bytes: number; types: string[] };
}

interface Session {
  token: string;
  conversation_id: string;
  messages: Message[];
  cursor: string;
  status?: string;
  settings: Settings;
}

/** A piece of a reply being written; `offset` counts the code points said before it. */
interface Delta { turn_id: string; text: string; offset: number }

/** A reply being written, as far as it was heard here; `missed`: its beginning was not. */
interface Turn { text: string; length: number; missed: boolean; at: number }

/** A message not yet acknowledged; `at` orders them. */
interface Unsent {
  id: string;
  at: number;
  text: string;
  attachments: Attachment[];
  tried?: boolean; // it may have arrived
  shown?: boolean; // it has: it stands in the thread already
  failed?: boolean; // the server will not have it
}

interface Upload { file: File; sent?: Attachment; error?: string; bar: HTMLProgressElement; call: XMLHttpRequest }

/** One server-sent event. */
interface Frame { event: string; id: string; data: any }

/** Whoever wants to know what the wire brings. */
interface Listener {
  session(session: Session): void;
  event(kind: string, data: any): void;
  connected(yes: boolean): void;
  error(error: Error): void;
}

type Rgb = [number, number, number];
type Part = Node | string | null | false | undefined;
