/*
 * account: what belongs to the user of the connection: where he is in his streams, what was received and is
 * being told, what there is to acknowledge, and whom he watches.  Another user gets another account.
 */
import { Acks } from './acks.js';
import { Asides } from './asides.js';
import { told } from './frames.js';
import { Inbox } from './inbox.js';
import { readPosition } from './memory.js';
import { Streams, wholePosition } from './streams.js';

export class Account {
  user;
  isSeen; /* by the server, not by the storage alone */
  streams;
  inbox;
  acks = new Acks();
  asides = new Asides();
  isBehind = false; /* something is missing that this connection will not bring */
  #isNew = false;
  #key;
  #handled;
  #deps;

  /*
   * user: null while nobody knows him.  key, position: where his position is filed, and what is there.
   * deps: events, memory, env, and taken(), after each entry that the application has taken.
   */
  constructor({ user = null, key = '', position = null }, deps) {
    this.user = user;
    this.isSeen = user !== null;
    this.#deps = deps;
    this.#begin(key, position);
    this.inbox = new Inbox({
      listeners: (entry) => this.#listenersOf(entry),
      handled: (entry) => this.#onHandled(entry),
      failed: (error, entry) => deps.events.fail(error, entry.frame),
      wait: (ms) => new Promise((resolve) => deps.env.setTimer(resolve, ms)),
    });
  }

  #begin(key, position) {
    this.#key = key;
    this.streams = new Streams(position);
    this.#handled = this.streams.position;
  }

  /* What the storage, or the option, knows about the position; once, before the server has said anything. */
  async recall(token, option) {
    if (this.user !== null || this.streams.position.epoch !== null)
      return;
    const { key, position: kept } = await this.#deps.memory.find(token);
    if (this.isSeen)
      return;
    const position = kept ?? readPosition(option);
    this.user = position?.user ?? null;
    this.#begin(key, position);
  }

  connected(user) {
    this.user = user;
    this.isSeen = true;
    this.isBehind = false;
    this.asides.opened();
  }

  /* The position was another user's. */
  become(user) {
    this.user = user;
    this.isSeen = true;
    this.#begin(this.#key, null);
  }

  /*
   * The connection has become his: what there is to tell.  It begins where his devices are, perhaps behind
   * the position that this one has kept.
   */
  begin(resume, now) {
    const at = this.streams.resumable;
    const entries = this.streams.ready(resume, false, now);
    this.#isNew = true;
    this.isBehind = at?.epoch === resume.epoch && resume.u - at.u + resume.s - at.s > resume.missed;
    return entries;
  }

  /*
   * At the answer to the first heartbeat of the new user: the server believes no position before a pong
   * has shown that what is said is about him, and that pong is older than the answer.
   */
  mustRepeat() {
    const isNew = this.#isNew;
    this.#isNew = false;
    return isNew;
  }

  /* What the application has taken; null while a number is not known. */
  get position() {
    return wholePosition(this.#handled);
  }

  /* The data of a heartbeat.  Numbers of another epoch say nothing to the server. */
  heartbeat(isKnown = true) {
    const { epoch, u, s } = this.#handled;
    const isOf = isKnown && epoch === this.streams.position.epoch;
    return { u: (isOf && u) || 0, s: (isOf && s) || 0 };
  }

  #listenersOf(entry) {
    if (entry.kind === 'place' || entry.frame.isOwn)
      return [];
    const [name, what] = told(entry, this.user);
    return this.#deps.events.of(name).map((listener) => () => listener(what));
  }

  #onHandled({ position }) {
    this.#handled = position;
    this.acks.handled();
    if (this.position)
      this.#deps.memory.save(this.#key, { user: this.user, ...this.position });
    this.#deps.taken();
  }

  /* An exception that none of the sends waits for.  Whether it was about something of the account. */
  refused(id, data, now) {
    const isPassing = data.retry === 'after' || data.retry === 'now';
    if (id === 'w' && isPassing)
      this.asides.refused(now + (data.after_ms ?? (data.retry === 'now' ? 0 : 1000)));
    else if (data.code === 1409)
      this.acks.again();
    else if (data.code === 1004 && (data.field === 'u' || data.field === 's'))
      this.acks.refused(now);
    else
      return id === 'y' || data.code === 1301;
    return true;
  }

  /* When something is to be said. */
  nextAt() {
    return Math.min(this.acks.nextAt(), this.#syncAt(), this.asides.nextAt());
  }

  #syncAt() {
    return this.inbox.isIdle ? this.streams.syncAt() : Infinity;
  }

  /* As of Streams. */
  sync(now) {
    return now >= this.#syncAt() ? this.streams.sync(now) : null;
  }
}
