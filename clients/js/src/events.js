/* events: who listens to what. */
export class Events {
  #listeners = new Map();

  /* The function that takes it back. */
  on(name, listener) {
    if (typeof listener !== 'function')
      throw new TypeError('a listener is a function');
    const of = this.#listeners.get(name) ?? [];
    this.#listeners.set(name, [...of, listener]);
    return () => {
      this.#listeners.set(name, this.#listeners.get(name).filter((other) => other !== listener));
    };
  }

  of(name) {
    return this.#listeners.get(name) ?? [];
  }

  /* A listener that fails does not keep others from hearing. */
  emit(name, detail) {
    for (const listener of this.of(name)) {
      try {
        Promise.resolve(listener(detail)).catch((error) => this.fail(error));
      } catch (error) {
        this.fail(error);
      }
    }
  }

  fail(error, frame) {
    const listeners = this.of('error');
    if (listeners.length === 0)
      console.error('postern:', error);
    for (const listener of listeners) {
      try {
        listener({ error, frame });
      } catch (other) {
        console.error('postern:', other);
      }
    }
  }
}
