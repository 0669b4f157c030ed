/* Reads a history line by line; what it says is at the top of checker.js. */
import { ACKED, hashOf, IN_STORE, INVOKED, Messages, Names, RECEIVED, REFUSED, SELF, senderOf, SENT_TWICE, UNKNOWN } from './checker_messages.js';
import { Presence } from './checker_presence.js';
import { checkLatency, checkQueue, checkResource, Rows } from './checker_rest.js';
import { Stream } from './checker_stream.js';

const SKEW_MS = 50;
const KEPT_PER_CHECK = 1000;
const EVERYBODY = '*';
const DEFAULTS = {
	devices: {}, resets: 'allow', latency: 'fail', latency_factor: 2, latency_floor_ms: 0,
	edge_ms: 2000, silent_ms: 45000, open_ms: 5000, end_ms: 1000,
	rss_factor: 1.25, rss_slack: 8 << 20, fds_slack: 8, threads_slack: 0,
};
const COUNTS = ['messages', 'acked', 'unknown', 'refused', 'faults', 'lost', 'duplicated', 'reordered', 'misdelivered', 'invented', 'deliveries',
	'gone', 'resets', 'excused', 'holes', 'rows', 'damaged', 'rows_twice', 'presence_wrong', 'after_end', 'resume_wrong', 'slower', 'not_returned', 'cores', 'above_bound', 'history'];

const hasMemory = (dev) => dev !== undefined && dev !== null && dev !== '' && !String(dev).startsWith('~');

export class Checker {
	constructor(options = {}) {
		this.options = { ...DEFAULTS, ...options };
		this.counts = Object.fromEntries(COUNTS.map((name) => [name, 0]));
		this.violations = [];
		this.warnings = [];
		this.perCheck = {};
		this.users = new Names();
		this.messages = new Messages(this.users);
		this.devices = []; /* by user: Map(dev -> device) */
		this.sessions = new Map();
		this.early = new Map(); /* received or stored before it was sent: index -> [{user, line}] */
		this.epochs = 1;
		this.report = this.report.bind(this);
		this.presence = new Presence(this.options, this.report);
		this.rows = new Rows(this);
		this.before = { latency: new Map(), resource: new Map() };
		this.now = -Infinity;
		this.line = 0;
	}

	report(check, count, text, line = this.line) {
		this.counts[count]++;
		this.perCheck[check] = (this.perCheck[check] ?? 0) + 1;
		if (this.perCheck[check] <= KEPT_PER_CHECK)
			this.violations.push({ check, text, line });
	}

	/* One line of the history. */
	add(text) {
		let e;

		this.line++;
		if (text.trim() === '')
			return;
		try {
			e = JSON.parse(text);
		} catch {
			this.report('history', 'history', 'not JSON');
			return;
		}
		const on = Object.hasOwn(OPS, e.op) ? OPS[e.op] : undefined;
		if (!on || (e.op !== 'row' && !Number.isFinite(e.t))) {
			this.report('history', 'history', `op ${e.op} at ${e.t} is not known or has no time`);
			return;
		}
		e.line = this.line;
		if (e.op !== 'row')
			this.tick(e.t);
		on(this, e);
	}

	tick(t) {
		if (t < this.now - SKEW_MS)
			this.report('history', 'history', `time goes back from ${this.now} to ${t}`);
		this.now = Math.max(this.now, t);
		this.presence.tick(t);
	}

	device(user, dev, sid) {
		const devices = this.devices[user] ??= new Map();
		const key = hasMemory(dev) ? String(dev) : `~${sid ?? ''}`;
		let d = devices.get(key);

		if (!d) {
			const name = `user ${this.users.names[user]} device ${key}`;
			d = { name, opened: undefined, seen: new Set(), latest: new Map(), gone: new Set(), spare: 0, resets: [],
				u: new Stream(`${name} u`, this.report), s: new Stream(`${name} s`, this.report) };
			devices.set(key, d);
		}
		return d;
	}

	/* The session is over for C8 and something still happened on it. */
	checkEnded(sid, t, what) {
		const session = this.sessions.get(sid);

		if (session && t > session.ended + this.options.end_ms && !session.isReported) {
			session.isReported = true;
			this.report('C8', 'after_end', `session ${sid} of ${session.user}: ${what} ${t - session.ended} ms after its end`);
		}
	}

