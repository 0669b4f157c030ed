/*
 * What was sent, by number: an id "sender.counter" becomes an index into typed columns, so that a
 * million messages cost some fifty megabytes.
 */
export const INVOKED = 1, ACKED = 2, UNKNOWN = 4, REFUSED = 8, RECEIVED = 16, IN_STORE = 32, SELF = 64, SENT_TWICE = 128;

const COLUMNS = { flags: Uint8Array, sender: Int32Array, to: Int32Array, open: Int32Array, invoked: Float64Array, acked: Float64Array, seq: Float64Array, number: Float64Array, hash: Int32Array, line: Int32Array };
const FIRST_ROOM = 1024;

/* 32 bits, for comparing only; 0 is no text. */
export function hashOf(text) {
	let h = 0x811c9dc5;

	if (text === undefined || text === null)
		return 0;
	for (const c of String(text))
		h = Math.imul(h ^ c.codePointAt(0), 0x01000193);
	return h | 1;
}

export class Names {
	constructor() {
		this.numbers = new Map();
		this.names = [];
	}

	of(name) {
		const key = String(name);
		let n = this.numbers.get(key);

		if (n === undefined) {
			n = this.names.push(key) - 1;
			this.numbers.set(key, n);
		}
		return n;
	}
}

export function senderOf(id) {
	return id.slice(0, Math.max(0, id.lastIndexOf('.')));
}

export class Messages {
	constructor(users) {
		this.users = users;
		this.bySender = [];
		this.n = 0;
		this.room = 0;
		this.odd = new Map(); /* index -> what is no number after the dot */
		this.counters = new Float64Array(0);
		this.grow();
	}

	grow() {
		this.room = Math.max(FIRST_ROOM, this.room * 2);
		for (const [name, Column] of Object.entries({ ...COLUMNS, counters: Float64Array })) {
			const old = this[name];

			this[name] = new Column(this.room);
			if (old)
				this[name].set(old);
		}
	}

	/* The index of an id; one that is seen for the first time has no flag yet. */
	of(id) {
		const text = String(id);
		const sender = this.users.of(senderOf(text));
		const tail = text.slice(text.lastIndexOf('.') + 1);
		const number = Number(tail);
		const key = String(number) === tail ? number : tail;
		const known = this.bySender[sender] ??= new Map();
		let m = known.get(key);

		if (m !== undefined)
			return m;
		if (this.n === this.room)
			this.grow();
		m = this.n++;
		known.set(key, m);
		this.sender[m] = sender;
		this.to[m] = -1;
		this.acked[m] = Infinity;
		if (typeof key === 'number')
			this.counters[m] = key;
		else
			this.odd.set(m, key);
		return m;
	}

	name(m) {
		return `${this.users.names[this.sender[m]]}.${this.odd.get(m) ?? this.counters[m]}`;
	}

	has(m, flag) {
		return (this.flags[m] & flag) !== 0;
	}
}
