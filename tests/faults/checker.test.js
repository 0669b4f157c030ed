/* The checker finds what is broken, and names it: each history breaks one check. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { check, summary } from './checker.js';

const CHECKER = fileURLToPath(new URL('./checker.js', import.meta.url));
const OPTIONS = { devices: { b: ['phone', 'desk'] } };

const open = (t, user, dev, sid, more = {}) => ({ t, op: 'open', phase: 'ok', user, dev, sid, edge: 'e1', ...more });
const close = (t, user, dev, sid, code = 1000) => ({ t, op: 'close', user, dev, sid, code });
const send = (t, id, to, more = {}) => ({ t, op: 'send', phase: 'invoke', id, to, dev: 'pc', sid: 1, mid: `m-${id}`, ...more });
const ack = (t, id, seq, more = {}) => ({ t, op: 'send', phase: 'ok', id, seq, dev: 'pc', sid: 1, state: 'delivered', ...more });
const recv = (t, to, dev, sid, id, seq, more = {}) => ({ t, op: 'recv', phase: 'ok', to, dev, sid, id, from: id.split('.')[0], seq, ...more });
const row = (to, seq, id, more = {}) => ({ op: 'row', to, to_seq: seq, from: id.split('.')[0], from_seq: seq, device: 'pc', mid: `m-${id}`, id, damaged: false, ...more });
const told = (t, watcher, user, state) => ({ t, op: 'presence', watcher, user, state });
const fault = (t, kind) => ({ t, op: 'fault', phase: 'info', kind, role: 'router' });

/* Two devices of b, one that resumes; a sends four, one with an unknown outcome and a retry, one refused, one unknown and not stored. */
const good = () => [
	open(0, 'a', 'pc', 1), open(0, 'b', 'phone', 2), open(0, 'b', 'desk', 3, { edge: 'e2' }), open(0, 'c', '~1', 4),
	told(5, 'a', 'b', 'online'),
	{ t: 6, op: 'resource', phase: 'before', proc: 'router', rss: 20e6, fds: 40, threads: 3, bound_rss: 64e6 },
	{ t: 7, op: 'latency', phase: 'before', p99: 10 },
	send(10, 'a.1', 'b', { h: 'x1' }), ack(12, 'a.1', 1), recv(12, 'b', 'phone', 2, 'a.1', 1, { h: 'x1' }), recv(13, 'b', 'desk', 3, 'a.1', 1),
	close(14, 'b', 'desk', 3, 1006),
	send(20, 'a.2', 'b'), fault(21, 'kill'), { t: 30, op: 'send', phase: 'info', id: 'a.2' },
	send(40, 'a.2', 'b'), recv(41, 'b', 'phone', 2, 'a.2', 2), ack(42, 'a.2', 2, { state: 'duplicate' }),
	send(50, 'a.3', 'b'), { t: 51, op: 'send', phase: 'fail', id: 'a.3', code: 1102 },
	send(52, 'a.4', 'b'), { t: 53, op: 'send', phase: 'info', id: 'a.4' },
	open(60, 'b', 'desk', 5, { u: 1, recovered: true, edge: 'e2' }),
	send(61, 'a.5', 'b'), ack(62, 'a.5', 3), recv(62, 'b', 'phone', 2, 'a.5', 3),
	{ t: 63, op: 'recv_raw', phase: 'ok', to: 'b', dev: 'desk', sid: 5, id: 'a.2', seq: 2 },
	recv(63, 'b', 'desk', 5, 'a.2', 2), recv(64, 'b', 'desk', 5, 'a.5', 3),
	send(70, 'a.6', 'c'), ack(71, 'a.6', 4), recv(72, 'c', '~1', 4, 'a.6', 1),
	row('b', 1, 'a.1'), row('b', 2, 'a.2'), row('b', 3, 'a.5'), row('c', 1, 'a.6'),
];

const tail = () => [
	{ t: 100000, op: 'resource', phase: 'after', proc: 'router', rss: 22e6, fds: 42, threads: 3, bound_rss: 64e6 },
	{ t: 100001, op: 'latency', phase: 'after', p99: 19 },
];

const lines = (events) => events.map((event) => JSON.stringify(event));
const run = (events, options = {}) => check(lines(events), { ...OPTIONS, ...options });
const named = (result) => [...new Set(result.violations.map((violation) => violation.check))];
const without = (is) => good().filter((event) => !is(event));
const changed = (is, change) => good().map((event) => (is(event) ? { ...event, ...change } : event));
const isRecv = (dev, id) => (event) => event.op === 'recv' && event.dev === dev && event.id === id;

