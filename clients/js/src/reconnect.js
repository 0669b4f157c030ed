/*
 * reconnect: what to do when a connection ended, and when.  Pure.
 */

const BASE_MS = 500;
const CAP_MS = 30000;
const STABLE_MS = 10000;
const AFTER_MAX_MS = 600000; /* of a server that asks for more */

/* "retry;after=1200;resume=1" */
export function readReason(reason) {
  const [name, ...rest] = String(reason ?? '').split(';');
  const after = rest.map((part) => /^after=(\d{1,9})$/.exec(part)).find((match) => match);
  return { name, afterMs: after ? Math.min(Number(after[1]), AFTER_MAX_MS) : 0 };
}

/* {what: "retry" | "reauth" | "stop", leastMs}.  The range decides, so codes to come are understood. */
export function judge(code) {
  if (code === 4230)
    return { what: 'reauth', leastMs: 0 }; /* it may be resumed, but not with this token */
  if (code >= 4000 && code < 4100)
    return { what: 'stop', leastMs: 0 };
  if (code >= 4100 && code < 4200)
    return { what: 'retry', leastMs: 1000 };
  if (code >= 4400 && code < 4500)
    return { what: 'reauth', leastMs: 0 };
  /* What RFC 6455 calls our own fault will not be better the next moment. */
  return { what: 'retry', leastMs: [1002, 1003, 1007, 1008, 1009, 1010].includes(code) ? 1000 : 0 };
}

/* Exponential with full jitter; what the server asked for wins when it is longer. */
export class Backoff {
  #attempts = 0;
  #openedAt = null;
  #notBefore = -Infinity; /* the server asked for it; nothing may shorten it */
  #random;

  constructor(random) {
    this.#random = random;
  }

  opened(now) {
    this.#openedAt = now;
    this.#notBefore = -Infinity;
  }

  asked(notBefore) {
    this.#notBefore = Math.max(this.#notBefore, notBefore);
  }

  /* Whether the connection that ends has been open for so long that what was before it does not count. */
  closed(now) {
    const isStable = this.#openedAt !== null && now - this.#openedAt >= STABLE_MS;
    if (isStable)
      this.#attempts = 0;
    this.#openedAt = null;
    return isStable;
  }

  /* The time of the next try. */
  next(now, leastMs) {
    const most = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(this.#attempts++, 10));
    return Math.max(this.#notBefore, now + Math.max(leastMs, this.#random() * most));
  }

  /* The same for somebody who cannot wait. */
  soonest(now) {
    return Math.max(this.#notBefore, now);
  }
}
