/*
 * renewal: another token on the live connection, by `reauth`, one at a time.  Before the token ends, with
 * what the application's provider gives; and when the application says so, perhaps with the token of another user.
 * Until the answer the connection must say nothing else: the server would refuse it (1409), and
 * nobody could tell in whose name it was meant.
 */
import { PosternError } from './codes.js';

const ANSWER_MS = 20000; /* the server's own limits: for sends under way, for auth, for the router */
const AGAIN_MS = 5000;
const BUSY = new Set([1000, 1301, 1409, 1503]); /* they say nothing about the token */

export class Renewal {
  #deps;
  #question = null; /* {id, token, kept, lostAt, resolve, reject} */
  #n = 0;
  #line = Promise.resolve();
  #renewAt = Infinity;
  #why;

  /* deps: credentials, memory, events; now(), isOpen(), say(frame), arm(). */
  constructor(deps) {
    this.#deps = deps;
  }

  get isPending() {
    return this.#question !== null;
  }

  /* What the storage has of the user whose token is being shown. */
  get kept() {
    return this.#question?.kept ?? null;
  }

  /* The server says that the token ends soon. */
  expiring(now) {
    this.#why = { code: 4230, name: 'expiring' };
    this.#renewAt = now;
    this.look(now);
  }

  /* Resolves with the data of the ack when the token is the connection's. */
  ask(token) {
    const asked = this.#line.then(() => this.#ask(token));
    this.#line = asked.catch(() => {});
    return asked;
  }

  async #ask(token) {
    const kept = await this.#deps.memory.find(token);
    if (!this.#deps.isOpen())
      throw new PosternError('not_open', 'there is no connection', { retry: 'after' });
    return new Promise((resolve, reject) => {
      const id = `r${++this.#n}`;
      this.#deps.say({ event: 'reauth', id, data: { token } });
      this.#question = { id, token, kept, lostAt: this.#deps.now() + ANSWER_MS, resolve, reject };
      this.#deps.arm();
    });
  }

  #end(id) {
    if (this.#question?.id !== id)
      return null;
    const question = this.#question;
    this.#question = null;
    return question;
  }

  /* Whether it was the answer to a `reauth`, as for the next. */
  answered(id, data) {
    const question = this.#end(id);
    question?.resolve(data);
    return question !== null;
  }

  refused(id, error) {
    const question = this.#end(id);
    if (question && !BUSY.has(error.code) && error.code !== 1003)
      this.#deps.credentials.drop(question.token);
    question?.reject(error);
    return question !== null;
  }

  disconnected() {
    this.#renewAt = Infinity;
    this.#end(this.#question?.id)?.reject(new PosternError('not_open', 'the connection ended before the answer', { retry: 'after' }));
  }

  nextAt() {
    return this.#question?.lostAt ?? this.#renewAt;
  }

  /* No answer: nobody knows whose the connection is. */
  isLost(now) {
    return this.#question !== null && now >= this.#question.lostAt;
  }

  /* If it is time. */
  async look(now) {
    if (now < this.#renewAt || this.#question)
      return;
    const why = this.#why;
    this.#renewAt = Infinity;
    try {
      const token = await this.#deps.credentials.renew(why);
      if (token && this.#deps.isOpen())
        await this.ask(token);
    } catch (error) {
      this.#failed(error, why);
    }
  }

  #failed(error, why) {
    if (error.code === 'not_open' || error.code === 1003)
      return; /* where the server cannot do it, the next connection has the token */
    const isRefused = error instanceof PosternError;
    if (error.code === 1401 && why.code !== 4401) {
      this.#why = { code: 4401, name: 'unauthorized' };
      this.#again(0);
    } else if (isRefused && (error.retry === 'after' || error.retry === 'now')) {
      this.#again(error.afterMs || AGAIN_MS);
    } else {
      this.#deps.events.fail(error);
      if (!isRefused)
        this.#again(AGAIN_MS); /* nobody to ask now is not a no */
    }
  }

  #again(ms) {
    if (!this.#deps.isOpen())
      return;
    this.#renewAt = this.#deps.now() + ms;
    this.#deps.arm();
  }
}
