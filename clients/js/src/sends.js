/* sends: the outbox with its promises, the sizes that the server allows, and its pace. */
import { PosternError } from './codes.js';
import { chatFrame, refusal, uidOf } from './frames.js';
import { randomHex } from './memory.js';
import { Outbox, Pace } from './outbox.js';

export class Sends {
  #outbox;
  #pace = new Pace();
  #limits = { frame: 65536, chat: 16384 };

  constructor({ maxQueue: max = 1000, maxQueueBytes: maxBytes = 4194304 }, random) {
    this.#outbox = new Outbox({ max, maxBytes, random });
  }

  get size() {
    return this.#outbox.size;
  }

  get isDelayed() {
    return this.#outbox.isDelayed;
  }

  /* limits: those of `ready`. */
  limit(limits) {
    this.#limits = { ...this.#limits, ...limits };
    this.#pace.limit(limits);
  }

  /* A promise of the ack; throws what is wrong at once. */
  add(to, text, { mid = randomHex(16), timeoutMs }, now) {
    const uid = uidOf(to);
    const { end, size } = chatFrame(uid, text, mid, this.#limits);
    return new Promise((resolve, reject) => {
      this.#outbox.add({ mid, to: uid, end, bytes: size, resolve, reject }, now, timeoutMs);
    });
  }

  /* Another frame; those that cannot wait may leave a debt. */
  may(now) {
    return this.#pace.may(now);
  }

  spend(now) {
    this.#pace.spend(now);
  }

  /* What may be said now, by say(text). */
  flush(now, say) {
    while (this.#pace.may(now)) {
      const item = this.#outbox.take(now);
      if (!item)
        return;
      this.#pace.spend(now);
      say(`{"event":"chat","id":${item.id}${item.end}`);
    }
  }

  /* An `ack`: to whom it was sent, or null: nobody waits for it. */
  acked(id, data) {
    const item = this.#outbox.acked(id);
    item?.resolve(data);
    return item?.to ?? null;
  }

  refused(id, data, now) {
    this.#outbox.refused(id, data, now)?.reject(refusal(data, false));
  }

  /* A numbered frame: whether it shows what this client sent. */
  isOwn({ carbon, mid, seq }) {
    if (!carbon)
      return false;
    const { own, item } = this.#outbox.carbon(mid);
    item?.resolve({ mid, state: 'duplicate', devices: 0, seq });
    return own;
  }

  disconnected() {
    this.#outbox.disconnected();
  }

  expire(now) {
    this.#reject(this.#outbox.expire(now), 'timeout', 'no answer in time', 'after');
  }

  rejectAll(code, message) {
    this.#reject(this.#outbox.clear(), code, message, 'no');
  }

  #reject(items, code, message, retry) {
    for (const { reject, tries } of items)
      reject(new PosternError(code, message, { retry, maybeSent: tries > 0 }));
  }

  /* maySay: whether the connection takes messages now. */
  nextAt(now, maySay) {
    return this.#outbox.nextAt(maySay, maySay ? this.#pace.nextAt(now) : 0);
  }
}
