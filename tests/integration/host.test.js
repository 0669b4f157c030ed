/* A host that gives no descriptors, that does not read logs, and whose clock jumps. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { BUILD, eventually, inParallel, startStack } from './stack.js';

const FAST = ['--msgs-per-second', '100000', '--msgs-burst', '100000'];
const HOUR_MS = 3600000;
const isChat = (frame) => frame.event === 'chat';

/* It may open `more` than it has.  The soft limit alone is set: it can be raised again. */
function allow(daemon, more) {
	const open = new Set(readdirSync(`/proc/${daemon.pid}/fd`));
	let limit = 0;
	for (let free = 0; free < more || open.has(String(limit)); limit++)
		free += open.has(String(limit)) ? 0 : 1;
	execFileSync('prlimit', ['--pid', String(daemon.pid), `--nofile=${limit}:`]);
}

async function converse(from, to, uid, n, name) {
	await inParallel(n, 8, async (i) => {
		const answer = await from.chat(uid, `${name} ${i}`);
		assert.equal(answer.event, 'ack', JSON.stringify(answer));
	});
	const seqs = [];
	for (let i = 0; i < n; i++)
		seqs.push((await to.next('chat')).seq);
	assert.deepEqual(seqs, seqs.map((_, i) => seqs[0] + i));
}

test('an edge without descriptors: who is connected notices nothing, who is not waits', async (t) => {
	const stack = await startStack(t, { edge: FAST });
	const [edge] = stack.edges;
	const ann = await stack.connect({ sub: 'ann' });
	const bob = await stack.connect({ sub: 'bob' });
	const before = edge.descriptors();
	allow(edge, 2);
	const waiting = Array.from({ length: 20 }, (_, i) => stack.client({ sub: `w${i}` }));
	await edge.log(/ accept_paused why=no_descriptors/);
	await converse(ann, bob, 'bob', 200, 'meanwhile');
	assert.ok(edge.descriptors() <= before + 2);
	allow(edge, 100);
	await Promise.all(waiting.map((client) => client.opened()));
	for (const client of [ann, bob])
		assert.equal(client.end, undefined);
	await Promise.all(waiting.map((client) => client.close()));
	await eventually(() => edge.descriptors() <= before, 'all descriptors are back');
});

test('a router and an auth without descriptors: messages are stored, a new edge waits for its link', async (t) => {
	const stack = await startStack(t, { edge: FAST });
	const ann = await stack.connect({ sub: 'ann' });
	const bob = await stack.connect({ sub: 'bob' });
	const late = await stack.connect({ sub: 'late', dev: 'd' });
	await late.close();
	const starved = [stack.router, stack.auth];
	starved.forEach((daemon) => allow(daemon, 0));
	const edge = stack.startEdge();
	await converse(ann, bob, 'bob', 3000, 'meanwhile'.padEnd(2000, '.'));
	for (let i = 0; i < 100; i++)
		assert.equal((await ann.chat('late', `${i}`)).event, 'ack');
	assert.equal((await stack.run('routerctl', 'who')).code === 0, false, 'the operator is not served');
	const again = await stack.connect({ sub: 'late', dev: 'd' });
	for (let i = 0; i < 100; i++)
		assert.equal((await again.next('chat')).data.content, `${i}`);
	starved.forEach((daemon) => allow(daemon, 200));
	const second = await edge;
	const carl = await stack.connect({ sub: 'carl', edge: second });
	await converse(carl, bob, 'bob', 10, 'from the new edge');
	assert.equal((await stack.json('routerctl', 'edges')).length, 2);
	assert.ok(starved.every((daemon) => daemon.how === undefined), 'neither ended');
	assert.ok([ann, bob].every((client) => client.end === undefined), 'no socket closed');
});

/* As scripts/up does it: the log goes through a pipe to a process that passes it on. */
const PIPED = ['bash', '-c', 'exec "$0" "$@" 2> >(exec cat >&2)'];

/* Stops the reader of a daemon's log and fills the pipe.  Returns what lets it read again. */
function stopReader(daemon) {
	const [reader] = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8').trim().split(' ').map(Number);
	const pipe = openSync(`/proc/${daemon.pid}/fd/2`, constants.O_WRONLY | constants.O_NONBLOCK);
	process.kill(reader, 'SIGSTOP');
	try {
		for (;;)
			writeSync(pipe, `${'.'.repeat(4095)}\n`);
	} catch (error) {
		assert.equal(error.code, 'EAGAIN');
	}
	closeSync(pipe);
	return () => process.kill(reader, 'SIGCONT');
}

