/*
 * client: the modules around it decide, this one does: the socket, one timer for everything that is due,
 * and the storage.  A connection attempt has a number (#turn); what comes back from a promise of an
 * earlier one is dropped.
 */
import { Account } from './account.js';
import { Alarm } from './alarm.js';
import { PosternError } from './codes.js';
import { Credentials, isToken } from './credentials.js';
import { Events } from './events.js';
import { refusal, socketUrl, uidOf, uidsOf, withPosition } from './frames.js';
import { Link } from './link.js';
import { Liveness } from './liveness.js';
import { Memory } from './memory.js';
import { Backoff, judge, readReason } from './reconnect.js';
import { Renewal } from './renewal.js';
import { Sends } from './sends.js';

const CONNECT_MS = 15000; /* from the socket to `ready` */

export class Client {
  #env;
  #options;
  #credentials;
  #url;
  #events = new Events();
  #memory;
  #account;
  #sends;
  #renewal;
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
  #device;
  #unwatchPage;

  constructor(url, options, env) {
    this.#env = env;
    this.#options = options;
    this.#url = socketUrl(url, globalThis.location?.href);
    this.#credentials = new Credentials(options);
    this.#sends = new Sends(options, env.random);
    this.#backoff = new Backoff(env.random);
    this.#memory = new Memory(options, (error) => this.#events.fail(error));
    this.#account = this.#makeAccount({});
    this.#renewal = new Renewal({
      credentials: this.#credentials,
      memory: this.#memory,
      events: this.#events,
      now: env.now,
      isOpen: () => this.state === 'open',
      say: (frame) => {
        this.#sayAcks(); /* afterwards it may be too late */
        this.#say(frame);
      },
      arm: () => this.#arm(),
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

  #makeAccount(of) {
    return new Account(of, { events: this.#events, memory: this.#memory, env: this.#env, taken: () => this.#onTaken() });
  }

  get state() {
    return this.#state.state;
  }

  /* The user as the server named him; null before the first `ready`. */
  get user() {
    return this.#account.isSeen ? this.#account.user : null;
  }

  get device() {
    return this.#device ?? null;
  }

  /* {epoch, u, s}: what the application has taken; null while a number is not known. */
  get position() {
    return this.#account.position;
  }

  get pending() {
    return this.#sends.size;
  }

  on(name, listener) {
    return this.#events.on(name, listener);
  }

  async send(to, text, options = {}) {
    if (this.state === 'stopped')
      throw new PosternError('stopped', 'the client has stopped');
    const ack = this.#sends.add(to, text, options, this.#env.now());
    this.#flush();
    this.#arm();
    return ack;
  }

  /* Whether it was said: not when there is no connection, or it was said a moment ago. */
  typing(to) {
    const uid = uidOf(to);
    const now = this.#env.now();
    if (!this.#maySay || !this.#sends.may(now) || !this.#account.asides.typing(uid, now))
      return false;
    this.#say({ event: 'typing', data: { toUserId: uid } });
    return true;
  }

  /* Replaces the list, on this connection and on each that follows. */
  watch(users) {
    this.#account.asides.watch(uidsOf(users));
    this.#arm();
  }

  /*
   * Shows another token on this connection: {user, identity, expires_in_ms} when it holds.  Of another
   * user: see the event `identity`.
   */
  async reauthenticate(token) {
    if (!isToken(token))
      throw new TypeError('a token is a string');
    const data = await this.#renewal.ask(token);
    this.#credentials.keep(token);
    return { user: this.user, ...data };
  }

  /* Says how far it is, and goes.  What was not answered is rejected. */
  close() {
    if (this.state === 'stopped')
      return;
    this.#sayAcks();
    this.#account.inbox.stop();
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
      await this.#account.recall(token, this.#options.position);
      const ticket = await this.#credentials.ticket(this.#url, this.#env);
      if (turn === this.#turn)
        this.#connect(token, ticket);
    } catch (error) {
      if (turn !== this.#turn)
        return;
      if (error.reason) { /* no ticket, and the server says why */
        this.#ended(error.code, `${error.reason};after=${error.afterMs}`);
        return;
      }
      this.#events.fail(error);
      this.#later({ code: 1006, name: 'no_token' }, 0);
    }
  }

  #connect(token, ticket) {
    this.#said = this.#account.streams.resumable;
    const url = withPosition(this.#url, this.#device, this.#said, ticket);
    this.#link.open(url, ticket ? null : token);
    this.#connectBy = this.#env.now() + CONNECT_MS;
    this.#arm();
  }

  #detach() {
    this.#link.drop();
    this.#connectBy = Infinity;
    this.#liveness = null;
    this.#sends.disconnected();
    this.#renewal.disconnected();
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
      this.#askFreshToken({ code, name });
    else
      this.#later({ code, name }, leastMs);
  }

  async #askFreshToken(why) {
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
    this.#sends.rejectAll('stopped', `the client has stopped: ${why.name || why.code}`);
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
    identity: ({ data }, now) => this.#onIdentity(data, now),
    ack: (frame, now) => this.#onAck(frame, now),
    exception: (frame, now) => this.#onException(frame, now),
    reset: ({ data }, now) => this.#tell(this.#account.streams.reset(data, now)),
    goaway: ({ data }, now) => {
      this.#backoff.asked(now + (Number(data.reconnect_after_ms) || 0));
      this.#events.emit('goaway', data);
    },
    heartbeat: () => this.#account.mustRepeat() && this.#sayPosition(),
    presence: ({ data }) => this.#events.emit('presence', data),
    typing: ({ data }) => this.#events.emit('typing', { from: String(data.fromUser) }),
    'auth.expiring': (frame, now) => this.#renewal.expiring(now),
  };

  #onReady(data, now) {
    const { user, streams } = this.#account;
    if (user !== null && data.user !== user) {
      this.#onOtherUser(data);
      return;
    }
    this.#account.connected(data.user);
    this.#connectBy = Infinity;
    this.#sends.limit(data.limits);
    this.#liveness = new Liveness(data.heartbeat.interval_ms, now);
    this.#backoff.opened(now);
    const entries = streams.ready(data.resume, this.#said !== null, now);
    /* Says at once that it will acknowledge by itself; else its pongs would, for what nobody has taken. */
    this.#sayPosition(this.#said !== null && data.resume.recovered);
    if (streams.ask)
      this.#say({ event: 'sync', data: streams.ask });
    this.#setState({ state: 'open' });
    this.#events.emit('ready', data);
    this.#tell(entries);
  }

  /* From here on the connection is another user's: nothing of the one before is told, said or filed as his. */
  #onIdentity(data, now) {
    const { key, position } = this.#renewal.kept ?? {};
    this.#account.inbox.stop();
    this.#account = this.#makeAccount({ user: data.user, key, position: position?.user === data.user ? position : null });
    this.#sends.rejectAll('other_user', 'the connection became another user\'s before this was sent');
    const entries = this.#account.begin(data.resume, now);
    this.#sayPosition(false);
    this.#setState({ state: 'open' });
    this.#events.emit('identity', data);
    this.#tell(entries);
  }

  /* The position was another user's, or the token is. */
  #onOtherUser({ user }) {
    if (this.#account.isSeen) {
      this.#stop({ code: 4403, name: 'identity_mismatch' });
      return;
    }
    this.#account.become(user);
    this.#again('other_user');
    this.#wake();
  }

