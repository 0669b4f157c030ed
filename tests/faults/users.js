/*
 * users: clients that do what docs/PROTOCOL.md tells authors of clients, and write down what they see.
 * One with memory keeps its position over connections, takes each number once and sends again what was
 * not answered.  One without says no device and no position, takes what it gets, and never knows what
 * became of the sends of a connection that is gone: their mids were of that connection's own device.
 */
import { createRequire } from 'node:module';

const WebSocket = createRequire(new URL('../integration/package.json', import.meta.url))('ws');

const TICK_MS = 50;
const WINDOW = 8; /* sends without an answer, of one connection */
const ANSWER_MS = 9000; /* then the answer is lost; the server promises it within 5 s */
const HANDSHAKE_MS = 10000;
const READY_MS = 15000;
const BACKOFF_MS = 100;
const BACKOFF_MAX_MS = 3000;
const STABLE_MS = 10000;
const ACK_MS = 1000;
const ACK_EVERY = 100;
const PLACE_WAIT_MS = 3000;
const SYNC_AGAIN_MS = 10000;
const AGAIN = new Set([1000, 1102, 1409, 1503]); /* exceptions after which the same mid is sent again */

const NOBODY = { n: Infinity };

class User {
	constructor(load, number, hasMemory) {
		this.load = load;
		this.uid = String(number);
		this.dev = hasMemory ? `d${number}` : null;
		this.position = null; /* {e, u, s} */
		this.held = new Set(); /* numbers of acks that are ahead of a replay */
		this.ws = null;
		this.isReady = false;
		this.lives = 0;
		this.edge = -1;
		this.inFlight = new Map(); /* number of the message -> message, in the order of the sends */
		this.again = []; /* to be sent once more */
		this.made = 0;
		this.backoff = BACKOFF_MS;
		this.connectAt = 0;
		this.stalledUntil = 0;
		this.toAck = 0;
		this.ackedAt = 0;
		this.syncAt = Infinity;
		this.head = null; /* of the stream as `ready` said */
	}

	/* What most lines of the history say of a connection. */
	get who() {
		return this.dev ? `"dev":"${this.dev}","sid":"${this.uid}-${this.lives}"` : `"sid":"${this.uid}-${this.lives}"`;
	}

	note(rest) {
		this.load.history.add('load', rest);
	}

	/* ---- connecting */

	connect(now) {
		const { load } = this;
		let edge = Math.floor(load.random() * load.ports.length);
		if (edge === this.edge)
			edge = (edge + 1) % load.ports.length;
		this.edge = edge;
		this.lives++;
		this.isReady = false;
		this.syncAt = Infinity;
		this.held.clear();
		if (!this.dev)
			this.position = null;
		let query = this.dev ? `?dev=${this.dev}` : '';
		if (this.position && this.dev)
			query += `&e=${this.position.e}&u=${this.position.u}&s=${this.position.s}`;
		this.said = query.includes('&e=');
		const ws = new WebSocket(`ws://127.0.0.1:${load.ports[edge]()}/ws${query}`, ['postern.v1'], {
			headers: { Authorization: `Bearer ${load.tokens[Number(this.uid) - 1]}` },
			perMessageDeflate: false,
			handshakeTimeout: HANDSHAKE_MS,
		});
		this.ws = ws;
		this.stalledUntil = 0;
		this.readyBy = now + READY_MS;
		ws.on('message', (data) => {
			if (this.ws === ws)
				this.frame(JSON.parse(data.toString('latin1')));
		});
		ws.on('error', () => {});
		ws.on('unexpected-response', (request, response) => {
			load.count(`HTTP ${response.statusCode}`);
			this.least = Number(response.headers['retry-after'] ?? 0) * 1000;
			request.destroy();
			this.lost(ws, response.statusCode);
		});
		ws.on('close', (code, reason) => {
			const after = /after=(\d+)/.exec(reason.toString());
			this.least = after ? Number(after[1]) : this.least;
			this.lost(ws, code);
		});
	}

	/* The connection is gone, or given up. */
	lost(ws, code) {
		if (this.ws !== ws)
			return;
		const now = performance.now();
		this.ws = null;
		if (this.isReady) {
			this.load.count(`close ${code}`);
			this.note(`"op":"close","phase":"ok","user":"${this.uid}",${this.who},"code":${code}`);
			if (now - this.openedAt > STABLE_MS)
				this.backoff = BACKOFF_MS;
		}
		this.isReady = false;
		for (const message of this.inFlight.values())
			this.unknown(message);
		if (!this.dev) {
			for (let n = this.inFlight.size; n > 0; n--)
				this.load.finish();
			this.inFlight.clear();
		}
		this.again = [...this.inFlight.values()];
		const wait = Math.min(this.least ?? 0, BACKOFF_MAX_MS) + this.load.random() * this.backoff;
		this.backoff = Math.min(this.backoff * 2, BACKOFF_MAX_MS);
		this.least = 0;
		this.connectAt = now + wait;
	}

