/* clients/js with the real stack: what an application behind it sees. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { open, opened, Storage, texts } from './js_client.js';
import { eventually, inParallel, ROOT, startStack } from './stack.js';

const FAST = ['--msgs-per-second', '100000', '--msgs-burst', '100000'];

test('two clients talk, and each hears of the other', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const ann = await opened(t, stack, { sub: 'ann' });
	const bob = await opened(t, stack, { edge: 1, sub: '7' });
	assert.equal(bob.client.user, '7');
	const ack = await ann.client.send(7, 'hello \ud83d\ude80 \ud800 \u0000');
	assert.equal(ack.state, 'delivered');
	await eventually(() => bob.messages.length === 1, 'the message');
	const [{ from, to, text, carbon, seq, stream, mid }] = bob.messages;
	assert.deepEqual({ from, to, text, carbon, stream }, { from: 'ann', to: '7', text: 'hello \ud83d\ude80 \ufffd \u0000', carbon: false, stream: 'u' });
	assert.equal(mid, ack.mid);
	assert.equal(bob.client.position.u, seq);
	assert.equal(ann.client.position.u, ack.seq, 'what it sent moves its own position');
	assert.equal((await ann.client.send('ann', 'to myself')).state, 'delivered');
	await eventually(() => ann.messages.length === 1, 'what was sent to oneself comes as a message');

	ann.client.watch([7]);
	await eventually(() => ann.presences.some(({ user, state }) => user === '7' && state === 'online'), 'presence');
	let typing = null;
	bob.client.on('typing', (who) => (typing = who));
	assert.equal(ann.client.typing(7), true);
	assert.equal(ann.client.typing(7), false);
	await eventually(() => typing, 'typing');
	assert.deepEqual(typing, { from: 'ann' });
	await stack.run('routerctl', 'push', '--all', '--event', 'news', '--data', '{"a":1}');
	await eventually(() => ann.pushes.length === 1 && bob.pushes.length === 1, 'a push');
	assert.equal(bob.pushes[0].event, 'news');
	assert.deepEqual(bob.pushes[0].data, { a: 1 });
	assert.equal(bob.pushes[0].stream, 's');
	await assert.rejects(ann.client.send('nobody', 'x'), { code: 1101, maybeSent: false });
	await assert.rejects(ann.client.send('7', 'x'.repeat(16385)), { code: 1005 });
	await assert.rejects(ann.client.send('7', '\u0001'.repeat(16000)), { code: 1005 });
	await assert.rejects(ann.client.send('a b', 'x'), { code: 1004 });
	assert.deepEqual([...ann.errors, ...bob.errors], []);
});

test('what comes while nobody is there comes when he is back, on another edge, once', async (t) => {
	const stack = await startStack(t, { edges: 2, edge: FAST });
	const storage = new Storage();
	const before = await opened(t, stack, { sub: 'bob', storage });
	const ann = await opened(t, stack, { sub: 'ann' });
	await ann.client.send('bob', 'first');
	await eventually(() => before.messages.length === 1, 'the first');
	before.client.close();
	assert.deepEqual(storage.position(), { user: 'bob', ...before.client.position });
	await eventually(async () => (await ann.client.send('bob', 'mark')).state === 'stored', 'bob has left');
	await inParallel(900, 100, (i) => ann.client.send('bob', `${i}`));
	const after = await opened(t, stack, { edge: 1, sub: 'bob', storage });
	assert.equal(after.client.device, before.client.device);
	await eventually(() => after.messages.filter(({ text }) => text !== 'mark').length >= 900, 'all of it');
	assert.deepEqual(texts(after).filter((text) => text !== 'mark'), Array.from({ length: 900 }, (_, i) => `${i}`));
	const [first] = before.messages;
	assert.deepEqual(after.messages.map(({ seq }) => seq), after.messages.map((_, i) => first.seq + 1 + i), 'no number left out');
	await eventually(async () => (await stack.json('routerctl', 'inbox', 'bob'))[0].unacked === 0, 'all is acknowledged');
	const devices = (await stack.json('routerctl', 'inbox', 'bob'))[0].devices;
	assert.deepEqual(devices.map(({ device }) => device), [after.client.device]);
	assert.deepEqual(after.resets, []);
});

test('what a listener has not taken is not acknowledged, and is told again to the next', async (t) => {
	const stack = await startStack(t, { edge: FAST });
	const storage = new Storage();
	const bob = open(t, stack, { sub: 'bob', storage });
	const ann = await opened(t, stack, { sub: 'ann' });
	await eventually(() => bob.client.state === 'open', 'bob is connected');
	const acked = async () => (await stack.json('routerctl', 'inbox', 'bob'))[0].unacked;
	bob.client.on('message', ({ text }) => text === 'c' && new Promise(() => {}));
	for (const text of ['a', 'b', 'c', 'd'])
		await ann.client.send('bob', text);
	await eventually(() => bob.messages.length === 3, 'the third is being told');
	await eventually(async () => (await acked()) === 2, 'two are acknowledged');
	bob.client.close();
	const next = await opened(t, stack, { sub: 'bob', storage });
	await eventually(() => next.messages.length === 2, 'the rest');
	assert.deepEqual(texts(next), ['c', 'd']);
	await eventually(async () => (await acked()) === 0, 'all are acknowledged');
});

test('kill -9 of the router: no client notices more than a delay', async (t) => {
	const stack = await startStack(t, { edges: 2, edge: FAST });
	const bob = await opened(t, stack, { edge: 1, sub: 'bob' });
	const ann = await opened(t, stack, { sub: 'ann' });
	const sends = [];
	for (let i = 0; i < 50; i++)
		sends.push(ann.client.send('bob', `${i}`));
	await Promise.all(sends.slice(0, 10));
	await stack.router.kill();
	for (let i = 50; i < 100; i++)
		sends.push(ann.client.send('bob', `${i}`));
	await eventually(() => ann.states.at(-1).delayed, 'it says that sends wait');
	await stack.startRouter();
	await Promise.all(sends);
	await eventually(() => bob.messages.length >= 100, 'all of them');
	assert.deepEqual(texts(bob).sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => `${i}`), 'each once');
	for (const { states, errors } of [ann, bob]) {
		assert.deepEqual(states.map(({ state }) => state).filter((state) => state !== 'open'), ['connecting'], 'one connection');
		assert.equal(states.at(-1).delayed, false);
		assert.deepEqual(errors, []);
	}
});

/* Forwards to an edge, and cuts its connections when it is told; what was not forwarded is lost. */
async function cuttable(t, stack) {
	const pairs = new Set();
	const server = net.createServer((inner) => {
		const outer = net.connect(stack.edges[pairs.size % stack.edges.length].port, '127.0.0.1');
		const pair = { inner, outer, isDeaf: false };
		pairs.add(pair);
		const end = () => {
			inner.destroy();
			outer.destroy();
			pairs.delete(pair);
		};
		inner.on('data', (bytes) => outer.write(bytes)).on('error', end).on('close', end);
		outer.on('data', (bytes) => pair.isDeaf || inner.write(bytes)).on('error', end).on('close', end);
		pair.cut = end;
	});
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	t.after(() => {
		pairs.forEach(({ cut }) => cut());
		server.close();
	});
	return {
		base: `127.0.0.1:${server.address().port}`,
		n: () => pairs.size,
		/* Answers are lost first, so some of what was sent has arrived and the client does not know it. */
		deafen: () => pairs.forEach((pair) => (pair.isDeaf = true)),
		cut: () => pairs.forEach(({ cut }) => cut()),
	};
}

