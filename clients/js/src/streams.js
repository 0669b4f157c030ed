/*
 * streams: where a client is in its two streams, and what comes next.  Pure: frames go in, and what
 * the application gets comes out, each number once and in order.  Of the user's own stream ("u") some
 * numbers belong to messages that this connection sent: for these the `ack` is the frame.
 *
 * Each method gives a list of entries {kind, frame?, position}.  kind is "frame" (a message, a push or
 * `gone`), "place" (a number with nothing to deliver) or "reset".  position is where the client is when
 * the entry has been dealt with: {epoch, u, s}, in which null means that the number is not known yet.
 */

const HELD_MAX = 64;
const PLACE_WAIT_MS = 3000; /* a place may be ahead of a replay that is on its way */
const SYNC_AGAIN_MS = 10000;
const SYNCS_MAX = 3;

class Stream {
  constructor(last) {
    this.last = last; /* null: not known */
    this.held = new Map(); /* number -> frame, or null for a place */
    this.seen = 0; /* the highest number that was received on this connection */
    this.gapAt = 0;
    this.syncs = 0;
  }

  hold(seq, frame, now) {
    if (this.held.size === 0)
      this.gapAt = now;
    if (frame || !this.held.has(seq)) {
      if (this.held.size < HELD_MAX)
        this.held.set(seq, frame);
    }
  }

  moved(to, now) {
    this.last = to;
    this.gapAt = now;
    this.syncs = 0;
  }

  /* When a gap must be asked for; Infinity: there is none. */
  syncAt() {
    if (this.held.size === 0 || this.last === null)
      return Infinity;
    if (this.syncs > 0)
      return this.gapAt + SYNC_AGAIN_MS;
    const hasFrame = [...this.held.values()].some((frame) => frame !== null);
    return hasFrame ? this.gapAt : this.gapAt + PLACE_WAIT_MS;
  }
}

/* A copy, or null while a number is not known. */
export function wholePosition({ epoch, u, s }) {
  return epoch !== null && u !== null && s !== null ? { epoch, u, s } : null;
}

export class Streams {
  #epoch = null;
  #u;
  #s;
  #missed = 0; /* frames of the first replay that are still to come, when the numbers are not known */
  #heads = { u: 0, s: 0 };
  ask = null; /* the data of a `sync`: some numbers are known, but not those with which to resume */

  /* position: {epoch, u, s}, or null for a client without memory. */
  constructor(position = null) {
    this.#epoch = position?.epoch ?? null;
    this.#u = new Stream(position?.u ?? null);
    this.#s = new Stream(position?.s ?? null);
  }

  /* What has been received. */
  get position() {
    return { epoch: this.#epoch, u: this.#u.last, s: this.#s.last };
  }

  /* The position with which to connect, or null: not known as a whole. */
  get resumable() {
    return wholePosition(this.position);
  }

  /*
   * data: the `resume` of `ready`.  said: whether the connection was opened with a position; then what
   * follows is exact, or a `reset`.  Sets `ask` to what must be asked for at once.
   */
  ready(data, said, now) {
    this.#missed = 0;
    this.ask = null;
    for (const stream of [this.#u, this.#s]) {
      stream.seen = 0;
      stream.syncs = 0;
      stream.held.clear(); /* it comes again, behind what is missing */
    }
    if (said)
      return [];
    const { epoch, u, s } = this.position;
    const isOther = epoch !== null && epoch !== data.epoch;
    const out = isOther ? this.reset({ reason: 'epoch_changed', epoch: data.epoch, u: null, s: null }, now) : [];
    this.#epoch = data.epoch;
    this.#heads = { u: data.u, s: data.s };
    if (!isOther && (u !== null || s !== null))
      this.ask = { e: epoch, ...(u !== null && { u }), ...(s !== null && { s }) };
    else
      this.#missed = data.missed;
    if (data.missed === 0)
      out.push(...this.#settle(now));
    return out;
  }

  /* Everything that was missed is here, so a number that is not known yet is the head. */
  #settle(now) {
    const out = [];
    for (const [stream, head] of [[this.#u, this.#heads.u], [this.#s, this.#heads.s]]) {
      if (stream.last !== null)
        continue;
      stream.moved(head, now);
      out.push(this.#entry('place', null));
      this.#release(stream, now, out);
    }
    return out;
  }

  #entry(kind, frame) {
    return { kind, frame, position: this.position };
  }

  /* What was held and is next now. */
  #release(stream, now, out) {
    for (const seq of [...stream.held.keys()].filter((seq) => seq <= stream.last))
      stream.held.delete(seq);
    while (stream.held.has(stream.last + 1)) {
      const frame = stream.held.get(stream.last + 1);
      stream.held.delete(stream.last + 1);
      stream.moved(stream.last + 1, now);
      out.push(this.#entry(frame ? 'frame' : 'place', frame));
    }
  }

  #take(stream, seq, frame, now) {
    const out = [];
    if (stream.last === null && frame)
      stream.last = seq - 1; /* the first that comes is the first that there is */
    if (stream.last === null || seq > stream.last + 1) {
      stream.hold(seq, frame, now);
    } else if (seq === stream.last + 1) {
      stream.moved(seq, now);
      out.push(this.#entry(frame ? 'frame' : 'place', frame));
      this.#release(stream, now, out);
    }
    return out;
  }

  /* A frame with `seq`. */
  frame(frame, now) {
    const stream = frame.st === 's' ? this.#s : this.#u;
    const head = frame.st === 's' ? this.#heads.s : this.#heads.u;
    const out = this.#take(stream, frame.seq, frame, now);
    if (frame.seq > stream.seen) {
      stream.seen = frame.seq;
      if (frame.seq <= head && this.#missed > 0 && --this.#missed === 0)
        out.push(...this.#settle(now));
    }
    return out;
  }

  /* The number of a message that this connection sent to somebody else. */
  ack(seq, now) {
    return this.#take(this.#u, seq, null, now);
  }

  reset(data, now) {
    this.#epoch = data.epoch;
    this.#u = new Stream(data.u);
    this.#s = new Stream(data.s);
    this.#missed = 0;
    this.#u.gapAt = this.#s.gapAt = now;
    return [this.#entry('reset', { event: 'reset', data })];
  }

  /* When sync() has something to say. */
  syncAt() {
    return Math.min(this.#u.syncAt(), this.#s.syncAt());
  }

  /* The data of the `sync` that is due; null: none.  "stuck": asked too often, connect anew. */
  sync(now) {
    const data = { e: this.#epoch };
    let due = false;
    for (const [key, stream] of [['u', this.#u], ['s', this.#s]]) {
      if (now < stream.syncAt())
        continue;
      if (stream.syncs++ >= SYNCS_MAX) {
        const hasFrame = [...stream.held.values()].some((frame) => frame !== null);
        stream.held.clear();
        if (hasFrame)
          return 'stuck';
        continue;
      }
      stream.gapAt = now;
      data[key] = stream.last;
      due = true;
    }
    return due ? data : null;
  }
}