	drop() {
		const { ws } = this;
		if (!ws)
			return;
		this.lost(ws, 1006);
		ws.terminate();
	}

	/* Reads nothing for so long. */
	stall(ms) {
		const { ws } = this;
		if (!ws || !this.isReady)
			return;
		ws.pause();
		this.stalledUntil = performance.now() + ms;
		setTimeout(() => ws.resume(), ms);
	}

	opened(data) {
		const { resume } = data;
		this.openedAt = performance.now();
		this.isReady = true;
		this.head = resume.u;
		if (this.said && !resume.recovered) {
			this.load.count('not recovered');
		} else if (!this.said) {
			/* Nothing is pushed to all here, so what is missed is of the user's own stream. */
			this.position = { e: resume.epoch, u: resume.u - resume.missed, s: resume.s };
		}
		const stated = this.said ? `,"u":${this.position.u},"recovered":${resume.recovered}` : '';
		this.note(`"op":"open","phase":"ok","user":"${this.uid}",${this.who}${stated},"info":${JSON.stringify(resume)}`);
		this.pump();
	}

	/* ---- receiving */

	frame(frame) {
		switch (frame.event) {
		case 'chat': this.chat(frame); break;
		case 'ack': this.ack(frame.id, frame.data); break;
		case 'exception': this.refused(frame.id, frame.data); break;
		case 'ready': this.opened(frame.data); break;
		case 'gone':
			this.load.count('gone');
			if (this.next(frame.seq, true)) {
				this.note(`"op":"gone","phase":"ok","to":"${this.uid}",${this.who},"seq":${frame.seq},"info":"${frame.data.reason}"`);
				this.release();
			}
			break;
		case 'reset':
			this.load.count(`reset ${frame.data.reason}`);
			this.note(`"op":"reset","phase":"ok","to":"${this.uid}",${this.who},"u":${frame.data.u},"s":${frame.data.s},"reason":"${frame.data.reason}"`);
			this.position = { e: frame.data.epoch, u: frame.data.u, s: frame.data.s };
			this.held.clear();
			break;
		case 'heartbeat':
		case 'goaway':
			break;
		default:
			this.load.count(`event ${frame.event}`);
		}
	}

	/* True when the number is the next, which it then is no more. */
	next(seq, isFrame, isCarbon) {
		const { position } = this;
		if (seq <= position.u) {
			if (isFrame)
				this.load.count(isCarbon ? 'old carbon' : 'old frame');
			return false;
		}
		if (seq > position.u + 1) {
			if (isFrame) {
				this.load.count('gap');
				this.syncAt = Math.min(this.syncAt, performance.now());
			} else {
				if (this.held.size === 0)
					this.syncAt = Math.min(this.syncAt, performance.now() + PLACE_WAIT_MS);
				this.held.add(seq);
			}
			return false;
		}
		position.u = seq;
		this.toAck++;
		return true;
	}

	place(seq) {
		if (this.next(seq, false))
			this.release();
	}

	release() {
		const { held, position } = this;
		if (held.size === 0)
			return;
		while (held.delete(position.u + 1))
			position.u++;
		for (const seq of held)
			if (seq <= position.u)
				held.delete(seq);
		if (held.size === 0)
			this.syncAt = Infinity;
	}

	chat({ seq, mid, carbon, data }) {
		if (!this.next(seq, true, carbon))
			return;
		if (!carbon)
			this.load.received++;
		const op = carbon ? 'carbon' : 'recv';
		this.note(`"op":"${op}","phase":"ok","id":"${data.content}","from":"${data.fromUser}","to":"${this.uid}",${this.who},"seq":${seq},"mid":"${mid}"`);
		this.release();
	}

	/* ---- sending */

	pump() {
		if (!this.isReady)
			return;
		while (this.again.length > 0)
			this.say(this.again.shift());
		while (this.inFlight.size < WINDOW && this.load.mayMake(this)) {
			const number = ++this.made;
			const to = this.load.someoneElse(this.uid);
			const id = `${this.uid}.${number}`;
			const message = { number, to, id, mid: `m${id}`, tries: 0, at: 0, isOpen: false, since: performance.now() };
			this.inFlight.set(number, message);
			this.say(message);
		}
	}

	say(message) {
		const { number, to, id, mid } = message;
		if (!this.inFlight.has(number))
			return;
		message.tries++;
		message.at = performance.now();
		message.isOpen = true;
		message.isWaiting = false;
		this.note(`"op":"send","phase":"invoke","id":"${id}","from":"${this.uid}","to":"${to}",${this.who},"mid":"${mid}"`);
		this.ws.send(`{"event":"chat","id":${number},"mid":"${mid}","data":{"toUserId":${to},"message":"${id}"}}`);
	}

	result(message, phase, rest) {
		message.isOpen = false;
		this.note(`"op":"send","phase":"${phase}","id":"${message.id}","from":"${this.uid}","to":"${message.to}",${this.who},"mid":"${message.mid}"${rest}`);
	}

