/* A disk that fails: what clients are told, what the router does, and that nothing acknowledged is lost unsaid. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { FAST, ends, known, quiet, refusesToStart, sendUntilAcked, startRouterWith, stats, storeFile, take } from './inbox.js';
import { BUILD, eventually, inParallel, startStack } from './stack.js';

/* A stack whose router has a disk that fails on demand: fault('enospc'), fault(''). */
async function startFaulty(t) {
	const dir = mkdtempSync(path.join(os.tmpdir(), 'pt-disk-'));
	const file = path.join(dir, 'faults');
	const fault = (words) => writeFileSync(file, words);
	fault('');
	t.after(() => rmSync(dir, { recursive: true, force: true }));
	const stack = await startStack(t, {
		edge: FAST,
		env: {
			LD_PRELOAD: path.join(BUILD, 'bin/disk_shim.so'),
			POSTERN_DISK_FAULTS: file,
			ASAN_OPTIONS: 'exitcode=99:detect_stack_use_after_return=1:verify_asan_link_order=0',
		},
	});
	return { stack, fault };
}

const mids = (frames) => frames.map((frame) => frame.mid);

test('a full disk: sends are refused, reads go on, nothing restarts, and there is room again', async (t) => {
	const { stack, fault } = await startFaulty(t);
	const at = await known(stack, 'carl', { dev: 'phone' });
	const ann = await stack.connect({ sub: 'ann', dev: 'desk' });
	const bob = await stack.connect({ sub: 'bob', dev: 'phone' });
	for (let i = 0; i < 20; i++)
		await sendUntilAcked(ann, 'carl', `c${i}`);
	const first = await sendUntilAcked(ann, 'bob', 'before');
	fault('enospc');
	const refused = await inParallel(50, 10, (i) => ann.chat(i % 2 ? 'bob' : 'carl', `full${i}`, { mid: `full${i}` }));
	for (const answer of refused) {
		assert.equal(answer.event, 'exception', JSON.stringify(answer));
		assert.equal(answer.data.code, 1503);
		assert.equal(answer.data.retry, 'after');
	}
	const carl = await stack.connect({ sub: 'carl', dev: 'phone', at: { epoch: at.epoch, u: at.u, s: at.s } });
	assert.equal(carl.ready.data.resume.recovered, true);
	assert.deepEqual(mids(await take(carl, 20)), Array.from({ length: 20 }, (_, i) => `c${i}`));
	assert.ok((await stats(stack)).store_full_total > 0);
	fault('');
	/* What was refused may be said again, under the same mid, and there is no hole where it was. */
	for (let i = 1; i < 50; i += 2)
		assert.equal((await sendUntilAcked(ann, 'bob', `full${i}`)).data.state, 'delivered');
	const got = await take(bob, 26);
	assert.deepEqual(mids(got), ['before', ...Array.from({ length: 25 }, (_, i) => `full${2 * i + 1}`)]);
	assert.deepEqual(got.map(({ seq }) => seq), got.map((_, i) => got[0].seq + i));
	assert.equal(first.data.state, 'delivered');
	await Promise.all([quiet(bob), quiet(carl)]);
	assert.ok(stack.daemons.every((daemon) => daemon.how === undefined), 'no process ended');
});

for (const word of ['eio-fsync', 'eio-write']) {
	test(`${word}: the router ends with 70, and what was acknowledged is there when it comes back`, async (t) => {
		const { stack, fault } = await startFaulty(t);
		await known(stack, 'bob', { dev: 'phone' });
		const ann = await stack.connect({ sub: 'ann', dev: 'desk' });
		for (let i = 0; i < 20; i++)
			await sendUntilAcked(ann, 'bob', `m${i}`);
		fault(word);
		const answer = ann.chat('bob', 'm20', { mid: 'm20' });
		await ends(stack.router, 70);
		assert.match(stack.router.tail(), /store/);
		assert.equal((await answer).data.code, 1503, 'it was not acknowledged');
		fault('');
		await stack.startRouter();
		await sendUntilAcked(ann, 'bob', 'm20');
		await sendUntilAcked(ann, 'bob', 'm21');
		const bob = await stack.connect({ sub: 'bob', dev: 'phone' });
		assert.deepEqual(mids(await take(bob, 22)), Array.from({ length: 22 }, (_, i) => `m${i}`));
		await quiet(bob);
		assert.equal(ann.end, undefined, 'no socket closed');
	});
}

