#!/usr/bin/env node
/*
 * checker.js HISTORY [--dump ROWS] [--options FILE] [--json]
 *
 * Reads the history of a run under faults and says what was broken: checks C1 to C12.  Exit 1 if any.
 *
 * A history is JSON lines, in the order of t (ms, one monotonic clock for all; SKEW_MS of disorder is borne):
 *	{t, proc, op, phase: "invoke"|"ok"|"fail"|"info", ...}
 * op and its fields; those in brackets may be left out:
 *	send		invoke: id "sender.counter", to (a user, or "*": a push to all), [dev], [sid], [mid], [h: hash of the body]
 *			ok: id, [seq: in the sender's stream], [state]   fail: id, code (certainly refused)   info: id (outcome unknown)
 *			A retry is another invoke with the same id and mid.
 *	recv		ok, at the application, what the client dropped as old left out: to (who received it), dev, sid, id, [from], seq, [h], [stream: "s"]
 *	recv_raw	the same for every frame before that
 *	carbon		ok: to (whose own message it is), dev, sid, id, seq
 *	gone		to, dev, sid, seq
 *	reset		to, dev, sid, u, [s], reason
 *	open		ok: sid, dev, user, [edge], [u: position after which it begins], [s], [recovered]
 *	close		sid, dev, user, code (without one or 1006: the server may not know yet)
 *	silent		sid, user: the client answers nothing from here on
 *	end, revoke	ok: sid, or user (all sessions opened so far); the end was acknowledged
 *	presence	watcher, user, state ("offline", or anything else)
 *	edge_kill	[edge], users (with sessions there)
 *	fault		kind, [role], [info]; phase "ok" is its end and does not count
 *	latency		phase "before"|"after", p99, [name]
 *	resource	proc, phase "before"|"after"|anything, [rss], [fds], [threads], [bound_rss]
 *	queue		proc, name, value, bound
 *	core, sanitizer	proc, info: a dump or a report was found
 *	row		of the store at the end: to, to_seq, from, from_seq, device, mid, id, damaged
 * ROWS has lines of store_dump; an id is looked for in their bodies when they have none.
 * A dev that is absent or begins with "~" has no memory: each session of it is a device for itself.
 *
 * The options (and what they are without):
 *	devices		{user: [dev]}: each of them must receive each acked message sent after it first opened;
 *			for other users one device is enough.  Who never opened must have it in the store.
 *	resets		"allow" | "forbid": a reset is a violation of C9
 *	latency		"fail" | "warn"; latency_factor 2; latency_floor_ms 0: less is never too slow
 *	edge_ms 2000, silent_ms 45000, open_ms 5000: limits of C7;  end_ms 1000: of C8
 *	rss_factor 1.25, rss_slack 8 MiB, fds_slack 8, threads_slack 0: of C11
 */
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Checker } from './checker_core.js';

/* The lines of a history, and with options.rows those of a dump, either of them an iterable. */
export function check(lines, options = {}) {
	const c = new Checker(options);

	for (const line of lines)
		c.add(line);
	for (const line of options.rows ?? [])
		c.rows.addDumped(line);
	return c.finish();
}

/* The same from files, without holding them. */
export async function checkFiles(history, dump, options = {}) {
	const c = new Checker(options);

	for await (const line of createInterface({ input: createReadStream(history), crlfDelay: Infinity }))
		c.add(line);
	if (dump !== undefined) {
		for await (const line of createInterface({ input: createReadStream(dump), crlfDelay: Infinity }))
			c.rows.addDumped(line);
	}
	return c.finish();
}

export function summary({ counts }) {
	return ['messages', 'acked', 'unknown', 'faults', 'lost', 'duplicated', 'reordered', 'misdelivered'].map((name) => `${name} ${counts[name]}`).join(' ');
}

async function main(args) {
	const value = (name) => (args.includes(name) ? args.splice(args.indexOf(name), 2)[1] : undefined);
	const dump = value('--dump');
	const file = value('--options');
	const isJson = args.includes('--json');
	const [history] = args.filter((arg) => arg !== '--json');

	if (history === undefined) {
		console.error('usage: checker.js HISTORY [--dump ROWS] [--options FILE] [--json]');
		return 2;
	}
	const result = await checkFiles(history, dump, file === undefined ? {} : JSON.parse(readFileSync(file, 'utf8')));
	console.log(isJson ? JSON.stringify(result) : summary(result));
	if (!isJson) {
		for (const { check: name, text, line } of result.violations.slice(0, 20))
			console.log(`${name} line ${line}: ${text}`);
		for (const { check: name, text } of result.warnings)
			console.log(`warning ${name}: ${text}`);
	}
	return result.violations.length > 0 ? 1 : 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
	process.exitCode = await main(process.argv.slice(2));