	/* The first numbered frame of a session that stated a position; true for the one that is it. */
	checkFirst(e) {
		const session = this.sessions.get(e.sid);

		if (!session || !session.isFirst || e.stream === 's' || e.seq === undefined)
			return false;
		session.isFirst = false;
		if (session.recovered === false)
			this.report('C9', 'resume_wrong', `session ${e.sid}: not recovered, and no reset before ${e.seq}`);
		else if (e.seq <= session.position)
			this.report('C9', 'resume_wrong', `session ${e.sid} resumed after ${session.position} and got ${e.seq}`);
		return session.position !== undefined;
	}

	/* Its sender meant it for somebody else, or never sent it. */
	checkAddressed(m, user, line) {
		const { messages } = this;

		if (!messages.has(m, INVOKED)) {
			const early = this.early.get(m) ?? [];
			early.push({ user, line });
			this.early.set(m, early);
		} else if (messages.to[m] !== user && this.users.names[messages.to[m]] !== EVERYBODY) {
			this.report('C4', 'misdelivered', `${messages.name(m)} for ${this.users.names[messages.to[m]]} came to ${this.users.names[user]}`, line);
		}
	}

	checkContent(m, e) {
		const hash = hashOf(e.h);

		if (e.from !== undefined && String(e.from) !== senderOf(String(e.id)))
			this.report('C5', 'invented', `${e.id} came as from ${e.from}`);
		else if (hash !== 0 && this.messages.hash[m] !== 0 && this.messages.hash[m] !== hash)
			this.report('C5', 'invented', `${e.id} came with another body`);
	}

	/* C3: b was sent after a was acked, so a comes first. */
	checkOrder(d, m, line) {
		const { messages } = this;
		const latest = d.latest.get(messages.sender[m]);

		if (latest !== undefined && messages.acked[m] < messages.invoked[latest])
			this.report('C3', 'reordered', `${d.name}: ${messages.name(m)}, acked before ${messages.name(latest)} was sent, came after it`, line);
		if (latest === undefined || messages.invoked[m] > messages.invoked[latest])
			d.latest.set(messages.sender[m], m);
	}

	received(e) {
		const { messages } = this;
		const m = messages.of(e.id);
		const user = this.users.of(e.to);
		const d = this.device(user, e.dev, e.sid);
		const isResumed = this.checkFirst(e);
		const isAgain = d.seen.has(m);

		this.counts.deliveries++;
		this.checkEnded(e.sid, e.t, `${e.id} delivered`);
		this.checkAddressed(m, user, e.line);
		this.checkContent(m, e);
		if (isAgain) {
			this.report('C2', 'duplicated', `${d.name}: ${e.id} again, with number ${e.seq}`);
			if (e.seq <= d.u.last)
				return;
		} else if (messages.to[m] === user) {
			this.checkOrder(d, m, e.line);
		}
		d.seen.add(m);
		if (messages.to[m] === user || messages.to[m] === -1)
			messages.flags[m] |= RECEIVED;
		if (e.seq !== undefined)
			this.numbered(d, m, e, isResumed, isAgain);
	}

	numbered(d, m, e, isResumed, isAgain) {
		const { messages } = this;

		if (e.stream === 's') {
			d.s.frame(e.seq, e.line, 'C3', false);
			return;
		}
		d.u.frame(e.seq, e.line, isResumed ? 'C9' : 'C3', messages.has(m, SELF));
		if (messages.to[m] !== this.users.of(e.to) || this.epochs > 1)
			return;
		if (messages.number[m] === 0)
			messages.number[m] = e.seq;
		else if (messages.number[m] !== e.seq && messages.has(m, SENT_TWICE))
			this.report('C6', 'rows_twice', `${e.id}, sent again, has the numbers ${messages.number[m]} and ${e.seq}`);
		else if (messages.number[m] !== e.seq && !isAgain)
			this.report('C3', 'reordered', `${e.id} has number ${e.seq} here and ${messages.number[m]} elsewhere`);
	}

	judgeMissing(m, d) {
		const { messages } = this;
		const number = messages.number[m];

		if (number === 0 ? d.spare > 0 : d.gone.has(number)) {
			d.spare--; /* a damaged row does not say which message it was */
			return true;
		}
		return d.resets.some(({ t, u, isEpoch }) => messages.invoked[m] <= t && (number === 0 || isEpoch || number <= u));
	}