  /* On a new connection, with the position. */
  #again(name) {
    this.#turn++;
    this.#detach();
    this.#later({ code: 1000, name }, 0);
  }

  #onAck({ id, data }, now) {
    if (this.#renewal.answered(id, data)) {
      this.#events.emit('renewed', data);
      if (this.#account.isBehind)
        this.#again('behind');
      return;
    }
    const to = this.#sends.acked(id, data);
    /* What a user sends to himself comes as a message with that number. */
    if (to !== null && Number.isSafeInteger(data.seq) && to !== this.user)
      this.#tell(this.#account.streams.ack(data.seq, now));
    this.#noteDelay();
  }

  #onException({ id, data }, now) {
    if (this.#renewal.refused(id, refusal(data, false)))
      return;
    if (typeof id === 'number') {
      this.#sends.refused(id, data, now);
      this.#noteDelay();
    } else if (!this.#account.refused(id, data, now)) {
      this.#events.fail(refusal(data, false));
    }
  }

  #tell(entries, size) {
    this.#account.inbox.push(entries, size);
  }

  #onNumbered(frame, now, size) {
    frame.isOwn = this.#sends.isOwn(frame); /* then send() has told or tells the application */
    this.#tell(this.#account.streams.frame(frame, now), size);
    if (!this.#account.inbox.isFull)
      return;
    this.#isCongested = true; /* nothing more is read until the application has taken most of it */
    this.#again('congested');
  }

  #onTaken() {
    if (this.#account.inbox.isLow)
      this.#isCongested = false;
    this.#arm();
  }

  /* ---- saying */

  #say(frame) {
    this.#sends.spend(this.#env.now());
    this.#link.say(frame);
  }

  #sayPosition(isKnown = true) {
    this.#account.acks.said(this.#env.now());
    this.#say({ event: 'heartbeat', data: this.#account.heartbeat(isKnown) });
  }

  #sayAcks() {
    if (this.#maySay && this.#account.acks.isOwed)
      this.#sayPosition();
  }

  /* Not while nobody can tell in whose name it would be. */
  get #maySay() {
    return this.state === 'open' && !this.#renewal.isPending;
  }

  #flush() {
    if (this.#maySay)
      this.#sends.flush(this.#env.now(), (text) => this.#link.say(text));
  }

  /* Sends wait for a server that is not quite there, although the socket is. */
  #noteDelay() {
    const delayed = this.#sends.isDelayed;
    if (this.state === 'open' && this.#state.delayed !== delayed)
      this.#setState({ state: 'open', delayed });
  }

  /* ---- time */

  #nextAt(now) {
    const at = this.#sends.nextAt(now, this.#maySay);
    if (this.state === 'waiting')
      return this.#isCongested ? at : Math.min(at, this.#reconnectAt);
    if (this.state !== 'open')
      return Math.min(at, this.#connectBy);
    const soon = Math.min(at, this.#liveness.nextAt(), this.#renewal.nextAt());
    return this.#maySay ? Math.min(soon, this.#account.nextAt()) : soon;
  }

  #arm() {
    if (this.state !== 'stopped')
      this.#alarm.set(this.#nextAt(this.#env.now()));
  }

  #tick(now, isLate) {
    this.#sends.expire(now);
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
    const { acks, asides } = this.#account;
    const sync = this.#maySay ? this.#account.sync(now) : null;
    if (verdict === 'dead' || sync === 'stuck' || (this.#renewal.isLost(now) && !isLate)) {
      this.#ended(1006, verdict === 'dead' ? 'silent' : 'stuck');
      return;
    }
    if (verdict === 'ask' || (this.#maySay && now >= acks.nextAt()))
      this.#sayPosition();
    if (!this.#maySay)
      return;
    if (sync)
      this.#say({ event: 'sync', id: 'y', data: sync });
    const users = asides.takeWatch(now);
    if (users)
      this.#say({ event: 'watch', id: 'w', data: { users } });
    this.#flush();
    this.#renewal.look(now);
  }
}
