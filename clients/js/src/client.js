/*
 * client: the modules around it decide, this one does: the socket, one timer for everything that is due,
 * and the storage.  A connection attempt has a number (#turn); what comes back from a promise of an
 * earlier one is dropped.
 */
import { Acks } from './acks.js';
import { Alarm } from './alarm.js';
import { Asides } from './asides.js';
import { PosternError } from './codes.js';
import { Credentials } from './credentials.js';
import { Events } from './events.js';
import { chatFrame, refusal, socketUrl, told, uidOf, uidsOf, withPosition } from './frames.js';
import { Inbox } from './inbox.js';
import { Link } from './link.js';
import { Liveness } from './liveness.js';
import { Memory, randomHex, readPosition } from './memory.js';
import { Outbox, Pace } from './outbox.js';
import { Backoff, judge, readReason } from './reconnect.js';
import { Streams, wholePosition } from './streams.js';

const CONNECT_MS = 15000; /* from the socket to `ready` */

export class Client {
  #env;
  #options;
  #credentials;
  #url;
  #events = new Events();
  #memory;
  #streams = new Streams();
  #outbox;
  #inbox;
  #pace = new Pace();
  #acks = new Acks();
  #asides = new Asides();
  #backoff;
  #liveness = null;
  #link;
  #alarm;
  #state = { state: 'connecting', delayed: false };
  #turn = 0;
  #connectBy = Infinity;
  #reconnectAt = Infinity;
  #isCongested = false;
  #said = null; /* the position with which the connection was opened */
  #handled = { epoch: null, u: null, s: null };
  #device;
  #user = null;
  #isUserSeen = false; /* by the server, not by the storage alone */
  #limits = { frame: 65536, chat: 16384 };
  #unwatchPage;

