import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { ROOT, eventually, startStack, within } from './stack.js';

/* Clients without memory may get what their user has not acknowledged yet: earlier tests' messages. */
const says = (content) => (frame) => frame.data?.content === content;
/* A user's line of `routerctl who`, or undefined. */
const who = async (stack, uid) => (await stack.json('routerctl', 'who')).find((line) => line.user === uid);

test('private messages', async (t) => {
	const stack = await startStack(t, { edges: 2 });

	await t.test('go both ways between users on different edges', async () => {
		const jim = await stack.connect({ edge: 0, sub: '1' });
		const john = await stack.connect({ edge: 1, sub: '2' });
		const ack = await jim.chat(2, 'hi john', { mid: 'm-1' });
		assert.equal(ack.event, 'ack');
		assert.deepEqual({ ...ack.data, seq: 0 }, { mid: 'm-1', state: 'delivered', devices: 1, seq: 0 });
		const got = await john.next('chat');
		assert.deepEqual(got.data, { fromUser: 1, content: 'hi john' });
		assert.equal(got.mid, 'm-1');
		assert.ok(Math.abs(got.ts - Date.now()) < 60000);
		await john.chat('1', 'hi jim \u{1F44B} "quoted" \u0000');
		assert.deepEqual((await jim.next('chat')).data, { fromUser: 2, content: 'hi jim \u{1F44B} "quoted" \u0000' });
		await Promise.all([jim.close(), john.close()]);
	});

	await t.test('carry numbers without a hole, in the order of the acks', async () => {
		const ann = await stack.connect({ edge: 0, sub: 'ann' });
		const bob = await stack.connect({ edge: 1, sub: 'bob' });
		const first = bob.ready.data.resume.u;
		const acks = await Promise.all(Array.from({ length: 30 }, (_, i) => ann.chat('bob', `m${i}`)));
		assert.ok(acks.every((ack) => ack.event === 'ack'));
		for (let i = 0; i < 30; i++) {
			const frame = await bob.next('chat');
			assert.equal(frame.data.content, `m${i}`);
			assert.equal(frame.data.fromUser, 'ann');
			assert.equal(frame.seq, first + 1 + i);
		}
		await Promise.all([ann.close(), bob.close()]);
	});

	await t.test('to nobody are refused, and to who is away kept', async () => {
		/* Soon after its start the router cannot tell who is unknown. */
		await eventually(async () => (await stack.run('routerctl', 'push', '--user', 'never-seen', '--data', '1')).stderr.includes('1101'),
			'the router knows whom it does not know');
		const ann = await stack.connect({ sub: 'ann' });
		const unknown = await ann.chat('never-seen', 'x');
		assert.equal(unknown.event, 'exception');
		assert.equal(unknown.data.code, 1101);
		await eventually(async () => !(await who(stack, 'bob')), 'bob has left');
		const kept = await ann.chat('bob', 'for later');
		assert.equal(kept.data.state, 'stored');
		assert.equal(kept.data.devices, 0);
		const bob = await stack.connect({ edge: 1, sub: 'bob' });
		await bob.next((frame) => frame.data.content === 'for later');
		await bob.close();
		await ann.close();
	});

	await t.test('reach both devices of a user, and closing one leaves the other present', async () => {
		const ann = await stack.connect({ edge: 0, sub: 'ann' });
		const phone = await stack.connect({ edge: 0, sub: 'two', dev: 'phone' });
		const desk = await stack.connect({ edge: 1, sub: 'two', dev: 'desk' });
		assert.equal((await ann.chat('two', 'both')).data.devices, 2);
		const [a, b] = [await phone.next('chat'), await desk.next('chat')];
		assert.equal(a.data.content, 'both');
		assert.equal(a.seq, b.seq);
		await phone.close();
		await eventually(async () => (await who(stack, 'two')).sessions.length === 1, 'the phone is gone');
		assert.equal((await ann.chat('two', 'one left')).data.devices, 1);
		assert.equal((await desk.next('chat')).data.content, 'one left');
		await Promise.all([ann.close(), desk.close()]);
	});

	await t.test('an older connection that closes late does not remove the newer one of the same device', async () => {
		const ann = await stack.connect({ edge: 0, sub: 'ann' });
		const old = await stack.connect({ edge: 0, sub: 'late', dev: 'same' });
		const young = await stack.connect({ edge: 1, sub: 'late', dev: 'same' });
		await old.close();
		await eventually(async () => (await who(stack, 'late')).sessions.length === 1, 'the old one is gone');
		assert.equal((await who(stack, 'late')).state, 'online');
		assert.equal((await ann.chat('late', 'still there?')).data.devices, 1);
		assert.equal((await young.next('chat')).data.content, 'still there?');
		await Promise.all([ann.close(), young.close()]);
	});

	await t.test('are shown to the sender\'s other devices as carbons, and not to plain clients', async () => {
		const one = await stack.connect({ edge: 0, sub: 'ann', dev: 'one' });
		const two = await stack.connect({ edge: 1, sub: 'ann', dev: 'two' });
		const plain = await stack.connect({ edge: 1, sub: 'ann', how: 'plain' });
		const bob = await stack.connect({ edge: 1, sub: 'bob' });
		await one.chat('bob', 'copied');
		const carbon = await two.next(says('copied'));
		assert.equal(carbon.carbon, true);
		assert.deepEqual(carbon.data, { toUser: 'bob', content: 'copied', fromUser: 'ann' });
		await plain.heartbeat();
		assert.ok(!plain.frames.some(({ data }) => data.toUser !== undefined), 'no carbon');
		await Promise.all([one.close(), two.close(), plain.close(), bob.close()]);
	});

	await t.test('a client without a subprotocol has the shape of Nest\'s ws adapter', async () => {
		const plain = await stack.connect({ edge: 0, sub: '1', how: 'plain' });
		const john = await stack.connect({ edge: 1, sub: '2' });
		await john.chat(1, 'to the plain one');
		const got = await plain.next(says('to the plain one'));
		assert.deepEqual(Object.keys(got).sort(), ['data', 'event', 'seq']);
		assert.deepEqual(got.data, { fromUser: 2, content: 'to the plain one' });
		plain.send('chat', { toUserId: 2, message: 'from the plain one' });
		assert.equal((await john.next(says('from the plain one'))).data.fromUser, 1);
		plain.send('chat', { toUserId: 'never-seen', message: 'x' });
		assert.equal((await plain.next('exception')).data.code, 1101);
		assert.ok(!plain.frames.some(({ event }) => event === 'ack'), 'none was asked for');
		assert.equal((await plain.chat(2, 'with an id', { id: 7 })).event, 'ack');
		await Promise.all([plain.close(), john.close()]);
	});

	await t.test('a native client without an id gets its ack nevertheless', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		ann.send('chat', { toUserId: 'ann', message: 'note to self' }, { mid: 'self' });
		assert.equal((await ann.next('ack')).data.mid, 'self');
		await ann.close();
	});

	await t.test('typing is relayed and not stored; heartbeat answers with the user and the time', async () => {
		const jim = await stack.connect({ edge: 0, sub: '1' });
		const john = await stack.connect({ edge: 1, sub: '2' });
		jim.send('typing', { toUserId: 2 });
		assert.deepEqual((await john.next('typing')).data, { fromUser: 1 });
		const { data } = await jim.heartbeat();
		assert.equal(data.user, 1);
		assert.ok(Math.abs(data.time - Date.now()) < 60000);
		await Promise.all([jim.close(), john.close()]);
	});

	await t.test('watch answers with the presence at once and on change', async () => {
		const ann = await stack.connect({ edge: 0, sub: 'ann' });
		await stack.connect({ edge: 1, sub: 'wanda' }).then((first) => first.close());
		await eventually(async () => !(await who(stack, 'wanda')), 'wanda has left');
		await ann.chat('wanda', 'now we know each other');
		ann.send('watch', { users: ['wanda'] });
		/* For 5 s after its start the router says `unknown` of those whom it has not heard of. */
		const settled = (frame) => frame.event === 'presence' && frame.data.state !== 'unknown';
		assert.deepEqual((await ann.next(settled)).data, { user: 'wanda', state: 'offline', devices: 0 });
		const wanda = await stack.connect({ edge: 1, sub: 'wanda' });
		assert.deepEqual((await ann.next(settled)).data, { user: 'wanda', state: 'online', devices: 1 });
		await wanda.close();
		assert.deepEqual((await ann.next(settled)).data, { user: 'wanda', state: 'offline', devices: 0 });
		await ann.close();
	});

	await t.test('a sender above the rate is told so, and lives on', async () => {
		const ann = await stack.connect({ edge: 0, sub: 'ann' });
		const bob = await stack.connect({ edge: 1, sub: 'bob' });
		const replies = await Promise.all(Array.from({ length: 120 }, (_, i) => ann.chat('bob', `${i}`)));
		const refused = replies.filter((reply) => reply.event === 'exception');
		assert.ok(refused.length > 0 && refused.length < 81, `${refused.length} refused`);
		assert.ok(refused.every((reply) => reply.data.code === 1301 && reply.data.after_ms > 0));
		/* Asking at once and again would be a flood, which costs the connection. */
		const told = Math.max(...refused.map((reply) => reply.data.after_ms));
		await new Promise((resolve) => setTimeout(resolve, told));
		await ann.heartbeat();
		await Promise.all([ann.close(), bob.close()]);
	});

	await t.test('Debian\'s python3-websockets chats with a browser\'s client', async () => {
		const john = await stack.connect({ edge: 1, sub: '2' });
		const script = path.join(ROOT, 'tests/integration/client.py');
		const run = new Promise((resolve) => {
			execFile('/usr/bin/python3', [script, `ws://${stack.edges[0].base}/ws`, stack.token({ sub: '1' })],
				(error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
		});
		await john.next(says('hello from python'));
		await john.chat(1, 'hello to python');
		const { code, stdout, stderr } = await within(run, 30000, 'the python client ends');
		assert.equal(code, 0, stderr);
		assert.match(stdout, /hello to python/);
		await john.close();
	});
});