test('over a network that breaks again and again, each message arrives once and in order', async (t) => {
	const stack = await startStack(t, { edges: 2, edge: FAST });
	const between = await cuttable(t, stack);
	const ann = await opened(t, stack, { edge: between, sub: 'ann', isHasty: true });
	const bob = await opened(t, stack, { edge: between, sub: 'bob', isHasty: true });
	const N = 400;
	let n = 0;
	const acks = [];
	const sending = (async () => {
		while (n < N)
			acks.push(await ann.client.send('bob', `${n++}`));
	})();
	let cuts = 0;
	while (n < N) {
		const from = n;
		await eventually(() => n > from + 20 || n === N, 'messages flow');
		between.deafen();
		await stack.json('routerctl', 'who'); /* some time for what is on its way */
		between.cut();
		cuts++;
	}
	await sending;
	await eventually(() => bob.messages.length >= N, 'all of them');
	assert.deepEqual(texts(bob), Array.from({ length: N }, (_, i) => `${i}`));
	assert.ok(cuts > 5, `${cuts} cuts`);
	const again = acks.filter(({ state }) => state === 'duplicate').length;
	console.log(`${N} messages over ${cuts} cuts: each once; ${again} had arrived although their answer was lost`);
	assert.ok(again > 0, 'some answers were lost');
	assert.deepEqual([...ann.errors, ...bob.errors], []);
});

