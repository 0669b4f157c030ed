/*
 * credentials: the token, and where a new one comes from: the function `token`, or `onAuth` when the
 * server has refused the one that there is.
 */
import { checkUrl } from './frames.js';

const CHECK_MS = 5000;
/* Where another token of the same user helps without the application's having decided anything. */
const FRESH_HELPS = new Set([4230, 4401, 4404]);

function isToken(value) {
  return typeof value === 'string' && value !== '';
}

export class Credentials {
  #token;
  #onAuth;
  #given = null;
  #hasFresh = false; /* since the last stable connection */
  #last = null;

  constructor({ token, onAuth }) {
    if (typeof token !== 'string' && typeof token !== 'function')
      throw new TypeError('token is a string or a function that gives one');
    this.#token = token;
    this.#onAuth = onAuth;
  }

  /* For the next connection. */
  async ask() {
    const given = this.#given;
    if (typeof this.#token === 'function')
      this.#given = null;
    const token = given ?? (typeof this.#token === 'function' ? await this.#token({ reason: 'connect' }) : this.#token);
    if (!isToken(token))
      throw new TypeError('token() gave no token');
    this.#last = token;
    return token;
  }

  /* The connection was good for long enough: what was before does not count. */
  stable() {
    this.#hasFresh = false;
  }

  /* why: {code, name}.  Whether there is a fresh token for the next connection: one, and then no more. */
  async refresh(why) {
    const isAsked = typeof this.#onAuth === 'function';
    if (this.#hasFresh || !(isAsked || (typeof this.#token === 'function' && FRESH_HELPS.has(why.code))))
      return false;
    const given = isAsked ? await this.#onAuth(why) : await this.#token({ reason: why.name });
    this.#hasFresh = true;
    this.#given = isToken(given) ? given : null;
    return this.#given !== null;
  }

  /* Before the token ends: a new one, or null. */
  async renew() {
    const why = { code: 4230, name: 'expiring' };
    const given = typeof this.#token === 'function' ? await this.#token({ reason: why.name }) : await this.#onAuth?.(why);
    if (!isToken(given))
      return null;
    this.#given = given;
    return given;
  }

  /*
   * A browser hides why an upgrade failed; the same token in a plain request tells.  {code, name, afterMs}, or
   * null: nobody knows.
   */
  async askWhy(socketUrl, env) {
    const controller = new AbortController();
    const timer = env.setTimer(() => controller.abort(), CHECK_MS);
    try {
      const headers = { Authorization: `Bearer ${this.#last}` };
      const answer = await env.fetch(checkUrl(socketUrl), { headers, cache: 'no-store', signal: controller.signal });
      if (answer.ok)
        return null;
      const { code, name, after_ms: afterMs } = await answer.json();
      return Number.isInteger(code) ? { code, name, afterMs: Number(afterMs) || 0 } : null;
    } catch {
      return null;
    } finally {
      env.clearTimer(timer);
    }
  }
}
