import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILD, eventually, inParallel, quantile, startStack, within } from './stack.js';

/* It keeps what was freed, so its memory is no measure. */
const SANITIZED = /asan|tsan/.test(BUILD);
const MESSAGES = 2000;
const SIZE = 16000;

/* 32 MB for one client: its kernel buffers and the edge's cap hold a small part of it. */
test('a client that does not read keeps its messages in the inbox, and others do not notice', async (t) => {
	const stack = await startStack(t, { logLevel: 'info', edge: ['--msgs-per-second', '100000', '--msgs-burst', '100000'] });
	const [edge] = stack.edges;
	const slow = await stack.connect({ sub: 'slow', dev: 'phone' });
	const never = await stack.connect({ sub: 'never', dev: 'phone' });
	const ann = await stack.connect({ sub: 'ann' });
	const bob = await stack.connect({ sub: 'bob' });
	const { u } = slow.ready.data.resume;
	slow.ws._socket.pause();
	never.ws._socket.pause();
	const before = edge.memory();
	const times = [];
	const states = new Map();
	await inParallel(MESSAGES, 8, async (i) => {
		const { data } = await ann.chat(i % 2 ? 'never' : 'slow', `${i}`.padEnd(SIZE));
		states.set(data.state, (states.get(data.state) ?? 0) + 1);
		if (i % 20 === 0)
			times.push((await bob.heartbeat()).ms);
	});
	assert.equal((states.get('delivered') ?? 0) + (states.get('accepted') ?? 0), MESSAGES, JSON.stringify([...states]));
	const grown = edge.memory() - before;
	console.log(`two readers stopped for ${MESSAGES} messages of ${SIZE} bytes (${JSON.stringify(Object.fromEntries(states))}); the edge grew by ` +
		`${(grown / 1024).toFixed(0)} KiB; another client's heartbeat p99 ${quantile(times, 0.99).toFixed(1)} ms`);
	assert.ok(SANITIZED || grown < 32 << 20, `${grown} bytes`);
	await eventually(async () => (await stack.json('routerctl', 'edges'))[0].behind === 2, 'the gauge tells of two');

	await t.test('when it reads again it gets all of them, in order, each once', async () => {
		slow.ws._socket.resume();
		for (let i = 0; i < MESSAGES / 2; i++)
			assert.equal((await slow.next('chat')).seq, u + 1 + i);
		await ann.chat('slow', 'live again');
		assert.equal((await slow.next('chat')).data.content, 'live again');
		assert.deepEqual(slow.frames.filter(({ event }) => event === 'chat'), []);
		await eventually(async () => (await stack.json('routerctl', 'edges'))[0].behind === 1, 'one is left');
	});

	await t.test('and one that never reads is closed with 4108, and resumes where it was', async () => {
		await eventually(async () => (await stack.json('routerctl', 'edges'))[0].slow_closed === 1, 'it is counted', 300000);
		never.ws._socket.resume();
		const { code } = await within(never.closed, 30000, 'it is closed');
		/* The close frame is behind what the kernel had taken; it comes when it fits, else the socket just ends. */
		assert.ok(code === 4108 || code === 1006, `${code}`);
		const seen = never.frames.filter(({ event }) => event === 'chat').map(({ seq }) => seq);
		const at = { epoch: never.ready.data.resume.epoch, u: seen.at(-1), s: never.ready.data.resume.s };
		const back = await stack.connect({ sub: 'never', dev: 'phone', at });
		assert.equal(back.ready.data.resume.recovered, true);
		for (let i = seen.length; i < MESSAGES / 2; i++)
			seen.push((await back.next('chat')).seq);
		assert.deepEqual(seen, seen.map((_, i) => seen[0] + i));
	});
});
