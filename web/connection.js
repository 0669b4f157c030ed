/*
 * One user's connection to Postern: opens it, keeps it alive, and opens it again as the close codes say
 * (docs/PROTOCOL.md).  Knows no page.  Events: "state" {state, text}, "ready" {data}, "frame" {frame},
 * "unauthorized" (a new token is needed).
 */

const HEARTBEAT_MS = 20000;
const ANSWER_MS = 15000; /* without a frame for this long after a heartbeat the connection is dead */
const REPLY_MS = 15000;
const BACKOFF_BASE_MS = 500;
const BACKOFF_CAP_MS = 30000;
const STABLE_MS = 10000;

/* "retry;after=1200;resume=1" */
function readReason(reason) {
  const [name, ...rest] = reason.split(';');
  const after = rest.map((part) => /^after=(\d{1,9})$/.exec(part)).find((match) => match);
  return { name, afterMs: after ? Number(after[1]) : 0 };
}

export class Refused extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

export class Connection extends EventTarget {
  #url;
  #token;
  #socket = null;
  #attempts = 0;
  #afterMs = 0;
  #timer = 0;
  #heartbeat = 0;
  #stable = 0;
  #lastFrame = 0;
  #nextId = 1;
  #waiting = new Map(); /* id of a frame -> {resolve, reject, timer} */
  #stopped = false;
  #ready = false;
  #onOnline = () => this.#wake();

  constructor(url, token) {
    super();
    this.#url = url;
    this.#token = token;
    addEventListener('online', this.#onOnline);
    this.#open();
  }

  get isReady() {
    return this.#ready;
  }

  stop() {
    this.#stopped = true;
    removeEventListener('online', this.#onOnline);
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
    this.#over('you left');
    this.#tell('offline', 'not connected');
  }

  /* Says something that has no answer.  False: not connected. */
  say(event, data) {
    if (!this.#ready)
      return false;
    this.#socket.send(JSON.stringify({ event, data }));
    return true;
  }

  /* The data of the ack, or a Refused. */
  ask(event, data, more = {}) {
    return new Promise((resolve, reject) => {
      if (!this.#ready) {
        reject(new Refused('not connected'));
        return;
      }
      const id = this.#nextId++;
      const timer = setTimeout(() => this.#settle(id, 'reject', new Refused('no answer')), REPLY_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ event, id, ...more, data }));
    });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #tell(state, text) {
    this.#emit('state', { state, text });
  }

  #settle(id, how, value) {
    const waiting = this.#waiting.get(id);
    if (!waiting)
      return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting[how](value);
  }

  #open() {
    this.#tell('connecting', 'connecting');
    const socket = new WebSocket(this.#url, ['postern.v1', `bearer.${this.#token}`]);
    this.#socket = socket;
    socket.onmessage = (message) => this.#onMessage(message.data);
    socket.onclose = (close) => {
      if (socket === this.#socket && !this.#stopped)
        this.#onClose(close);
    };
  }

  #onMessage(text) {
    this.#lastFrame = Date.now();
    const frame = JSON.parse(text);
    switch (frame.event) {
      case 'ready':
        this.#onReady(frame.data);
        break;
      case 'ack':
        this.#settle(frame.id, 'resolve', frame.data);
        break;
      case 'exception':
        this.#settle(frame.id, 'reject', new Refused(frame.data.message, frame.data.code));
        break;
      case 'goaway':
        this.#afterMs = frame.data.reconnect_after_ms;
        break;
      case 'heartbeat':
        break;
      default:
        this.#emit('frame', frame);
    }
  }

  #onReady(data) {
    this.#ready = true;
    this.#afterMs = 0;
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#stable = setTimeout(() => { this.#attempts = 0; }, STABLE_MS);
    this.#tell('online', 'connected');
    this.#emit('ready', data);
  }

  #beat() {
    const asked = Date.now();
    this.say('heartbeat', {});
    const socket = this.#socket;
    setTimeout(() => {
      if (socket !== this.#socket || !this.#ready || this.#lastFrame >= asked)
        return;
      /* A dead network gives no close event for minutes. */
      socket.onclose = null;
      socket.close();
      this.#onClose({ code: 1006, reason: '' });
    }, ANSWER_MS);
  }

  #over(why) {
    this.#ready = false;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#stable);
    for (const id of [...this.#waiting.keys()])
      this.#settle(id, 'reject', new Refused(why));
  }

  async #onClose({ code, reason }) {
    const wasReady = this.#ready;
    const { name, afterMs } = readReason(reason);
    this.#afterMs = Math.max(this.#afterMs, afterMs);
    this.#over('connection lost');
    if (!wasReady && code === 1006)
      code = await this.#askWhy();
    if (this.#stopped)
      return;
    if (code === 4230 || (code >= 4400 && code < 4500)) {
      this.#tell('refused', name || 'please log in again');
      this.#emit('unauthorized');
    } else if (code >= 4000 && code < 4100) {
      this.#tell('refused', name ? `closed: ${name.replaceAll('_', ' ')}` : 'refused');
    } else {
      this.#later(code >= 4100 && code < 4200 ? 1000 : 0, name);
    }
  }

  /* A browser hides why an upgrade failed; the same credentials in a plain request tell. */
  async #askWhy() {
    try {
      const answer = await fetch('/auth/check', {
        headers: { Authorization: `Bearer ${this.#token}` }, cache: 'no-store',
      });
      if (answer.ok)
        return 1006;
      const body = await answer.json();
      this.#afterMs = Math.max(this.#afterMs, body.after_ms ?? 0);
      return body.code;
    } catch {
      return 1006; /* nobody there at all */
    }
  }

  #later(leastMs, name) {
    const most = Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** this.#attempts++);
    const waitMs = Math.max(leastMs, this.#afterMs, Math.random() * most);
    this.#afterMs = 0;
    this.#tell('waiting', `${name ? name.replaceAll('_', ' ') : 'connection lost'}, again in ${(waitMs / 1000).toFixed(1)} s`);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), waitMs);
  }

  /* The network is back: no need to wait out a long pause, but not all at once either. */
  #wake() {
    if (this.#ready || this.#stopped || this.#socket?.readyState === WebSocket.CONNECTING)
      return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(), Math.random() * 1000);
  }
}
