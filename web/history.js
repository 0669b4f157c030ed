/*
 * What was said and pushed, of one user, kept by this browser so that it is there after a reload.  An
 * entry has a key of its own (epoch, stream and number; the mid while it has no number), so the same
 * twice is one, whichever tab heard it first.
 */

const KEPT = 300;
const KEPT_CHARACTERS = 1000000;

export class History {
  #key;

  constructor(user) {
    this.#key = `postern.history.${user}`;
  }

  all() {
    try {
      const entries = JSON.parse(localStorage.getItem(this.#key) ?? '[]');
      return Array.isArray(entries) ? entries : [];
    } catch {
      return [];
    }
  }

  has(key) {
    return this.all().some((entry) => entry.key === key);
  }

  /* In the place of the entry with that key, or at the end. */
  put(entry, key = entry.key) {
    const entries = this.all();
    const at = entries.findIndex((other) => other.key === key || other.key === entry.key);
    if (at >= 0)
      entries[at] = entry;
    else
      entries.push(entry);
    let kept = entries.slice(-KEPT);
    let text = JSON.stringify(kept);
    while (text.length > KEPT_CHARACTERS) {
      kept = kept.slice(Math.ceil(kept.length / 4));
      text = JSON.stringify(kept);
    }
    localStorage.setItem(this.#key, text);
  }

  forget() {
    localStorage.removeItem(this.#key);
  }
}
