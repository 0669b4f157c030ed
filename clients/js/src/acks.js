/*
 * acks: when to tell the server how far the application is.  One heartbeat acknowledges everything
 * before it, so they are few: one a second, or one for each hundred messages.  Pure.
 */

const EVERY_MS = 1000;
const EVERY = 100;
const REFUSED_MS = 4000;
const LEAST_MS = 250; /* a long replay must not spend what the server allows to send */

export class Acks {
  #n = 0;
  #saidAt = -Infinity;

  handled() {
    this.#n++;
  }

  said(now) {
    this.#n = 0;
    this.#saidAt = now;
  }

  /* It was not carried out, for another reason than what it said. */
  again() {
    this.#n = Math.max(this.#n, 1);
  }

  /* The server did not take it, for the position is ahead of what it has counted as sent. */
  refused(now) {
    this.again();
    this.#saidAt = now + REFUSED_MS;
  }

  get isOwed() {
    return this.#n > 0;
  }

  nextAt() {
    if (this.#n === 0)
      return Infinity;
    return this.#saidAt + (this.#n >= EVERY ? LEAST_MS : EVERY_MS);
  }
}
