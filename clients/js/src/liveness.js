/*
 * liveness: whether the server is still there, judged by the time since its last frame.  The pings of
 * the server keep the connection alive for the server, but a browser does not show them; so silence is
 * broken with a heartbeat, whose answer is owed.  Timers of a page in the background run late: a late
 * one proves nothing, and asks once more.
 */

const ANSWER_MS = 10000;
const PROBE_MS = 5000; /* when the machine woke up or its network changed */

export class Liveness {
  #intervalMs;
  #heardAt;
  #askedAt = null;
  #answerMs = ANSWER_MS;

  constructor(intervalMs, now) {
    this.#intervalMs = intervalMs;
    this.#heardAt = now;
  }

  heard(now) {
    this.#heardAt = now;
    this.#askedAt = null;
    this.#answerMs = ANSWER_MS;
  }

  /* Ask at the next look, and wait for less. */
  doubt() {
    this.#heardAt = -Infinity;
    this.#askedAt = null;
    this.#answerMs = PROBE_MS;
  }

  /* "fine", "ask" (say a heartbeat now) or "dead".  isLate: this look comes much later than it was due. */
  look(now, isLate) {
    if (now < this.nextAt())
      return 'fine';
    if (this.#askedAt !== null && !isLate)
      return 'dead';
    this.#askedAt = now;
    return 'ask';
  }

  nextAt() {
    return this.#askedAt === null ? this.#heardAt + this.#intervalMs : this.#askedAt + this.#answerMs;
  }
}
