/*
 * inbox: what was received, on its way to the application.  One entry at a time, in order; the next only
 * when every listener has returned and what it returned has resolved.  A listener that fails is called again with the
 * same entry, later; nothing that it has not taken is acknowledged.
 */

const FULL = 4096; /* entries that the application has not taken */
const FULL_BYTES = 16777216;
const AGAIN_MS = 1000;
const AGAIN_MAX_MS = 30000;

export class Inbox {
  #entries = [];
  #bytes = 0;
  #isRunning = false;
  #isStopped = false;
  #deps;

  /*
   * listeners(entry): the functions to call and what with, [] for none.  handled(entry), failed(error,
   * entry): what came of it.  wait(ms): a promise.
   */
  constructor(deps) {
    this.#deps = deps;
  }

  get size() {
    return this.#entries.length;
  }

  /* Everything that was received has been dealt with. */
  get isIdle() {
    return !this.#isRunning;
  }

  get bytes() {
    return this.#bytes;
  }

  get isFull() {
    return this.size > FULL || this.#bytes > FULL_BYTES;
  }

  get isLow() {
    return this.size <= FULL / 4 && this.#bytes <= FULL_BYTES / 4;
  }

  /* Nobody is called any more. */
  stop() {
    this.#isStopped = true;
    this.#entries = [];
    this.#bytes = 0;
  }

  push(entries, bytes = 0) {
    if (this.#isStopped)
      return;
    for (const entry of entries) {
      entry.bytes = bytes;
      this.#bytes += bytes;
      this.#entries.push(entry);
    }
    if (!this.#isRunning && this.#entries.length > 0)
      this.#run();
  }

  async #run() {
    this.#isRunning = true;
    let at = 0;
    while (at < this.#entries.length) {
      const entry = this.#entries[at];
      for (const call of this.#deps.listeners(entry)) {
        const result = this.#call(call, entry);
        if (result)
          await result;
      }
      if (this.#isStopped)
        break;
      this.#bytes -= entry.bytes;
      at++;
      /* Not one by one: shifting a long array each time is quadratic. */
      if (at === this.#entries.length || at === 256) {
        this.#entries.splice(0, at);
        at = 0;
      }
      this.#deps.handled(entry);
    }
    this.#isRunning = false;
  }

  /* A promise where there is something to wait for. */
  #call(call, entry) {
    try {
      const result = call();
      if (typeof result?.then !== 'function')
        return null;
      return Promise.resolve(result).catch((error) => this.#again(call, entry, error));
    } catch (error) {
      return this.#again(call, entry, error);
    }
  }

  async #again(call, entry, error) {
    let waitMs = AGAIN_MS;
    for (;;) {
      this.#deps.failed(error, entry);
      await this.#deps.wait(waitMs);
      if (this.#isStopped)
        return;
      waitMs = Math.min(waitMs * 2, AGAIN_MAX_MS);
      try {
        await call();
        return;
      } catch (again) {
        error = again;
      }
    }
  }
}
