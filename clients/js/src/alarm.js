/* alarm: one timer for everything that is due. */

const LATE_MS = 5000; /* a timer that is so late ran in the background, or the machine slept */

export class Alarm {
  #env;
  #ring;
  #timer = null;
  #at = Infinity;

  /* ring(now, isLate) */
  constructor(env, ring) {
    this.#env = env;
    this.#ring = ring;
  }

  /* At the latest then.  One that is set for earlier stays, and will find nothing to do. */
  set(at) {
    if (at >= this.#at)
      return;
    const now = this.#env.now();
    this.#env.clearTimer(this.#timer);
    this.#at = Math.max(at, now);
    this.#timer = this.#env.setTimer(() => this.#fire(), this.#at - now);
  }

  stop() {
    this.#env.clearTimer(this.#timer);
    this.#at = Infinity;
  }

  #fire() {
    const now = this.#env.now();
    const isLate = now - this.#at > LATE_MS;
    this.#at = Infinity;
    this.#ring(now, isLate);
  }
}
