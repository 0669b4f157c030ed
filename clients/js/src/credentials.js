/*
 * credentials: the token, and where a new one comes from: the function `token`, or `onAuth` when the
 * server has refused the one that there is.
 */
import { ask, demand } from './http.js';

/* Where another token of the same user helps without the application's having decided anything. */
const FRESH_HELPS = new Set([4230, 4401]);
const IDENTITY_MISMATCH = 4403;

export function isToken(value) {
  return typeof value === 'string' && value !== '';
}

export class Credentials {
  #token;
  #onAuth;
  #hasTicket;
  #given = null;
  #hasFresh = false; /* since the last stable connection */
  #last = null;

  constructor({ token, onAuth, ticket }) {
    if (typeof token !== 'string' && typeof token !== 'function')
      throw new TypeError('token is a string or a function that gives one');
    this.#token = token;
    this.#onAuth = onAuth;
    this.#hasTicket = ticket === true;
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

  /* A one-time ticket for that token, or null: the token itself is shown.  Rejects as demand() does. */
  async ticket(socketUrl, env) {
    if (!this.#hasTicket)
      return null;
    const { ticket } = await demand(env, socketUrl, '/auth/ticket', { method: 'POST', token: this.#last });
    if (!isToken(ticket))
      throw new TypeError('the server gave no ticket');
    return ticket;
  }

  /* The connection was good for long enough: what was before does not count. */
  stable() {
    this.#hasFresh = false;
  }

  /* why: {code, name}.  Whether there is a fresh token for the next connection: one, and then no more. */
  async refresh(why) {
    const isAsked = typeof this.#onAuth === 'function';
    if (this.#hasFresh || why.code === IDENTITY_MISMATCH || !(isAsked || (typeof this.#token === 'function' && FRESH_HELPS.has(why.code))))
      return false;
    const given = isAsked ? await this.#onAuth(why) : await this.#token({ reason: why.name });
    this.#hasFresh = true;
    this.#given = isToken(given) ? given : null;
    return this.#given !== null;
  }

  /* While the connection lives, why: {code, name}: a new one, or null. */
  async renew(why) {
    const given = typeof this.#token === 'function' ? await this.#token({ reason: why.name }) : await this.#onAuth?.(why);
    if (!isToken(given))
      return null;
    this.#given = given;
    return given;
  }

  /* The server took this one, or did not, on a live connection. */
  keep(token) {
    this.#given = this.#last = token;
  }

  drop(token) {
    if (this.#given === token)
      this.#given = null;
  }

  /*
   * A browser hides why an upgrade failed; the same token in a plain request tells.  {code, name, afterMs}, or
   * null: nobody knows.
   */
  async askWhy(socketUrl, env) {
    try {
      const { ok, said } = await ask(env, socketUrl, '/auth/check', { token: this.#last });
      const { code, name, after_ms: afterMs } = said;
      return !ok && Number.isInteger(code) ? { code, name, afterMs: Number(afterMs) || 0 } : null;
    } catch {
      return null;
    }
  }
}
