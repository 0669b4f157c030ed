/* The client against a scripted server: sockets, time, chance and the page are the test's. */
import { Client } from '../src/client.js';

export const settle = async () => {
  for (let i = 0; i < 12; i++)
    await new Promise((resolve) => setImmediate(resolve));
};

class Socket {
  constructor(world, url, protocols) {
    this.url = new URL(url);
    this.protocols = protocols;
    this.said = [];
    this.closed = null;
    world.sockets.push(this);
  }

  send(text) {
    this.said.push(JSON.parse(text));
  }

  close(code) {
    this.closed = code;
  }

  hear(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  end(code, reason = '') {
    this.onclose({ code, reason });
  }

  ready(more = {}) {
    this.hear({
      event: 'ready',
      data: {
        conn: 'c', user: '42', device: 'd', identity: 1,
        heartbeat: { interval_ms: 25000, grace_ms: 20000 }, auth: { expires_in_ms: 900000, swap: 'reject' },
        limits: { frame: 65536, chat: 16384, msgs_per_s: 20, burst: 40, pending: 262144 },
        ...more,
        resume: { epoch: 'k3f9aaaa', u: 10, s: 5, recovered: true, missed: 0, ...more.resume },
      },
    });
  }

  /* Frames of one event that were said, taken out. */
  take(event) {
    const taken = this.said.filter((frame) => frame.event === event);
    this.said = this.said.filter((frame) => frame.event !== event);
    return taken;
  }
}

/* Timers fire in order as time moves; chance is always the most. */
export function makeWorld() {
  const world = { now: 1000, sockets: [], timers: new Map(), checks: [], answer: null, page: null, nextTimer: 1 };
  world.env = {
    WebSocket: function WebSocket(url, protocols) {
      return new Socket(world, url, protocols);
    },
    fetch: async (url, init) => {
      world.checks.push([url.href, init.headers.Authorization, init.method]);
      if (!world.answer)
        throw new TypeError('fetch failed');
      return { ok: world.ok ?? world.answer === 204, json: async () => world.answer };
    },
    now: () => world.now,
    random: () => 1,
    setTimer: (fn, ms) => {
      world.timers.set(world.nextTimer, { fn, at: world.now + ms });
      return world.nextTimer++;
    },
    clearTimer: (id) => world.timers.delete(id),
    watchPage: (page) => {
      world.page = page;
      return () => { world.page = null; };
    },
  };
  /* jump: all of it at once, as for a page whose timers were held back. */
  world.pass = async (ms, { jump = false } = {}) => {
    const end = world.now + ms;
    if (jump)
      world.now = end;
    for (;;) {
      await settle();
      const due = [...world.timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due)
        break;
      world.timers.delete(due[0]);
      world.now = Math.max(world.now, due[1].at);
      due[1].fn();
    }
    world.now = end;
    await settle();
  };
  Object.defineProperty(world, 'socket', { get: () => world.sockets.at(-1) });
  return world;
}

export async function start(t, options = {}) {
  const world = makeWorld();
  const client = new Client('ws://host/ws', { token: 'T', ...options }, world.env);
  const heard = [];
  for (const name of ['message', 'push', 'gone', 'reset', 'presence', 'typing', 'goaway', 'identity', 'renewed', 'error'])
    client.on(name, (detail) => { heard.push([name, detail]); });
  const states = [];
  client.on('state', (state) => states.push(state));
  await settle();
  t.after(() => client.close());
  return { world, client, heard, states };
}

export const AT = { epoch: 'k3f9aaaa', u: 10, s: 5 };
export const chat = (seq, more = {}) => ({ event: 'chat', seq, mid: `m${seq}`, ts: 1, data: { fromUser: 7, content: `t${seq}` }, ...more });