	/* C1 for one acked message: the text of what is missing, or nothing. */
	missing(m, devices, wanted) {
		const { messages } = this;
		const must = wanted.filter((dev) => !(devices.get(dev)?.opened > messages.invoked[m]));

		for (const dev of must) {
			const d = devices.get(dev);
			if (d?.seen.has(m) || d?.own?.has(m))
				continue;
			if (!d || !this.judgeMissing(m, d))
				return `device ${dev} has not received it`;
			this.counts.excused++;
		}
		if (must.length > 0 || messages.has(m, RECEIVED) || [...devices.values()].some((d) => d.own?.has(m)))
			return undefined;
		if (devices.size === 0)
			return messages.has(m, IN_STORE) ? undefined : 'nobody was there to receive it, and the store has it not';
		if (![...devices.values()].some((d) => this.judgeMissing(m, d)))
			return 'no device has received it';
		this.counts.excused++;
		return undefined;
	}

	finishMessage(m) {
		const { messages, counts } = this;
		const to = messages.to[m];

		if (!messages.has(m, INVOKED)) {
			for (const { line } of this.early.get(m) ?? [])
				this.report('C5', 'invented', `${messages.name(m)} was never sent`, line);
			return;
		}
		counts.messages++;
		if (messages.has(m, ACKED)) {
			counts.acked++;
			if (this.users.names[to] === EVERYBODY)
				return;
			const what = this.missing(m, this.devices[to] ?? new Map(), (this.options.devices[this.users.names[to]] ?? []).map(String));
			if (what)
				this.report('C1', 'lost', `${messages.name(m)} to ${this.users.names[to]}: ${what}`, messages.line[m]);
		} else if (messages.has(m, UNKNOWN) || messages.open[m] > 0) {
			counts.unknown++;
		} else {
			counts.refused++;
			if (messages.has(m, RECEIVED | IN_STORE))
				this.report('C5', 'invented', `${messages.name(m)} was refused and is there`, messages.line[m]);
		}
	}

	finish() {
		this.presence.tick(this.now);
		for (const devices of this.devices) {
			for (const d of devices?.values() ?? []) {
				d.u.judge();
				d.s.judge();
			}
		}
		for (let m = 0; m < this.messages.n; m++)
			this.finishMessage(m);
		if (this.counts.messages === 0)
			this.report('history', 'history', 'no message was sent');
		return { counts: this.counts, violations: this.violations, warnings: this.warnings, perCheck: this.perCheck };
	}
}

function onSend(c, e) {
	const { messages } = c;
	const m = messages.of(e.id);

	if (e.phase === 'invoke')
		invoked(c, m, e);
	else
		messages.open[m] = Math.max(0, messages.open[m] - 1);
	if (e.phase === 'info')
		messages.flags[m] |= UNKNOWN;
	else if (e.phase === 'fail')
		messages.flags[m] |= REFUSED;
	else if (e.phase === 'ok')
		acked(c, m, e);
}

function invoked(c, m, e) {
	const { messages } = c;

	messages.open[m]++;
	if (messages.has(m, INVOKED)) {
		messages.flags[m] |= SENT_TWICE;
		return;
	}
	messages.flags[m] |= INVOKED;
	messages.to[m] = c.users.of(e.to);
	messages.invoked[m] = e.t;
	messages.line[m] = e.line;
	messages.hash[m] = hashOf(e.h);
	if (messages.to[m] === messages.sender[m])
		messages.flags[m] |= SELF;
	for (const { user, line } of c.early.get(m) ?? [])
		c.checkAddressed(m, user, line);
	c.early.delete(m);
}

function acked(c, m, e) {
	const { messages } = c;

	if (!messages.has(m, INVOKED))
		c.report('history', 'history', `${e.id} is acked and was not sent`);
	if (e.sid !== undefined)
		c.checkEnded(e.sid, e.t, `${e.id} accepted`);
	if (messages.has(m, ACKED) && e.seq !== undefined && messages.seq[m] !== 0 && messages.seq[m] !== e.seq && c.epochs === 1)
		c.report('C6', 'rows_twice', `${e.id} was acked as ${messages.seq[m]} and as ${e.seq}`);
	messages.flags[m] |= ACKED;
	messages.acked[m] = Math.min(messages.acked[m], e.t);
	messages.seq[m] = e.seq ?? 0;
	if (!hasMemory(e.dev) && e.sid === undefined)
		return;
	const d = c.device(messages.sender[m], e.dev, e.sid);
	if (e.seq !== undefined)
		d.u.answer(e.seq);
	if (messages.has(m, SELF))
		(d.own ??= new Set()).add(m);
}