test('a good history breaks nothing', () => {
	const result = run([...good(), ...tail()]);

	assert.deepEqual(result.violations, []);
	assert.equal(summary(result), 'messages 6 acked 4 unknown 1 faults 1 lost 0 duplicated 0 reordered 0 misdelivered 0');
	assert.equal(result.counts.refused, 1);
	assert.equal(result.counts.deliveries, 7);
});

/* what, check, count, events, [options] */
const BROKEN = [
	['an acked message that one device never got', 'C1', 'lost', () => without(isRecv('desk', 'a.5'))],
	['an acked message to a device without memory', 'C1', 'lost', () => without(isRecv('~1', 'a.6'))],
	['an acked message to nobody, not in the store', 'C1', 'lost', () => [...good(), send(80, 'a.7', 'd'), ack(81, 'a.7', 5)]],
	['a reset that names an earlier number', 'C1', 'lost', () => [...without(isRecv('desk', 'a.5')),
		{ t: 90, op: 'reset', to: 'b', dev: 'desk', sid: 5, u: 2, reason: 'too_old' }]],
	['a message twice on a device', 'C2', 'duplicated', () => [...good(), recv(90, 'b', 'desk', 5, 'a.5', 4)]],
	['a hole in the numbers', 'C3', 'holes', () => [...good(), send(80, 'a.7', 'c'), ack(81, 'a.7', 5), recv(82, 'c', '~1', 4, 'a.7', 3)]],
	['a number that falls', 'C3', 'reordered', () => [...good(), send(80, 'a.7', 'c'), ack(81, 'a.7', 5), recv(82, 'c', '~1', 4, 'a.7', 1)]],
	['two sends of one sender turned round', 'C3', 'reordered', () => [...good(), send(80, 'a.7', 'c'), ack(81, 'a.7', 5), send(82, 'a.8', 'c'), ack(83, 'a.8', 6),
		recv(84, 'c', '~1', 4, 'a.8', 2), recv(85, 'c', '~1', 4, 'a.7', 3)]],
	['another number on another device', 'C3', 'reordered', () => changed(isRecv('desk', 'a.5'), { seq: 4 })],
	['a hole in the system stream', 'C3', 'holes', () => [...good(), send(80, 'op.1', '*'), send(80, 'op.2', '*'), ack(81, 'op.1'), ack(81, 'op.2'),
		send(82, 'op.3', '*'), ack(83, 'op.3'), recv(84, 'c', '~1', 4, 'op.1', 1, { stream: 's' }), recv(84, 'c', '~1', 4, 'op.3', 3, { stream: 's' })]],
	['a message at another user', 'C4', 'misdelivered', () => [...good(), recv(90, 'c', '~1', 4, 'a.1', 2)]],
	['a row of another user', 'C4', 'misdelivered', () => changed((event) => event.op === 'row' && event.id === 'a.1', { to: 'c', to_seq: 9 })],
	['a carbon of somebody else', 'C4', 'misdelivered', () => [...good(), { t: 90, op: 'carbon', phase: 'ok', to: 'c', dev: '~1', sid: 4, id: 'a.1', seq: 2 }]],
	['a message that nobody sent', 'C5', 'invented', () => [...good(), recv(90, 'c', '~1', 4, 'a.99', 2)]],
	['a refused message that came', 'C5', 'invented', () => [...good(), row('b', 4, 'a.3')]],
	['another body', 'C5', 'invented', () => changed(isRecv('phone', 'a.1'), { h: 'y' })],
	['another sender', 'C5', 'invented', () => changed(isRecv('phone', 'a.1'), { from: 'z' })],
	['two rows of a retry', 'C6', 'rows_twice', () => [...good(), row('b', 4, 'a.2')]],
	['two rows with one mid', 'C6', 'rows_twice', () => [...good(), row('b', 4, 'a.4', { mid: 'm-a.1' })]],
	['a retry with another number', 'C6', 'rows_twice', () => [...good(), send(80, 'a.2', 'b'), ack(81, 'a.2', 5)]],
	['the presence of a dead edge', 'C7', 'presence_wrong', () => [...good(), { t: 1000, op: 'edge_kill', edge: 'e1', users: ['c'] }, told(900, 'b', 'c', 'online'),
		told(3100, 'b', 'c', 'offline')].sort((a, b) => (a.t ?? 1e9) - (b.t ?? 1e9))],
	['the presence of a silent client', 'C7', 'presence_wrong', () => [...good(), told(90, 'b', 'c', 'online'), { t: 100, op: 'silent', sid: 4, user: 'c' }, told(45200, 'b', 'c', 'offline')]],
	['gone for the watchers, and there', 'C7', 'presence_wrong', () => [...good(), told(90, 'a', 'b', 'offline'), fault(6000, 'none')]],
	['accepted after the end', 'C8', 'after_end', () => [...good(), { t: 100, op: 'end', phase: 'ok', user: 'a' }, send(1100, 'a.7', 'c'), ack(1101, 'a.7', 5), recv(1102, 'c', '~1', 4, 'a.7', 2)]],
	['delivered after a revocation', 'C8', 'after_end', () => [...good(), { t: 100, op: 'revoke', phase: 'ok', sid: 4 }, send(1100, 'a.7', 'c'), ack(1101, 'a.7', 5), recv(1102, 'c', '~1', 4, 'a.7', 2)]],
	['a resume that begins too late', 'C9', 'holes', () => without((event) => event.sid === 5 && event.id === 'a.2'), { devices: {} }],
	['a resume that repeats', 'C9', 'resume_wrong', () => changed((event) => event.op === 'recv_raw', { id: 'a.1', seq: 1 })],
	['not recovered and no reset', 'C9', 'resume_wrong', () => changed((event) => event.op === 'open' && event.sid === 5, { recovered: false })],
	['a reset where none may be', 'C9', 'resume_wrong', () => [...good(), { t: 90, op: 'reset', to: 'b', dev: 'desk', sid: 5, u: 3, reason: 'too_old' }], { resets: 'forbid' }],
	['slower after the fault', 'C10', 'slower', () => [...good(), { t: 90, op: 'latency', phase: 'after', p99: 21 }]],
	['descriptors that do not return', 'C11', 'not_returned', () => [...good(), { t: 90, op: 'resource', phase: 'after', proc: 'router', rss: 20e6, fds: 49, threads: 3 }]],
	['memory that does not return', 'C11', 'not_returned', () => [...good(), { t: 90, op: 'resource', phase: 'after', proc: 'router', rss: 40e6, fds: 40, threads: 3 }]],
	['a thread more', 'C11', 'not_returned', () => [...good(), { t: 90, op: 'resource', phase: 'after', proc: 'router', threads: 4 }]],
	['after, and no before', 'C11', 'not_returned', () => [...good(), { t: 90, op: 'resource', phase: 'after', proc: 'auth', fds: 4 }]],
	['a core', 'C11', 'cores', () => [...good(), { t: 90, op: 'core', proc: 'edge', info: 'core.1' }]],
	['a sanitizer report', 'C11', 'cores', () => [...good(), { t: 90, op: 'sanitizer', proc: 'edge', info: 'heap-use-after-free' }]],
	['memory above its bound', 'C12', 'above_bound', () => [...good(), { t: 90, op: 'resource', phase: 'during', proc: 'router', rss: 65e6, bound_rss: 64e6 }]],
	['a queue above its bound', 'C12', 'above_bound', () => [...good(), { t: 90, op: 'queue', proc: 'edge', name: 'pending', value: 11, bound: 10 }]],
	['an op that is not known', 'history', 'history', () => [...good(), { t: 90, op: 'receive' }]],
	['time that goes back', 'history', 'history', () => [...good(), fault(1, 'late')]],
	['nothing sent', 'history', 'history', () => [open(0, 'a', 'pc', 1)]],
];