  constructor(url, options, env) {
    this.#env = env;
    this.#options = options;
    this.#url = socketUrl(url, globalThis.location?.href);
    this.#credentials = new Credentials(options);
    const { maxQueue: max = 1000, maxQueueBytes: maxBytes = 4194304 } = options;
    this.#outbox = new Outbox({ max, maxBytes, random: env.random });
    this.#backoff = new Backoff(env.random);
    this.#memory = new Memory(options, (error) => this.#events.fail(error));
    this.#inbox = new Inbox({
      listeners: (entry) => this.#listenersOf(entry),
      handled: (entry) => this.#onHandled(entry),
      failed: (error, entry) => this.#events.fail(error, entry.frame),
      wait: (ms) => new Promise((resolve) => env.setTimer(resolve, ms)),
    });
    this.#link = new Link(env, {
      onFrame: (frame, size) => this.#onFrame(frame, size),
      onEnd: (code, reason) => this.#ended(code, reason),
      onBad: (error) => this.#events.fail(error),
    });
    this.#alarm = new Alarm(env, (now, isLate) => this.#tick(now, isLate));
    this.#unwatchPage = env.watchPage({
      wake: () => this.#wake(),
      doubt: () => this.#doubt(),
      hide: () => this.#sayAcks(),
    });
    queueMicrotask(() => this.#start());
  }

  get state() {
    return this.#state.state;
  }

  /* The user as the server named him; null before the first `ready`. */
  get user() {
    return this.#isUserSeen ? this.#user : null;
  }

  get device() {
    return this.#device ?? null;
  }

  /* {epoch, u, s}: what the application has taken; null while a number is not known. */
  get position() {
    return wholePosition(this.#handled);
  }

  get pending() {
    return this.#outbox.size;
  }

  on(name, listener) {
    return this.#events.on(name, listener);
  }

  send(to, text, { mid = randomHex(16), timeoutMs } = {}) {
    return new Promise((resolve, reject) => {
      if (this.state === 'stopped')
        throw new PosternError('stopped', 'the client has stopped');
      const uid = uidOf(to);
      const { end, size } = chatFrame(uid, text, mid, this.#limits);
      this.#outbox.add({ mid, to: uid, end, bytes: size, resolve, reject }, this.#env.now(), timeoutMs);
      this.#flush();
      this.#arm();
    });
  }

  /* Whether it was said: not when there is no connection, or it was said a moment ago. */
  typing(to) {
    const uid = uidOf(to);
    const now = this.#env.now();
    if (this.state !== 'open' || !this.#pace.may(now) || !this.#asides.typing(uid, now))
      return false;
    this.#say({ event: 'typing', data: { toUserId: uid } });
    return true;
  }

  /* Replaces the list, on this connection and on each that follows. */
  watch(users) {
    this.#asides.watch(uidsOf(users));
    this.#arm();
  }

  /* Says how far it is, and goes.  What was not answered is rejected. */
  close() {
    if (this.state === 'stopped')
      return;
    this.#sayAcks();
    this.#inbox.stop();
    this.#stop({ code: 1000, name: 'closed' });
  }

  /* ---- connecting */

  async #start() {
    if (this.state === 'stopped')
      return;
    this.#device = await this.#memory.device();
    if (this.state !== 'stopped')
      this.#open();
  }

  async #open() {
    const turn = ++this.#turn;
    this.#reconnectAt = Infinity;
    this.#setState({ state: 'connecting' });
    try {
      const token = await this.#credentials.ask();
      if (turn !== this.#turn)
        return;
      await this.#recall(token);
      if (turn === this.#turn)
        this.#connect(token);
    } catch (error) {
      if (turn !== this.#turn)
        return;
      this.#events.fail(error);
      this.#later({ code: 1006, name: 'no_token' }, 0);
    }
  }

  /* What the storage, or the option, knows about the position; once. */
  async #recall(token) {
    if (this.#user !== null || this.#streams.position.epoch !== null)
      return;
    const kept = (await this.#memory.position(token)) ?? readPosition(this.#options.position);
    if (!kept || this.#isUserSeen)
      return;
    this.#user = kept.user;
    this.#streams = new Streams(kept);
    this.#handled = this.#streams.position;
  }

  #connect(token) {
    this.#said = this.#streams.resumable;
    const url = withPosition(this.#url, this.#device, this.#said);
    this.#link.open(url, token);
    this.#connectBy = this.#env.now() + CONNECT_MS;
    this.#arm();
  }

  #detach() {
    this.#link.drop();
    this.#connectBy = Infinity;
    this.#liveness = null;
    this.#outbox.disconnected();
  }

  async #ended(code, reason) {
    const wasOpen = this.state === 'open';
    const turn = ++this.#turn;
    this.#detach();
    let { name, afterMs } = readReason(reason);
    if (!wasOpen && code === 1006) {
      const why = await this.#credentials.askWhy(this.#url, this.#env);
      if (turn !== this.#turn)
        return;
      if (why)
        ({ code, name, afterMs } = why);
    }
    const { what, leastMs } = judge(code);
    const now = this.#env.now();
    if (this.#backoff.closed(now))
      this.#credentials.stable();
    this.#backoff.asked(now + afterMs);
    if (what === 'stop')
      this.#stop({ code, name });
    else if (what === 'reauth')
      this.#reauthenticate({ code, name });
    else
      this.#later({ code, name }, leastMs);
  }

  async #reauthenticate(why) {
    const turn = this.#turn;
    this.#setState({ state: 'waiting', ...why });
    try {
      const hasFresh = await this.#credentials.refresh(why);
      if (turn !== this.#turn)
        return;
      if (hasFresh)
        this.#later(why, 0);
      else
        this.#stop(why);
    } catch (error) {
      this.#events.fail(error);
      if (turn === this.#turn)
        this.#later(why, 1000); /* nobody to ask now is not a no */
    }
  }

  #later(why, leastMs) {
    const now = this.#env.now();
    this.#reconnectAt = this.#backoff.next(now, leastMs);
    this.#setState({ state: 'waiting', ...why, waitMs: Math.round(this.#reconnectAt - now) });
    this.#arm();
  }

  #stop(why) {
    this.#turn++;
    this.#detach();
    this.#unwatchPage();
    this.#alarm.stop();
    for (const item of this.#outbox.clear())
      item.reject(new PosternError('stopped', `the client has stopped: ${why.name || why.code}`, { maybeSent: item.tries > 0 }));
    this.#setState({ state: 'stopped', ...why });
  }

  #setState(state) {
    this.#state = { delayed: false, ...state };
    this.#events.emit('state', this.#state);
  }

  /* The page is looked at again, or its network is back. */
  #wake() {
    const now = this.#env.now();
    if (this.state === 'waiting' && this.#reconnectAt !== Infinity)
      this.#reconnectAt = this.#backoff.soonest(now);
    this.#doubt();
  }

  #doubt() {
    this.#liveness?.doubt();
    this.#arm();
  }

  /* ---- receiving */

  #onFrame(frame, size) {
    const now = this.#env.now();
    this.#liveness?.heard(now);
    if (Object.hasOwn(this.#handlers, frame.event))
      this.#handlers[frame.event](frame, now);
    else if (Number.isSafeInteger(frame.seq))
      this.#onNumbered(frame, now, size);
    else
      this.#events.emit('frame', frame);
    this.#flush();
    this.#arm();
  }

  #handlers = {
    ready: ({ data }, now) => this.#onReady(data, now),
    ack: (frame, now) => this.#onAck(frame, now),
    exception: (frame, now) => this.#onException(frame, now),
    reset: ({ data }, now) => this.#inbox.push(this.#streams.reset(data, now)),
    goaway: ({ data }, now) => {
      this.#backoff.asked(now + (Number(data.reconnect_after_ms) || 0));
      this.#events.emit('goaway', data);
    },
    heartbeat: () => {},
    presence: ({ data }) => this.#events.emit('presence', data),
    typing: ({ data }) => this.#events.emit('typing', { from: String(data.fromUser) }),
    'auth.expiring': () => this.#renew(),
  };

  #onReady(data, now) {
    if (this.#user !== null && data.user !== this.#user) {
      this.#onOtherUser(data);
      return;
    }
    this.#user = data.user;
    this.#isUserSeen = true;
    this.#connectBy = Infinity;
    this.#limits = { ...this.#limits, ...data.limits };
    this.#pace.limit(data.limits);
    this.#liveness = new Liveness(data.heartbeat.interval_ms, now);
    this.#backoff.opened(now);
    const entries = this.#streams.ready(data.resume, this.#said !== null, now);
    /* Says at once that it will acknowledge by itself; else its pongs would, for what nobody has taken. */
    this.#sayPosition(this.#said !== null && data.resume.recovered ? this.#handled : { epoch: null });
    if (this.#streams.ask)
      this.#say({ event: 'sync', data: this.#streams.ask });
    this.#asides.opened();
    this.#setState({ state: 'open' });
    this.#events.emit('ready', data);
    this.#inbox.push(entries);
  }

  /* The position was another user's, or the token is. */
  #onOtherUser({ user }) {
    if (this.#isUserSeen) {
      this.#stop({ code: 4403, name: 'identity_mismatch' });
      return;
    }
    this.#user = user;
    this.#isUserSeen = true;
    this.#streams = new Streams();
    this.#handled = this.#streams.position;
    this.#turn++;
    this.#detach();
    this.#later({ code: 1000, name: 'other_user' }, 0);
    this.#wake();
  }

  #onAck({ id, data }, now) {
    const item = this.#outbox.acked(id);
    /* What a user sends to himself comes as a message with that number. */
    if (item && Number.isSafeInteger(data.seq) && item.to !== this.#user)
      this.#inbox.push(this.#streams.ack(data.seq, now));
    item?.resolve(data);
    this.#noteDelay();
  }

  #onException({ id, data }, now) {
    if (typeof id === 'number') {
      const item = this.#outbox.refused(id, data, now);
      item?.reject(refusal(data, false));
      this.#noteDelay();
    } else if (id === 'w' && data.retry === 'after') {
      this.#asides.refused(now + (data.after_ms ?? 1000));
    } else if (id === 'r') {
      this.#events.emit('frame', { event: 'exception', id, data }); /* a server that cannot do it yet: 1003 */
    } else if (data.code === 1004 && (data.field === 'u' || data.field === 's')) {
      this.#acks.refused(now);
    } else if (id !== 'y' && data.code !== 1301) {
      this.#events.fail(refusal(data, false));
    }
  }

  #onNumbered(frame, now, size) {
    const { own, item } = frame.carbon ? this.#outbox.carbon(frame.mid) : {};
    item?.resolve({ mid: frame.mid, state: 'duplicate', devices: 0, seq: frame.seq });
    if (own)
      frame.isOwn = true; /* send() has told or tells the application */
    this.#inbox.push(this.#streams.frame(frame, now), size);
    if (!this.#inbox.isFull)
      return;
    this.#isCongested = true; /* nothing more is read until the application has taken most of it */
    this.#turn++;
    this.#detach();
    this.#later({ code: 1000, name: 'congested' }, 0);
  }

  #listenersOf(entry) {
    if (entry.kind === 'place' || entry.frame.isOwn)
      return [];
    const [name, what] = told(entry, this.#user);
    return this.#events.of(name).map((listener) => () => listener(what));
  }

  #onHandled({ position }) {
    this.#handled = position;
    this.#acks.handled();
    if (this.position)
      this.#memory.save({ user: this.#user, ...this.position });
    if (this.#inbox.isLow)
      this.#isCongested = false;
    this.#arm();
  }

  /* ---- saying */

  #say(frame) {
    this.#pace.spend(this.#env.now());
    this.#link.say(frame);
  }

  /* Numbers of another epoch say nothing to the server. */
  #sayPosition({ epoch, u, s } = this.#handled) {
    const isOf = epoch === this.#streams.position.epoch;
    this.#acks.said(this.#env.now());
    this.#say({ event: 'heartbeat', data: { u: (isOf && u) || 0, s: (isOf && s) || 0 } });
  }

  #sayAcks() {
    if (this.state === 'open' && this.#acks.isOwed)
      this.#sayPosition();
  }

  async #renew() {
    const turn = this.#turn;
    try {
      const token = await this.#credentials.renew();
      if (token && turn === this.#turn && this.state === 'open')
        this.#say({ event: 'reauth', id: 'r', data: { token } });
    } catch (error) {
      this.#events.fail(error);
    }
  }

  #flush() {
    const now = this.#env.now();
    while (this.state === 'open' && this.#pace.may(now)) {
      const item = this.#outbox.take(now);
      if (!item)
        return;
      this.#pace.spend(now);
      this.#link.say(`{"event":"chat","id":${item.id}${item.end}`);
    }
  }

  /* Sends wait for a server that is not quite there, although the socket is. */
  #noteDelay() {
    const delayed = this.#outbox.isDelayed;
    if (this.state === 'open' && this.#state.delayed !== delayed)
      this.#setState({ state: 'open', delayed });
  }

  /* ---- time */

  #nextAt(now) {
    const isOpen = this.state === 'open';
    const at = this.#outbox.nextAt(isOpen, isOpen ? this.#pace.nextAt(now) : 0);
    if (this.state === 'waiting')
      return this.#isCongested ? at : Math.min(at, this.#reconnectAt);
    if (!isOpen)
      return Math.min(at, this.#connectBy);
    const syncAt = this.#inbox.isIdle ? this.#streams.syncAt() : Infinity;
    return Math.min(at, this.#liveness.nextAt(), this.#acks.nextAt(), syncAt, this.#asides.nextAt());
  }

  #arm() {
    if (this.state !== 'stopped')
      this.#alarm.set(this.#nextAt(this.#env.now()));
  }

  #tick(now, isLate) {
    for (const item of this.#outbox.expire(now))
      item.reject(new PosternError('timeout', 'no answer in time', { retry: 'after', maybeSent: item.tries > 0 }));
    if (this.state === 'waiting' && !this.#isCongested && now >= this.#reconnectAt)
      this.#open();
    else if (this.state === 'connecting' && now >= this.#connectBy)
      this.#ended(1006, '');
    else if (this.state === 'open')
      this.#lookAround(now, isLate);
    this.#noteDelay();
    this.#arm();
  }

  #lookAround(now, isLate) {
    const verdict = this.#liveness.look(now, isLate);
    const sync = this.#inbox.isIdle && now >= this.#streams.syncAt() ? this.#streams.sync(now) : null;
    if (verdict === 'dead' || sync === 'stuck') {
      this.#ended(1006, verdict === 'dead' ? 'silent' : 'stuck');
      return;
    }
    if (verdict === 'ask' || now >= this.#acks.nextAt())
      this.#sayPosition();
    if (sync)
      this.#say({ event: 'sync', id: 'y', data: sync });
    const users = this.#asides.takeWatch(now);
    if (users)
      this.#say({ event: 'watch', id: 'w', data: { users } });
    this.#flush();
  }
}
