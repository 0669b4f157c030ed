/* asides: what is said besides messages, and whose loss does no harm: typing, and whom to watch.  Pure. */

const TYPING_MS = 2000;
const TYPING_KEPT = 100;

export class Asides {
  #typing = new Map(); /* user -> when it was said */
  #users = null;
  #watchAt = Infinity;

  /* Whether to say it now. */
  typing(uid, now) {
    if (now - (this.#typing.get(uid) ?? -Infinity) < TYPING_MS)
      return false;
    if (this.#typing.size >= TYPING_KEPT)
      this.#typing.clear();
    this.#typing.set(uid, now);
    return true;
  }

  watch(users) {
    this.#users = users;
    this.#watchAt = 0;
  }

  /* On a new connection the server knows of none. */
  opened() {
    this.#watchAt = this.#users ? 0 : Infinity;
  }

  /* The server could not take the list now. */
  refused(at) {
    this.#watchAt = at;
  }

  nextAt() {
    return this.#watchAt;
  }

  /* The list, which counts as said; null: not now. */
  takeWatch(now) {
    if (now < this.#watchAt)
      return null;
    this.#watchAt = Infinity;
    return this.#users;
  }
}