for (const [what, name, count, events, options] of BROKEN) {
	test(`${name}: ${what}`, () => {
		const result = run(events(), options);

		assert.deepEqual(named(result), [name], JSON.stringify(result.violations));
		assert.ok(result.counts[count] > 0, JSON.stringify(result.counts));
		assert.ok(result.violations[0].text.length > 0 && result.violations[0].line >= 0);
	});
}

/* What looks broken and is not. */
const SOUND = [
	['sends in flight together have no order', () => [...good(), send(80, 'a.7', 'c'), send(81, 'a.8', 'c'), ack(82, 'a.8', 5), ack(83, 'a.7', 6),
		recv(84, 'c', '~1', 4, 'a.8', 2), recv(85, 'c', '~1', 4, 'a.7', 3)]],
	['own answers fill the holes, also late', () => [...good(), send(80, 'b.1', 'c', { dev: 'phone', sid: 2 }), recv(81, 'c', '~1', 4, 'b.1', 2),
		send(82, 'a.7', 'b'), ack(83, 'a.7', 5), recv(83, 'b', 'phone', 2, 'a.7', 5), ack(84, 'b.1', 4, { dev: 'phone', sid: 2 }),
		{ t: 85, op: 'carbon', phase: 'ok', to: 'b', dev: 'desk', sid: 5, id: 'b.1', seq: 4 }, recv(86, 'b', 'desk', 5, 'a.7', 5)]],
	['gone stands for the message', () => [...without(isRecv('desk', 'a.5')), { t: 90, op: 'gone', to: 'b', dev: 'desk', sid: 5, seq: 3 }]],
	['a reset stands for what came before', () => [...without(isRecv('desk', 'a.5')), { t: 90, op: 'reset', to: 'b', dev: 'desk', sid: 5, u: 3, reason: 'too_old' }]],
	['a device that opened later', () => [...good(), open(80, 'b', 'new', 9)], { devices: { b: ['phone', 'new'] } }],
	['a session without memory gets again what nobody acknowledged', () => [...good(), close(80, 'c', '~1', 4), open(81, 'c', '~2', 6), recv(82, 'c', '~2', 6, 'a.6', 1)]],
	['nobody there, and the store has it', () => [...good(), send(80, 'a.7', 'd'), ack(81, 'a.7', 5), row('d', 1, 'a.7')]],
	['an edge dies and all are told', () => [...good(), told(90, 'b', 'c', 'online'), { t: 100, op: 'edge_kill', edge: 'e1', users: ['a', 'c', 'b'] },
		told(2000, 'b', 'c', 'offline'), fault(9000, 'none')]],
	['the user is back before the limit', () => [...good(), told(90, 'b', 'c', 'online'), { t: 100, op: 'edge_kill', edge: 'e1', users: ['c'] }, open(1500, 'c', '~1', 7), fault(9000, 'none')]],
	['within a second of the end', () => [...good(), { t: 100, op: 'end', phase: 'ok', user: 'c' }, send(1000, 'a.7', 'c'), ack(1001, 'a.7', 5), recv(1002, 'c', '~1', 4, 'a.7', 2)]],
	['slower, as a warning', () => [...good(), { t: 90, op: 'latency', phase: 'after', p99: 21 }], { latency: 'warn' }],
];