test('an edge that drains: its clients go on elsewhere', async (t) => {
	const stack = await startStack(t, { edges: 2, edge: [...FAST, '--drain', '3s'] });
	const between = await cuttable(t, stack);
	const bob = await opened(t, stack, { edge: 1, sub: 'bob' });
	const ann = await opened(t, stack, { edge: between, sub: 'ann' });
	let goaway = null;
	ann.client.on('goaway', (data) => (goaway = data));
	stack.edges.reverse(); /* from here on the balancer goes to the other */
	stack.edges[1].signal('SIGTERM');
	const sends = Array.from({ length: 200 }, (_, i) => ann.client.send('bob', `${i}`));
	await Promise.all(sends);
	await eventually(() => ann.states.some(({ code }) => code === 4202), 'it was closed');
	await eventually(() => ann.client.state === 'open', 'it is back');
	assert.ok(goaway.reconnect_after_ms > 0);
	await ann.client.send('bob', 'last');
	await eventually(() => texts(bob).includes('last'), 'all of them');
	assert.equal(bob.messages.length, 201);
	assert.equal(ann.states.filter(({ state }) => state === 'connecting').length, 2, 'one more connection');
});

test('a token that ended: the application gives another, or the client stops', async (t) => {
	const stack = await startStack(t);
	const old = stack.token({ sub: 'ann', exp: Math.floor(Date.now() / 1000) - 60 });
	const left = open(t, stack, { token: old });
	await eventually(() => left.client.state === 'stopped', 'it stops');
	assert.deepEqual(left.states.at(-1), { state: 'stopped', delayed: false, code: 4401, name: 'unauthorized' });
	const asked = [];
	const onAuth = async (why) => {
		asked.push(why);
		return stack.token({ sub: 'ann' });
	};
	const came = await opened(t, stack, { token: old, onAuth });
	assert.deepEqual(asked, [{ code: 4401, name: 'unauthorized' }]);
	assert.equal(came.client.user, 'ann');
});

test('the position of one user is of no use to another', async (t) => {
	const stack = await startStack(t, { edge: FAST });
	const storage = new Storage();
	const ann = await opened(t, stack, { sub: 'ann', storage });
	for (let i = 0; i < 5; i++)
		await ann.client.send('ann', `${i}`);
	await eventually(() => ann.messages.length === 5, 'its own');
	ann.client.close();
	const bob = await opened(t, stack, { sub: 'bob', storage });
	bob.client.close();
	await eventually(async () => (await stack.json('routerctl', 'who')).length === 0, 'both have left');
	const carl = await opened(t, stack, { sub: 'carl' });
	for (let i = 0; i < 3; i++)
		await carl.client.send('bob', `${i}`);
	/* A storage that somebody mixed up: bob's place holds ann's position. */
	const mixed = { get: (key) => storage.getItem(key.replace('bob', 'ann')), set: () => {} };
	const back = await opened(t, stack, { sub: 'bob', storage: mixed });
	await eventually(() => back.messages.length === 3, 'all of it');
	assert.deepEqual(texts(back), ['0', '1', '2']);
	assert.deepEqual(back.resets, []);
});

test('the types fit an application', () => {
	const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
	const project = path.join(ROOT, 'clients/js/test');
	const { status, stdout } = spawnSync(process.execPath, [tsc, '--project', project], { encoding: 'utf8' });
	assert.equal(status, 0, stdout);
});
