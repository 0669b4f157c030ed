/*
 * outbox: messages from `send` until their answer.  Pure: it knows the time only as it is told.  A
 * message is said again under the same mid (and id) after a refusal that passes, after a new connection,
 * and when no answer comes; the server knows the mid, so there is one message however often it is said.
 */
import { PosternError } from './codes.js';

const WINDOW = 32; /* said and not answered; the server allows 64 */
const TIMEOUT_MS = 120000;
const TIMEOUT_MAX_MS = 540000; /* the server knows a mid for 10 minutes */
const LOST_MS = 10000; /* the server answers within 5 s */
const AGAIN_MAX_MS = 5000;
const PASSES = new Set([1000, 1301, 1402, 1409, 1503]); /* refusals that say nothing about the message */

/* Keeps below what the server allows, since the network may push frames together. */
export class Pace {
  #rate = 15;
  #burst = 30;
  #tokens = 30;
  #at = 0;

  limit({ msgs_per_s: rate, burst }) {
    this.#rate = Math.max(1, rate * 0.9);
    this.#burst = Math.max(1, Math.floor(burst * 0.75));
    this.#tokens = this.#burst;
  }

  #fill(now) {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) * this.#rate) / 1000);
    this.#at = now;
  }

  may(now) {
    this.#fill(now);
    return this.#tokens >= 1;
  }

  /* Frames that cannot wait may leave a debt. */
  spend(now) {
    this.#fill(now);
    this.#tokens--;
  }

  nextAt(now) {
    this.#fill(now);
    return this.#tokens >= 1 ? now : now + Math.ceil(((1 - this.#tokens) * 1000) / this.#rate);
  }
}

export class Outbox {
  #items = new Map(); /* id -> item, in the order of send() */
  #byMid = new Map();
  #known = new Set(); /* mids that were answered, the last 1,024 */
  #nextId = 1;
  #bytes = 0;
  #inFlight = 0;
  #pausedUntil = 0;
  #failures = 0;
  #random;
  #max;
  #maxBytes;

  constructor({ max, maxBytes, random }) {
    this.#max = max;
    this.#maxBytes = maxBytes;
    this.#random = random;
  }

  get size() {
    return this.#items.size;
  }

  /* The server refuses for now; what waits will be said again. */
  get isDelayed() {
    return this.#failures > 0 && this.#items.size > 0;
  }

  /* item: {mid, to, bytes}, and whatever the caller keeps in it. */
  add(item, now, timeoutMs = TIMEOUT_MS) {
    if (!(timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS))
      throw new RangeError(`timeoutMs is at most ${TIMEOUT_MAX_MS}`);
    if (this.#byMid.has(item.mid))
      throw new PosternError('mid_in_use', 'a message with this mid is being sent');
    if (this.#items.size >= this.#max || this.#bytes + item.bytes > this.#maxBytes)
      throw new PosternError('queue_full', `${this.#items.size} messages wait already`);
    item.id = this.#nextId++;
    item.deadline = now + timeoutMs;
    item.sentAt = null;
    item.tries = 0;
    this.#items.set(item.id, item);
    this.#byMid.set(item.mid, item);
    this.#bytes += item.bytes;
  }

  /* The next to be said now, or null.  It counts as said. */
  take(now) {
    if (now < this.#pausedUntil || this.#inFlight >= WINDOW)
      return null;
    for (const item of this.#items.values()) {
      if (item.sentAt !== null)
        continue;
      item.sentAt = now;
      item.tries++;
      this.#inFlight++;
      return item;
    }
    return null;
  }

  #unsay(item) {
    if (item.sentAt === null)
      return;
    item.sentAt = null;
    this.#inFlight--;
  }

  #remove(item) {
    this.#unsay(item);
    this.#items.delete(item.id);
    this.#byMid.delete(item.mid);
    this.#bytes -= item.bytes;
    return item;
  }

  #remember(mid) {
    this.#known.add(mid);
    if (this.#known.size > 1024)
      this.#known.delete(this.#known.values().next().value);
  }

  /* An `ack`: the item, or null when nobody waits for it. */
  acked(id) {
    const item = this.#items.get(id);
    if (!item)
      return null;
    this.#failures = 0;
    this.#remember(item.mid);
    return this.#remove(item);
  }

  /* An `exception`: the item with which it ends, or null: it will be said again, or is not ours. */
  refused(id, data, now) {
    const item = this.#items.get(id);
    if (!item)
      return null;
    if (!PASSES.has(data.code))
      return this.#remove(item);
    this.#unsay(item);
    if (data.code === 1409) {
      item.tries--; /* it was not carried out */
      return null;
    }
    const most = Math.min(AGAIN_MAX_MS, 250 * 2 ** Math.min(this.#failures, 10));
    if (now >= this.#pausedUntil)
      this.#failures++; /* those that were on their way together count once */
    const wait = Math.max(data.after_ms ?? 0, this.#random() * most);
    this.#pausedUntil = Math.max(this.#pausedUntil, now + wait);
    return null;
  }

  /*
   * A carbon with this mid came.  {own: false}: another device sent it.  {own: true, item?}: this client
   * did; if it still waited for the answer, this is one.
   */
  carbon(mid) {
    const item = this.#byMid.get(mid);
    if (item) {
      this.#remember(mid);
      return { own: true, item: this.#remove(item) };
    }
    return { own: this.#known.has(mid) };
  }

  /* The connection is gone; everything that was not answered is said on the next one. */
  disconnected() {
    for (const item of this.#items.values())
      this.#unsay(item);
    this.#pausedUntil = 0;
    this.#failures = 0;
  }

  /* Those whose time is over, removed.  What was said long ago without an answer is to be said again. */
  expire(now) {
    const over = [];
    for (const item of this.#items.values()) {
      if (now >= item.deadline)
        over.push(item);
      else if (item.sentAt !== null && now >= item.sentAt + LOST_MS)
        this.#unsay(item);
    }
    return over.map((item) => this.#remove(item));
  }

  /* All of them, removed, and what was answered is forgotten. */
  clear() {
    this.#known.clear();
    return [...this.#items.values()].map((item) => this.#remove(item));
  }

  /* When take() (if it may, from paceAt on) or expire() has something to do. */
  nextAt(isOpen, paceAt) {
    let at = Infinity;
    let waits = false;
    for (const item of this.#items.values()) {
      at = Math.min(at, item.deadline);
      if (item.sentAt === null)
        waits = true;
      else
        at = Math.min(at, item.sentAt + LOST_MS);
    }
    return isOpen && waits && this.#inFlight < WINDOW ? Math.min(at, Math.max(this.#pausedUntil, paceAt)) : at;
  }
}
