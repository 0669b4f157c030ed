/*
 * memory: the device's name and its position, kept by the application's storage.  A position belongs to
 * one user: it is filed under the subject of the token, as far as that can be read, and holds the name of the user
 * whom the server saw, who is compared when the server says it again.
 */

function isDevice(value) {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{1,36}$/.test(value);
}

/* Node 18 has it as a module only, under a name that no bundler for browsers shall follow. */
const nodeCrypto = 'node:crypto';
const crypto = globalThis.crypto ?? (await import(nodeCrypto)).webcrypto;

export function randomHex(bytes) {
  const values = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(values, (value) => value.toString(16).padStart(2, '0')).join('');
}

/* The `sub` of a JWT, unverified; '' where there is none. */
export function subjectOf(token) {
  try {
    const bytes = atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'));
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0)));
    return String(JSON.parse(text).sub ?? '');
  } catch {
    return '';
  }
}

function isNumber(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

/* {user, epoch, u, s}, or null for anything else. */
export function readPosition(value) {
  try {
    const { user, epoch, u, s } = typeof value === 'string' ? JSON.parse(value) : value;
    const isGood = typeof epoch === 'string' && isNumber(u) && isNumber(s);
    return isGood ? { user: typeof user === 'string' ? user : null, epoch, u, s } : null;
  } catch {
    return null;
  }
}

/* localStorage and the like, or an object with get(key) and set(key, text), which may be asynchronous. */
function adapter(storage) {
  if (typeof storage.getItem !== 'function')
    return storage;
  return {
    get: (key) => storage.getItem(key),
    set: (key, text) => storage.setItem(key, text),
  };
}

export class Memory {
  #device;
  #storage;
  #prefix;
  #failed;
  #next = new Map(); /* key -> what is to be written when the writing that is under way is done */
  #isWriting = false;

  /* Without a storage nothing outlives this object.  failed(error): it could not read or write. */
  constructor({ device, storage, storageKey = 'postern' }, failed) {
    if (device !== undefined && !isDevice(device))
      throw new TypeError('device is 1 to 36 of [A-Za-z0-9_-]');
    this.#device = device;
    this.#storage = storage ? adapter(storage) : null;
    this.#prefix = storageKey;
    this.#failed = failed;
  }

  /* The device's name, made at the first time. */
  async device() {
    if (this.#device !== undefined)
      return this.#device;
    const key = `${this.#prefix}.device`;
    const made = randomHex(12);
    try {
      const kept = await this.#storage?.get(key);
      if (isDevice(kept))
        return kept;
      await this.#storage?.set(key, made);
    } catch (error) {
      this.#failed(error);
    }
    return made;
  }

  /* Of the user of that token: {key, position}; position is {user, epoch, u, s} or null. */
  async find(token) {
    const key = `${this.#prefix}.position.${subjectOf(token)}`;
    try {
      return { key, position: readPosition(await this.#storage?.get(key)) };
    } catch (error) {
      this.#failed(error);
      return { key, position: null };
    }
  }

  /* key: of find().  position: {user, epoch, u, s}.  The newest is what counts when writing is slow. */
  save(key, position) {
    if (!this.#storage || key === '')
      return;
    this.#next.set(key, position);
    if (!this.#isWriting)
      this.#write();
  }

  async #write() {
    this.#isWriting = true;
    while (this.#next.size > 0) {
      const [[key, position]] = this.#next;
      this.#next.delete(key);
      try {
        const result = this.#storage.set(key, JSON.stringify(position));
        if (typeof result?.then === 'function')
          await result;
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#isWriting = false;
  }
}