test('nobody reads the logs: lines are dropped and counted, messages are not', async (t) => {
	const stack = await startStack(t, { edge: FAST, wrap: PIPED });
	const ann = await stack.connect({ sub: 'ann' });
	const bob = await stack.connect({ sub: 'bob' });
	/* Each daemon has something to log: keys that are read, a session, an adopted socket. */
	const chatter = async () => {
		stack.auth.signal('SIGHUP');
		await (await stack.connect({ sub: 'carl' })).close();
	};
	const starts = stack.daemons.map(stopReader);
	try {
		await converse(ann, bob, 'bob', 500, 'unlogged');
		for (let i = 0; i < 150; i++)
			await chatter();
	} finally {
		starts.forEach((start) => start());
	}
	for (const daemon of stack.daemons) {
		await eventually(async () => {
			await chatter();
			return daemon.lines.some((line) => / log_dropped lines=\d+/.test(line));
		}, `${daemon.name} tells what was dropped`);
	}
	await converse(ann, bob, 'bob', 10, 'after');
	assert.ok([ann, bob].every((client) => client.end === undefined), 'no socket closed');
});

/* A stack whose wall clock jumps: jump(ms) from the true time. */
async function startJumping(t) {
	const dir = mkdtempSync(path.join(os.tmpdir(), 'pt-clock-'));
	const file = path.join(dir, 'jump');
	const jump = (ms) => writeFileSync(file, String(ms));
	jump(0);
	t.after(() => rmSync(dir, { recursive: true, force: true }));
	const stack = await startStack(t, {
		edge: FAST,
		env: {
			LD_PRELOAD: path.join(BUILD, 'bin/clock_shim.so'),
			POSTERN_CLOCK_JUMP: file,
			ASAN_OPTIONS: 'exitcode=99:detect_stack_use_after_return=1:verify_asan_link_order=0',
		},
	});
	return { stack, jump };
}

/* Good under both clocks. */
function token(stack, sub) {
	const now = Math.floor(Date.now() / 1000);
	return stack.token({ sub, iat: now - 3 * HOUR_MS / 1000, exp: now + 3 * HOUR_MS / 1000 });
}

for (const [hours, words] of [[1, 'an hour forward'], [-1, 'an hour back']]) {
	test(`the clock jumps ${words}: sessions, positions and message ids stay`, async (t) => {
		const { stack, jump } = await startJumping(t);
		const connect = (sub, more) => stack.connect({ sub, token: token(stack, sub), dev: 'd', ...more });
		const ann = await connect('ann');
		const bob = await connect('bob');
		const gone = await connect('carl');
		const { epoch, u, s } = gone.ready.data.resume;
		await gone.close();
		await eventually(async () => !(await stack.json('routerctl', 'who')).some(({ user }) => user === 'carl'), 'carl has left');
		await converse(ann, bob, 'bob', 20, 'before');
		const first = await ann.chat('carl', 'kept', { mid: 'once' });
		assert.equal(first.data.state, 'stored');

		jump(hours * HOUR_MS);
		const { data } = await ann.heartbeat();
		assert.ok(Math.abs(data.time - Date.now() - hours * HOUR_MS) < HOUR_MS / 2, 'the daemons have the other time');
		await converse(ann, bob, 'bob', 20, 'after');
		const again = await ann.chat('carl', 'kept', { mid: 'once' });
		assert.deepEqual([again.data.state, again.data.seq], ['duplicate', first.data.seq]);
		/* Waking up the timers of sessions: the router looks at them each second. */
		const ticks = performance.now();
		await eventually(async () => (await ann.heartbeat()) && performance.now() - ticks > 3000, 'three ticks');
		assert.deepEqual((await stack.json('routerctl', 'who')).map(({ user }) => user).sort(), ['ann', 'bob']);

		await stack.router.kill();
		await stack.startRouter();
		const carl = await eventually(() => connect('carl', { at: { epoch, u, s } }).catch(() => null), 'the edge has its link again');
		assert.deepEqual([carl.ready.data.resume.recovered, carl.ready.data.resume.missed], [true, 1]);
		assert.equal((await carl.next('chat')).data.content, 'kept');
		await eventually(async () => (await ann.chat('bob', 'awake')).event === 'ack' && bob.next('chat'), 'messages flow');

		jump(0);
		bob.frames = bob.frames.filter((frame) => !isChat(frame));
		await converse(ann, bob, 'bob', 20, 'and home');
		assert.ok([ann, bob, carl].every((client) => client.end === undefined), 'no socket closed');
	});
}

test('the clock jumps back while the router is away: the edge and auth find it when it is there', async (t) => {
	const { stack, jump } = await startJumping(t);
	const ann = await stack.connect({ sub: 'ann', token: token(stack, 'ann') });
	await stack.router.kill();
	/* Both are trying by now. */
	await eventually(async () => (await ann.chat('ann', 'anybody')).event === 'exception', 'the edge has seen it');
	jump(-HOUR_MS);
	await stack.startRouter();
	await eventually(async () => (await ann.chat('ann', 'again')).event === 'ack', 'messages flow');
	await eventually(() => stack.connect({ sub: 'new', token: token(stack, 'new') }).catch(() => null), 'new ones are let in');
	assert.equal(ann.end, undefined);
});