test('a slow disk: acks come late or not, heartbeats are answered, nothing is doubled', async (t) => {
	const { stack, fault } = await startFaulty(t);
	const bob = await stack.connect({ sub: 'bob', dev: 'phone' });
	const ann = await stack.connect({ sub: 'ann', dev: 'desk' });
	await sendUntilAcked(ann, 'bob', 'm0');
	fault('slow=2000');
	const started = performance.now();
	let acked = 0;
	const acks = Promise.all(Array.from({ length: 20 }, (_, i) => sendUntilAcked(ann, 'bob', `m${i + 1}`).then(() => acked++)));
	const beat = await bob.heartbeat();
	assert.equal(acked, 0, 'a heartbeat does not wait for the disk');
	await acks;
	const ms = performance.now() - started;
	assert.ok(ms >= 2000, 'no ack before the flush');
	console.log(`disk of 2 s a flush: 20 acks within ${ms.toFixed(0)} ms, a heartbeat in ${beat.ms.toFixed(1)} ms`);
	assert.deepEqual(new Set(mids(await take(bob, 21))), new Set(Array.from({ length: 21 }, (_, i) => `m${i}`)));
	await quiet(bob);
	fault('');
});

/* Every place where the text stands in the file gets one bit turned. */
function flipIn(file, text) {
	const bytes = readFileSync(file);
	let n = 0;
	for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
		bytes[at + 4] ^= 1;
		n++;
	}
	writeFileSync(file, bytes);
	return n;
}

test('a bit that turned on disk: the message is gone and says so, its neighbours are whole', async (t) => {
	const stack = await startStack(t, { edge: FAST });
	await known(stack, 'bob', { dev: 'phone' });
	const ann = await stack.connect({ sub: 'ann', dev: 'desk' });
	for (const text of ['m0', 'm1', 'this one will be hit', 'm3', 'm4'])
		assert.equal((await ann.chat('bob', text)).event, 'ack');
	assert.equal((await stack.router.stop()).code, 0);
	assert.ok(!existsSync(storeFile(stack, '-wal')), 'a router that was stopped leaves no log');
	assert.ok(flipIn(storeFile(stack), 'this one will be hit') > 0);
	await stack.startRouter();
	const bob = await eventually(() => stack.connect({ sub: 'bob', dev: 'phone' }).catch(() => null), 'the edge has its link again');
	const frames = await take(bob, 5);
	assert.deepEqual(frames.map(({ seq }) => seq), frames.map((_, i) => frames[0].seq + i));
	assert.deepEqual(frames.map(({ event }) => event), ['chat', 'chat', 'gone', 'chat', 'chat']);
	assert.deepEqual(frames[2].data, { reason: 'damaged' });
	assert.deepEqual(frames.filter(({ event }) => event === 'chat').map(({ data }) => data.content), ['m0', 'm1', 'm3', 'm4']);
	await quiet(bob);
	assert.ok((await stats(stack)).store_damaged_total > 0);
});

/*
 * A store that has lost something: refused, then accepted.  Who was there comes again with his token, since it is not
 * known any more which sessions were ended for good, and learns of the loss by one reset.
 */
