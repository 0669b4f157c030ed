/* C10 to C12, and what C1, C4, C5 and C6 say of the rows of the store. */
import { IN_STORE, INVOKED } from './checker_messages.js';

export function checkLatency(c, e) {
	const { options, before: { latency } } = c;
	const name = e.name ?? '';

	if (e.phase === 'before') {
		latency.set(name, Math.max(latency.get(name) ?? 0, e.p99));
		return;
	}
	const limit = Math.max(options.latency_floor_ms, options.latency_factor * latency.get(name));
	const text = `p99 ${name} ${e.p99} ms after the fault, ${latency.get(name)} ms before`;

	if (e.p99 <= limit)
		return;
	if (options.latency === 'warn')
		c.warnings.push({ check: 'C10', text, line: e.line });
	else
		c.report('C10', 'slower', text);
}

export function checkResource(c, e) {
	const { options, before: { resource } } = c;
	const limits = resource.get(e.proc) ?? {};

	if (e.bound_rss !== undefined && e.rss > e.bound_rss)
		c.report('C12', 'above_bound', `${e.proc}: ${e.rss} bytes resident, the bound is ${e.bound_rss}`);
	for (const name of ['rss', 'fds', 'threads']) {
		if (e[name] === undefined)
			continue;
		if (e.phase === 'before') {
			limits[name] = Math.max(limits[name] ?? 0, e[name]);
			continue;
		}
		const limit = limits[name] * (name === 'rss' ? options.rss_factor : 1) + options[`${name}_slack`];
		if (e.phase === 'after' && !(e[name] <= limit))
			c.report('C11', 'not_returned', `${e.proc}: ${name} ${e[name]} after, ${limits[name]} before`);
	}
	if (e.phase === 'before')
		resource.set(e.proc, limits);
}

export function checkQueue(c, e) {
	if (!(e.value <= e.bound))
		c.report('C12', 'above_bound', `${e.proc}: ${e.name} ${e.value}, the bound is ${e.bound}`);
}

/* 53 bits, enough to tell a few million keys apart. */
function keyOf(text) {
	let a = 0xdeadbeef, b = 0x41c6ce57;

	for (let i = 0; i < text.length; i++) {
		a = Math.imul(a ^ text.charCodeAt(i), 2654435761);
		b = Math.imul(b ^ text.charCodeAt(i), 1597334677);
	}
	a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
	b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
	return 4294967296 * (b & 0x1fffff) + (a >>> 0);
}

/* The id "sender.counter" in a body, where the sender is the row's; an operator's row may name any. */
function idIn(row) {
	for (const [id, sender] of String(row.body ?? '').matchAll(/(?<![\w.~-])([\w~-]+)\.\d+(?![\w.])/g)) {
		if (row.from === '' || sender === String(row.from))
			return id;
	}
	return undefined;
}

export class Rows {
	constructor(checker) {
		this.checker = checker;
		this.mids = new Set();
	}

	addDumped(text) {
		this.checker.line++;
		if (text.trim() === '')
			return;
		const row = JSON.parse(text);
		this.add({ ...row, id: row.id ?? idIn(row), line: this.checker.line });
	}

	add(row) {
		const { checker: c } = this;

		c.counts.rows++;
		if (row.damaged) {
			c.counts.damaged++;
			return;
		}
		if (row.mid !== undefined && row.mid !== '')
			this.addMid(row);
		if (row.id === undefined)
			return;
		const m = c.messages.of(row.id);
		const isTwice = c.messages.has(m, IN_STORE);
		c.checkAddressed(m, c.users.of(row.to), row.line);
		c.messages.flags[m] |= IN_STORE;
		if (isTwice)
			c.report('C6', 'rows_twice', `${row.id} has another row, ${row.to} ${row.to_seq}`, row.line);
		else if (c.messages.has(m, INVOKED) && c.messages.number[m] === 0 && row.to_seq !== undefined)
			c.messages.number[m] = row.to_seq;
	}

	addMid(row) {
		const key = keyOf(`${row.from}\0${row.device}\0${row.mid}`);

		if (this.mids.has(key))
			this.checker.report('C6', 'rows_twice', `the mid ${row.mid} of ${row.from}, device ${row.device}, has another row, ${row.to} ${row.to_seq}`, row.line);
		this.mids.add(key);
	}
}
