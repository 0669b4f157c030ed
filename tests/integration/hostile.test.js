/* What hostile clients and a taken edge can say about positions and pages: a clear answer, and others do not notice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRecorder } from './record.js';
import { assertRefused, eventually, inParallel, request, startStack } from './stack.js';

const FAST = ['--msgs-per-second', '100000', '--msgs-burst', '100000'];
const ROWS = 300;
const stats = async (stack) => (await stack.json('routerctl', 'stats'))[0];
const inbox = async (stack, uid) => (await stack.json('routerctl', 'inbox', uid))[0];

/* Somebody with ROWS messages who is away; the epoch. */
async function filled(stack, ann, uid) {
	const client = await stack.connect({ sub: uid, dev: 'phone' });
	const { epoch } = client.ready.data.resume;
	await client.close();
	await inParallel(ROWS, 32, (i) => ann.chat(uid, `m${i}`));
	return epoch;
}

test('a hostile client', async (t) => {
	const stack = await startStack(t, { edges: 2, edge: FAST, logLevel: 'info' });
	const ann = await stack.connect({ sub: 'ann', dev: 'desk' });
	const epoch = await filled(stack, ann, 'bob');

	await t.test('gets 400 for a position that is none', async () => {
		const headers = { Authorization: `Bearer ${stack.token({ sub: 'bob' })}`, 'Sec-WebSocket-Protocol': 'postern.v1' };
		const u64 = '18446744073709551615';
		const bad = ['u=1', 's=1', 'e=&u=1', `e=${epoch}x&u=1`, `e=${epoch.slice(1)}&u=1`, 'e=%00%00%00%00%00%00%00%00&u=1',
			`e=${epoch.toUpperCase()}&u=1`, `e=${epoch}&e=${epoch}&u=1`, ...['', '-1', '+1', '01', '1.5', '1e3', '0x10', 'NaN', '%', '%zz',
				u64, '9'.repeat(3000), '1&u=2', `1&s=${u64}`].map((u) => `e=${epoch}&u=${u}`)];
		for (const query of bad)
			assertRefused(await request(stack.edges[0], { target: `/ws?${query}`, headers }), 400, 4001);
	});
	await t.test('gets one reset for a position that does not exist, on either shape', async () => {
		const huge = '9999999999999999999';
		for (const [at, reason] of [[{ epoch, u: ROWS + 1, s: 0 }, 'ahead'], [{ epoch, u: huge, s: huge }, 'ahead'],
			[{ epoch, u: 0, s: 77 }, 'ahead'], [{ epoch: 'zzzzzzzz', u: 5, s: 0 }, 'epoch_changed']]) {
			const client = await stack.connect({ sub: 'bob', dev: 'phone', edge: 1, at });
			assert.deepEqual((await client.next('reset')).data, { reason, epoch, u: ROWS, s: 0 });
			await client.heartbeat();
			assert.deepEqual(client.frames, []);
			await client.close();
			const plain = await stack.connect({ sub: 'bob', dev: 'phone', how: 'plain', at });
			await plain.heartbeat();
			assert.deepEqual(plain.frames, []);
			await plain.close();
		}
	});
	await t.test('gets 1004 for a position that was not written, and it acknowledges nothing', async () => {
		const client = await stack.connect({ sub: 'bob', dev: 'phone', at: { epoch, u: ROWS, s: 0 } });
		for (const data of ['{"u":1.5}', '{"u":"3"}', '{"u":-1}', `{"u":${ROWS + 1}}`, '{"u":9223372036854775807}', '{"u":1e2}', '{"u":null}', '{"s":1}', '[]', '"x"']) {
			for (const frame of [`{"event":"heartbeat","data":${data}}`, `{"event":"sync","data":${data.replace('{', `{"e":"${epoch}",`)}}`]) {
				client.raw(frame);
				assert.equal((await client.next('exception')).data.code, 1004, frame);
			}
		}
		assert.equal((await inbox(stack, 'bob')).acked, 0);
		await client.close();
	});
	await t.test('acknowledges with a pong of its own no more than was written to it', async () => {
		const client = await stack.connect({ sub: 'bob', dev: 'phone', autoPong: false });
		await client.next((frame) => frame.seq === ROWS);
		for (const text of [`${epoch}.${ROWS + 1}.0`, `${epoch}.9999999999999999999.0`, 'zzzzzzzz.5.0', `${epoch}.5.1`, `${epoch}.05.0`, `${epoch}.5`, `${epoch}.5.0.0`, `${epoch}..`, '', 'x'.repeat(125)])
			client.ws.pong(text);
		client.ws.pong(`${epoch}.20.0`);
		client.ws.pong(`${epoch}.10.0`);
		await eventually(async () => (await inbox(stack, 'bob')).acked > 0, 'the one that is true has arrived');
		assert.equal((await inbox(stack, 'bob')).acked, 20);
		await client.close();
	});
	await t.test('that asks for everything again and again gets it in order, and others are served', async () => {
		const client = await stack.connect({ sub: 'bob', dev: 'phone', at: { epoch, u: 0, s: 0 } });
		for (let i = 0; i < 2000; i++)
			client.send('sync', { e: epoch, u: 0 });
		const gone = inParallel(200, 16, async (i) => {
			const other = await stack.connect({ sub: 'bob', dev: `d${i % 4}`, edge: i % 2, at: { epoch, u: 0, s: 0 } });
			other.send('sync', { e: epoch, u: 0 });
			other.drop();
		});
		for (let i = 0; i < 20; i++)
			assert.equal((await ann.chat('ann', 'beside it')).event, 'ack');
		await gone;
		client.send('sync', { e: epoch, u: 0 }, { id: 'last' });
		await client.next((frame) => frame.id === 'last');
		const from = client.frames.length;
		await client.next((frame) => frame.seq === ROWS && client.frames.length >= from + ROWS - 1);
		const seqs = client.frames.map((frame) => frame.seq);
		assert.ok(seqs.every((seq, i) => i === 0 || seq <= seqs[i - 1] + 1), 'no number is left out');
		await client.close();
	});
});

test('a taken edge', async (t) => {
	const stack = await startStack(t, { edge: FAST, logLevel: 'info' });
	const ann = await stack.connect({ sub: 'ann', dev: 'desk' });
	const epoch = await filled(stack, ann, 'eve');
	const victim = await startRecorder(stack, [stack.token({ sub: 'ann' })]);
	const u64 = '18446744073709551615';
	const violations = async (n, before) => {
		await eventually(async () => (await stats(stack)).violations_total >= before + n, `${n} violations`);
		assert.equal((await stats(stack)).violations_total, before + n);
	};

	await t.test('neither reads nor acknowledges for sessions of another', async () => {
		const before = (await stats(stack)).violations_total;
		const evil = await startRecorder(stack, [stack.token({ sub: 'eve' })]);
		const theirs = victim.sessions[0].session;
		for (const words of [['sync', theirs, 0], ['sync', theirs, 0, 'system'], ['ack', theirs, 1, 0], ['sync', 'ffffffffffffffff', 0], ['ack', '0', 1, 1]])
			evil.say(...words);
		await violations(5, before);
		assert.ok(!evil.received('"m1"') && evil.all('page').length === 0);
		evil.child.kill();
	});
	await t.test('nor beyond the head, nor for one that ended', async () => {
		const before = (await stats(stack)).violations_total;
		const evil = await startRecorder(stack, [stack.token({ sub: 'eve' })]);
		const { session, ticket, nonce } = evil.sessions[0];
		for (const words of [['sync', session, ROWS + 1], ['sync', session, u64], ['sync', session, u64, 'system'], ['ack', session, ROWS + 1, 0], ['ack', session, 0, u64]])
			evil.say(...words);
		await violations(5, before);
		evil.say('close', session);
		evil.say('sync', session, 0);
		evil.say('ack', session, 5, 0);
		for (let i = 0; i < 2; i++) {
			const from = evil.seen.length;
			evil.say('open', ticket, nonce, 'again', 'reopen');
			assert.equal((await evil.next('open_refused', { from })).code, 4200);
		}
		await violations(5, before);
		assert.equal((await inbox(stack, 'eve')).acked, 0);
		evil.child.kill();
	});
	await t.test('opens with any position, and it is no authority', async () => {
		const at = [['x', 0, 0], [`${epoch}x`, 0, 0], ['e'.repeat(100000), 1, 1], [epoch, u64, u64], [epoch, 0, u64], [epoch, 5, 0]];
		const evil = await startRecorder(stack, at.map(() => stack.token({ sub: 'eve' })), { opens: false });
		for (const [i, position] of at.entries()) {
			const { ticket, nonce } = evil.sessions[i];
			evil.say('open', ticket, nonce, 'd', 'at', ...position);
			const opened = await evil.next('opened', { test: (line) => line.nonce === nonce });
			const want = i === 5 ? [true, 5] : [false, ROWS];
			assert.deepEqual([opened.recovered, opened.start_u], want, String(position).slice(0, 40));
		}
		evil.child.kill();
	});
	await t.test('of wire 2 has no items of wire 3', async () => {
		const before = (await stats(stack)).violations_total;
		const old = await startRecorder(stack, [stack.token({ sub: 'eve' })], { wire: 2 });
		const { session } = old.sessions[0];
		const fresh = await old.verify(stack.token({ sub: 'eve' }));
		old.say('open', fresh.ticket, fresh.nonce, 'api', 'api');
		assert.equal((await old.next('open_refused')).code, 4001);
		old.say('rebind', session, fresh.ticket, fresh.nonce, 'd');
		await violations(2, before);
		old.child.kill();
	});
	await t.test('that asks for pages and takes none costs a bounded queue', async () => {
		await inParallel(600, 32, () => ann.chat('eve', 'y'.repeat(16000)));
		const evil = await startRecorder(stack, Array.from({ length: 32 }, () => stack.token({ sub: 'eve' })));
		evil.say('hoard', 1);
		/* More than its window would end it as well, but that is another rule. */
		for (let i = 0; i < 50 && evil.all('link_down').length === 0; i++) {
			for (const { session } of evil.sessions)
				evil.say('sync', session, ROWS + i);
			assert.equal((await ann.chat('ann', 'beside it')).event, 'ack');
		}
		for (const edge of await stack.json('routerctl', 'edges'))
			assert.ok(edge.queued_bytes <= 32 << 20, JSON.stringify(edge));
		evil.child.kill('SIGKILL');
		const frozen = await startRecorder(stack, Array.from({ length: 32 }, () => stack.token({ sub: 'eve' })));
		for (const { session } of frozen.sessions)
			frozen.say('sync', session, ROWS);
		frozen.child.kill('SIGSTOP');
		for (let i = 0; i < 50; i++)
			assert.equal((await ann.chat('ann', 'beside it')).event, 'ack');
		frozen.child.kill('SIGKILL');
		await eventually(async () => (await stack.json('routerctl', 'who')).every((line) => line.user !== 'eve'), 'its sessions end');
	});
});