async function goOnWithLoss(stack, { ann: before, at }) {
	await refusesToStart(stack, /--accept-loss/);
	await startRouterWith(stack, '--accept-loss');
	assert.equal((await before.closed).code, 4200);
	const ann = await eventually(() => stack.connect({ sub: 'ann', dev: 'desk', at: { ...at, u: 1 } }).catch(() => null), 'ann is back');
	assert.equal((await ann.next('reset')).data.reason, 'epoch_changed');
	const bob = await eventually(() => stack.connect({ sub: 'bob', dev: 'phone', at }).catch(() => null), 'the edge has its link again');
	const { resume } = bob.ready.data;
	assert.equal(resume.recovered, false);
	assert.notEqual(resume.epoch, at.epoch);
	const reset = await bob.next('reset');
	assert.equal(reset.data.reason, 'epoch_changed');
	await quiet(bob);
	const ack = await sendUntilAcked(ann, 'bob', 'it-goes-on');
	assert.equal(ack.data.state, 'delivered');
	const frame = await bob.next('chat');
	assert.equal(frame.seq, reset.data.u + 1);
	assert.equal(ann.end, undefined, 'no socket closed');
	await bob.close();
	/* Once is enough: the next start finds a whole store. */
	assert.equal((await stack.router.stop()).code, 0);
	await stack.startRouter();
	await eventually(async () => (await ann.chat('bob', 'and on')).event === 'ack', 'messages flow');
	assert.ok(!ann.frames.some(({ event }) => event === 'reset'), 'one reset');
}

test('a truncated WAL: the router refuses to start, and goes on in a new epoch when told to', async (t) => {
	const stack = await startStack(t, { edge: FAST });
	const { epoch, u, s } = await known(stack, 'bob', { dev: 'phone' });
	const ann = await stack.connect({ sub: 'ann', dev: 'desk' });
	for (let i = 0; i < 50; i++)
		await sendUntilAcked(ann, 'bob', `m${i}`);
	await stack.router.kill();
	const wal = storeFile(stack, '-wal');
	const { size } = statSync(wal);
	assert.ok(size > 100000, `${size} bytes that are in the log alone`);
	truncateSync(wal, Math.floor(size / 2));
	await goOnWithLoss(stack, { ann, at: { epoch, u, s } });
});

test('an older file put back, from routerctl backup: the same', async (t) => {
	const stack = await startStack(t, { edge: FAST });
	const { epoch, u, s } = await known(stack, 'bob', { dev: 'phone' });
	const ann = await stack.connect({ sub: 'ann', dev: 'desk' });
	const copy = path.join(stack.dir, 'copy.db');
	for (let i = 0; i < 10; i++)
		await sendUntilAcked(ann, 'bob', `m${i}`);
	const { code, stderr } = await stack.run('routerctl', 'backup', copy);
	assert.equal(code, 0, stderr);
	for (let i = 10; i < 20; i++)
		await sendUntilAcked(ann, 'bob', `m${i}`);
	await stack.router.kill();
	copyFileSync(copy, storeFile(stack));
	for (const suffix of ['-wal', '-shm'])
		rmSync(storeFile(stack, suffix), { force: true });
	await goOnWithLoss(stack, { ann, at: { epoch, u, s } });

	await t.test('and what the copy held is there for a device without a position', async () => {
		const pad = await stack.connect({ sub: 'bob', dev: 'pad' });
		assert.deepEqual(mids(await take(pad, 10)), Array.from({ length: 10 }, (_, i) => `m${i}`));
	});
});

test('a second router on the same store is refused, and the first goes on', async (t) => {
	const stack = await startStack(t, { edge: FAST });
	const ann = await stack.connect({ sub: 'ann' });
	const run = path.join(stack.dir, 'run2');
	mkdirSync(run);
	const env = { ...stack.env, POSTERN_RUN: run };
	const { code, stderr } = await new Promise((resolve) => {
		execFile(path.join(BUILD, 'bin/postern-router'), ['--page', '127.0.0.1:0'], { env, timeout: 30000 },
			(error, _, text) => resolve({ code: error ? error.code : 0, stderr: text }));
	});
	assert.equal(code, 78, stderr);
	assert.match(stderr, /another process has the store open/);
	assert.equal((await ann.chat('ann', 'still here')).event, 'ack');
});
