/** What `send` resolves with: the message is on disk. */
export interface Ack {
  mid: string;
  /** `duplicate`: it was there already, from an earlier try of this send. */
  state: 'accepted' | 'delivered' | 'stored' | 'duplicate';
  /** Of a duplicate: the state at that time. */
  first?: 'accepted' | 'delivered' | 'stored';
  /** Live sessions of the recipient that it was handed to. */
  devices: number;
  seq?: number;
}

/** How far an application is. */
export interface Position {
  epoch: string;
  /** The last number of the user's own stream. */
  u: number;
  /** The last number of the system stream. */
  s: number;
}

interface Numbered {
  epoch: string;
  /** `u`: the user's own stream; `s`: the system stream, which is everybody's. */
  stream: 'u' | 's';
  /** With epoch and stream the name of this message for ever. */
  seq: number;
  mid?: string;
  /** The server's time, ms since 1970. */
  ts?: number;
}

export interface Message extends Numbered {
  from: string;
  to: string;
  text: string;
  /** The user's own message, sent by another device, or by this one before it was loaded anew. */
  carbon: boolean;
}

export interface Push extends Numbered {
  event: string;
  data: unknown;
}

/** In place of a message that the server cannot give any more. */
export interface Gone extends Numbered {
  reason: 'expired' | 'damaged';
}

/** The server could not go on from the position: what was before it is not sent. */
export interface Reset {
  reason: 'epoch_changed' | 'too_old' | 'ahead';
  epoch: string;
  u: number | null;
  s: number | null;
}

export interface Presence {
  user: string;
  state: 'online' | 'away' | 'offline' | 'unknown';
  devices: number;
}

export interface State {
  state: 'connecting' | 'open' | 'waiting' | 'stopped';
  /** Open, but sends are being repeated since the server is not quite there. */
  delayed: boolean;
  /** Why it waits or has stopped: a close code and its name. */
  code?: number;
  name?: string;
  /** Until the next try. */
  waitMs?: number;
}

export interface Ready {
  conn: string;
  user: string;
  device: string;
  identity: number;
  resume: { epoch: string; u: number; s: number; recovered: boolean; missed: number };
  heartbeat: { interval_ms: number; grace_ms: number };
  auth: { expires_in_ms: number; swap: string };
  limits: { frame: number; chat: number; msgs_per_s: number; burst: number; pending: number };
}

/** The connection is another user's from here on. */
export interface Identity {
  user: string;
  /** 1 with `ready`, one more with each `identity`. */
  identity: number;
  resume: Ready['resume'];
  auth: Ready['auth'];
}

/** Another token holds on the live connection. */
export interface Renewed {
  identity: number;
  expires_in_ms: number;
}

export interface Goaway {
  reason: string;
  reconnect_after_ms: number;
  close_in_ms: number;
  resumable: boolean;
}

export interface Failure {
  error: unknown;
  /** The frame whose listener failed. */
  frame?: unknown;
}

export interface Events {
  /** These four are told in order; the next when all listeners are done. What they took is acknowledged. */
  message: Message;
  push: Push;
  gone: Gone;
  reset: Reset;

  state: State;
  ready: Ready;
  /** Before anything of the new user; what the one before had not sent was rejected with `other_user`. */
  identity: Identity;
  renewed: Renewed;
  presence: Presence;
  typing: { from: string };
  goaway: Goaway;
  error: Failure;
  /** Any other frame of the server. */
  frame: { event: string; data?: unknown; [key: string]: unknown };
}

/** `localStorage`, or something with get and set. */
export type Storage =
  | { getItem(key: string): string | null; setItem(key: string, text: string): void }
  | {
      get(key: string): string | null | undefined | Promise<string | null | undefined>;
      set(key: string, text: string): unknown;
    };

export interface Options {
  /**
   * The token, or a function that gives one: for each connection (`connect`), before it ends (`expiring`), when
   * it has ended or was refused (`token_expired`, `unauthorized`). null: there is no other.
   */
  token: string | ((why: { reason: string }) => string | null | Promise<string | null>);
  /** The server refused the token or ended the login: a fresh one of the same user, or nothing to stop. */
  onAuth?: (why: { code: number; name: string }) => string | null | undefined | Promise<string | null | undefined>;
  /** Connects with a one-time ticket from `POST /auth/ticket`, so that the token is in no upgrade. */
  ticket?: boolean;
  /** 1 to 36 of `[A-Za-z0-9_-]`; made and kept in the storage when left out. */
  device?: string;
  storage?: Storage;
  /** The beginning of the storage's keys; `postern` when left out. */
  storageKey?: string;
  /** Where to begin when the storage knows nothing. */
  position?: Position;
  /** Messages that may wait for their answer: 1,000. */
  maxQueue?: number;
  /** And their bytes: 4 MiB. */
  maxQueueBytes?: number;
  /** Where there is no global one: Node before 22. */
  WebSocket?: new (url: string, protocols: string[]) => unknown;
  fetch?: (url: URL, init: object) => Promise<unknown>;
}

export interface SendOptions {
  /** Of an earlier try of the same message; drawn when left out. */
  mid?: string;
  /** From now until `timeout`: 120,000; at most 540,000. */
  timeoutMs?: number;
}

export interface Client {
  readonly state: State['state'];
  /** As the server named him; null before the first `ready`. */
  readonly user: string | null;
  readonly device: string | null;
  /** What the application has taken; null while it is not known. */
  readonly position: Position | null;
  /** Messages that wait for their answer. */
  readonly pending: number;
  /** Gives the function that takes the listener back. */
  on<E extends keyof Events>(name: E, listener: (detail: Events[E]) => unknown): () => void;
  send(to: string | number, text: string, options?: SendOptions): Promise<Ack>;
  /** Whether it was said. */
  typing(to: string | number): boolean;
  /** Presence of these users, at most 100. */
  watch(users: Array<string | number>): void;
  /**
   * Shows another token on the live connection, perhaps another user's. Rejects with the server's code
   * (1401, 1403, 1404, 1503), or `not_open`.
   */
  reauthenticate(token: string): Promise<Renewed & { user: string }>;
  close(): void;
}

export class PosternError extends Error {
  /** A code of EXCEPTIONS or CLOSES, or one of the client's own. */
  readonly code: number | 'queue_full' | 'mid_in_use' | 'timeout' | 'stopped' | 'not_open' | 'other_user';
  readonly retry: 'no' | 'now' | 'after' | 'reauth';
  readonly afterMs: number;
  /** There was no answer: the message may have arrived or not. */
  readonly maybeSent: boolean;
  readonly field?: string;
}

export const EXCEPTIONS: Readonly<Record<number, string>>;
export const CLOSES: Readonly<Record<number, string>>;

export function connect(url: string | URL, options: Options): Client;

export interface AskOptions {
  fetch?: Options['fetch'];
}

/** A new token of the same login, for one that is still good. `url`: as for `connect`. */
export function refreshToken(url: string | URL, token: string, options?: AskOptions): Promise<string>;
/** Ends the login of this token everywhere: its connections are closed with 4410. */
export function logOut(url: string | URL, token: string, options?: AskOptions): Promise<void>;