	unknown(message) {
		if (message.isOpen)
			this.result(message, 'info', '');
	}

	ack(id, data) {
		if (id === 'y')
			return;
		const message = this.inFlight.get(id);
		if (message) {
			this.inFlight.delete(id);
			this.result(message, 'ok', `,"seq":${data.seq},"state":"${data.state}"`);
			this.load.answered(message, data.state);
		}
		this.place(data.seq);
		this.pump();
	}

	refused(id, data) {
		const message = this.inFlight.get(id);
		this.load.count(`exception ${data.code}`);
		if (!message) {
			/* What was sent once more on the same connection has two answers. */
			if (id === undefined || !AGAIN.has(data.code))
				this.load.odd(`${this.uid}, id ${id}: ${JSON.stringify(data)}`);
			return;
		}
		this.result(message, data.code === 1503 || data.code === 1000 ? 'info' : 'fail', `,"code":${data.code}`);
		if (!AGAIN.has(data.code)) {
			this.load.odd(`${this.uid}: ${JSON.stringify(data)}`);
			this.inFlight.delete(id);
			this.load.finish();
			return;
		}
		message.at = performance.now() + Math.min(data.after_ms ?? 500, 3000) * (0.5 + this.load.random());
		message.isWaiting = true;
	}

	/* ---- time */

	tick(now) {
		if (!this.ws) {
			if (now >= this.connectAt && !this.load.isClosing)
				this.connect(now);
			return;
		}
		if (!this.isReady) {
			if (now > this.readyBy)
				this.drop();
			return;
		}
		if (now < this.stalledUntil + TICK_MS)
			return;
		for (const message of this.inFlight.values()) {
			if (message.isWaiting) {
				if (now < message.at)
					continue;
				this.say(message);
			} else if (now - message.at > ANSWER_MS) {
				this.load.count('answer lost');
				if (this.load.random() < 0.5) {
					this.drop();
					return;
				}
				this.unknown(message);
				this.say(message);
			}
		}
		this.pump();
		if (now >= this.syncAt) {
			this.syncAt = now + SYNC_AGAIN_MS;
			this.load.count('sync');
			const { e, u, s } = this.position;
			this.ws.send(`{"event":"sync","id":"y","data":{"e":"${e}","u":${u},"s":${s}}}`);
		}
		if (this.dev && this.toAck > 0 && (this.toAck >= ACK_EVERY || now - this.ackedAt > ACK_MS))
			this.acknowledge(now);
	}

	acknowledge(now) {
		this.toAck = 0;
		this.ackedAt = now;
		this.ws.send(`{"event":"heartbeat","data":{"u":${this.position.u},"s":${this.position.s}}}`);
	}

	get isCaughtUp() {
		return this.isReady && this.inFlight.size === 0 && this.position.u >= this.head;
	}
}

export class Load {
	/* ports: functions that give an edge's port.  tokens: of the users 1, 2, ... */
	constructor({ history, ports, tokens, messages, random, onOdd }) {
		Object.assign(this, { history, ports, tokens, messages, random, onOdd });
		this.counts = new Map();
		this.made = 0; /* messages */
		this.limit = 0; /* no more than these are made by now */
		this.finished = 0;
		this.received = 0;
		this.states = {};
		this.isClosing = false;
		this.waiting = NOBODY;
		this.users = tokens.map((_, i) => new User(this, i + 1, i % 10 !== 9));
		this.timer = setInterval(() => this.#tick(), TICK_MS);
	}

	#tick() {
		const now = performance.now();
		for (const user of this.users)
			user.tick(now);
	}

	mayMake() {
		if (this.made >= this.limit || this.made >= this.messages)
			return false;
		this.made++;
		return true;
	}

	someoneElse(uid) {
		const other = 1 + Math.floor(this.random() * (this.users.length - 1));
		return String(other >= Number(uid) ? other + 1 : other);
	}

	answered(message, state) {
		this.finish();
		this.states[state] = (this.states[state] ?? 0) + 1;
		this.slowest = Math.max(this.slowest ?? 0, performance.now() - message.since);
	}

	finish() {
		this.finished++;
		if (this.finished >= this.waiting.n)
			this.waiting.resolve();
	}

	/* Resolves in the moment when so many messages are answered, while others are under way. */
	async reached(n) {
		if (this.finished < n)
			await new Promise((resolve) => (this.waiting = { n, resolve }));
		this.waiting = NOBODY;
	}

	count(what) {
		this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
	}

	odd(what) {
		this.onOdd(what);
	}

	/* Everybody who is connected goes and comes back, to read what there is. */
	again() {
		for (const user of this.users)
			user.drop();
	}

	get areReady() {
		return this.users.every((user) => user.isReady);
	}

	get areCaughtUp() {
		return this.users.every((user) => user.isCaughtUp);
	}

	close() {
		this.isClosing = true;
		clearInterval(this.timer);
		for (const user of this.users)
			user.drop();
	}
}