function onRaw(c, e) {
	const user = c.users.of(e.to);
	const d = c.device(user, e.dev, e.sid);

	c.checkEnded(e.sid, e.t, `${e.id} delivered`);
	if (c.checkFirst(e) && d.u.last !== undefined && e.seq > d.u.last + 1)
		c.sessions.get(e.sid).isFirst = true; /* the hole is found where the application gets it */
}

function onCarbon(c, e) {
	const m = c.messages.of(e.id);
	const user = c.users.of(e.to);
	const d = c.device(user, e.dev, e.sid);

	c.checkEnded(e.sid, e.t, `${e.id} delivered`);
	d.u.frame(e.seq, e.line, c.checkFirst(e) ? 'C9' : 'C3', true);
	if (!c.messages.has(m, INVOKED))
		c.checkAddressed(m, user, e.line);
	else if (c.messages.sender[m] !== user)
		c.report('C4', 'misdelivered', `${e.id} came to ${e.to} as a message of that user's own`);
	if (c.messages.has(m, SELF))
		(d.own ??= new Set()).add(m);
}

function onGone(c, e) {
	const d = c.device(c.users.of(e.to), e.dev, e.sid);

	c.counts.gone++;
	d.gone.add(e.seq);
	d.spare++;
	d.u.frame(e.seq, e.line, c.checkFirst(e) ? 'C9' : 'C3', false);
}

function onReset(c, e) {
	const d = c.device(c.users.of(e.to ?? e.user), e.dev, e.sid);
	const session = c.sessions.get(e.sid);
	const isEpoch = /epoch/i.test(e.reason);

	c.counts.resets++;
	if (isEpoch)
		c.epochs++;
	if (c.options.resets === 'forbid')
		c.report('C9', 'resume_wrong', `${d.name}: reset, ${e.reason}`);
	d.resets.push({ t: e.t, u: e.u, isEpoch });
	d.u.reset(e.u);
	if (e.s !== undefined)
		d.s.reset(e.s);
	if (session) {
		session.isFirst = false;
		session.position = e.u;
	}
}

function onOpen(c, e) {
	if (e.phase !== undefined && e.phase !== 'ok')
		return;
	const d = c.device(c.users.of(e.user), e.dev, e.sid);

	d.opened = Math.min(d.opened ?? Infinity, e.t);
	c.sessions.set(e.sid, { user: e.user, ended: Infinity, position: e.u, recovered: e.recovered, isFirst: e.u !== undefined, isReported: false });
	if (e.u !== undefined)
		d.u.resume(e.u);
	if (e.s !== undefined)
		d.s.resume(e.s);
	c.presence.open(e);
}

function onClose(c, e) {
	const session = c.sessions.get(e.sid);

	/* What still comes on it is only worth a look if it was ended. */
	if (session && session.ended === Infinity)
		c.sessions.delete(e.sid);
	c.presence.close({ ...e, user: e.user ?? session?.user });
}

function onEnd(c, e) {
	if (e.phase !== undefined && e.phase !== 'ok')
		return;
	for (const [sid, session] of c.sessions) {
		if (e.sid !== undefined ? sid === e.sid : String(session.user) === String(e.user))
			session.ended = Math.min(session.ended, e.t);
	}
}

function onFound(c, e) {
	c.report('C11', 'cores', `${e.proc}: ${e.op}: ${e.info ?? ''}`);
}

const OPS = {
	send: onSend,
	recv: (c, e) => c.received(e),
	recv_raw: onRaw,
	carbon: onCarbon,
	gone: onGone,
	reset: onReset,
	open: onOpen,
	close: onClose,
	silent: (c, e) => c.presence.silent(e),
	end: onEnd,
	revoke: onEnd,
	presence: (c, e) => c.presence.told(e),
	edge_kill: (c, e) => c.presence.edgeKill(e),
	fault: (c, e) => c.counts.faults += e.phase === 'ok' ? 0 : 1,
	latency: checkLatency,
	resource: checkResource,
	queue: checkQueue,
	core: onFound,
	sanitizer: onFound,
	row: (c, e) => c.rows.add(e),
};