for (const [what, events, options] of SOUND)
	test(`sound: ${what}`, () => assert.deepEqual(run(events(), options).violations, []));

test('the lines of a dump have their ids in the bodies', () => {
	const dumped = (to, seq, body) => JSON.stringify({ to, to_seq: seq, from: 'a', from_seq: seq, device: 'pc', mid: `x${seq}`, body, damaged: false });
	const history = lines(good().filter((event) => event.op !== 'row'));
	const rows = [dumped('b', 1, '"a.1 x"'), dumped('b', 2, '{"id":"a.2","pi":3.1}'), JSON.stringify({ to: 'b', to_seq: 3, damaged: true })];

	assert.deepEqual(check(history, { ...OPTIONS, rows }).violations, []);
	assert.deepEqual(named(check(history, { ...OPTIONS, rows: [...rows, dumped('b', 4, '"a.2 x"')] })), ['C6']);
});

test('the command prints one line, and exits by what it found', (t) => {
	const dir = mkdtempSync(join(tmpdir(), 'checker-'));
	t.after(() => rmSync(dir, { recursive: true }));
	const write = (name, text) => {
		writeFileSync(join(dir, name), text);
		return join(dir, name);
	};
	const fine = write('fine', `${lines(good().filter((event) => event.op !== 'row')).join('\n')}\n`);
	const rows = write('rows', lines(good().filter((event) => event.op === 'row')).join('\n'));
	const options = write('options', JSON.stringify(OPTIONS));
	const bad = write('bad', lines(without(isRecv('desk', 'a.5'))).join('\n'));

	assert.equal(execFileSync(process.execPath, [CHECKER, fine, '--dump', rows, '--options', options], { encoding: 'utf8' }),
		'messages 6 acked 4 unknown 1 faults 1 lost 0 duplicated 0 reordered 0 misdelivered 0\n');
	const found = spawnSync(process.execPath, [CHECKER, bad, '--options', options], { encoding: 'utf8' });
	assert.equal(found.status, 1);
	assert.match(found.stdout, / lost 1 .*\nC1 line \d+: a\.5 to b: device desk has not received it\n$/);
	const json = JSON.parse(spawnSync(process.execPath, [CHECKER, bad, '--options', options, '--json'], { encoding: 'utf8' }).stdout);
	assert.equal(json.counts.lost, 1);
});

test('many messages in modest memory', () => {
	const MANY = 200_000;
	function* history() {
		yield JSON.stringify(open(0, 'b', 'phone', 2));
		for (let i = 1; i <= MANY; i++) {
			yield JSON.stringify(send(i, `u${i % 1000}.${i}`, 'b', { dev: undefined, sid: undefined }));
			yield JSON.stringify(recv(i, 'b', 'phone', 2, `u${i % 1000}.${i}`, i));
			yield JSON.stringify(ack(i, `u${i % 1000}.${i}`, i, { dev: undefined, sid: undefined }));
		}
	}
	const result = check(history(), { devices: { b: ['phone'] } });

	assert.deepEqual(result.violations, []);
	assert.equal(result.counts.acked, MANY);
});
