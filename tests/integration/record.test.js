/* What an edge that was taken can see and do. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startRecorder } from './record.js';
import { eventually, startStack } from './stack.js';

test('a private message reaches no link but those of its sender and recipient', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const third = await startRecorder(stack, [stack.token({ sub: 'eve' })]);
	const ann = await stack.connect({ edge: 0, sub: 'ann' });
	const bob = await stack.connect({ edge: 1, sub: 'bob' });
	third.say('watch', third.sessions[0].session, 'ann', 'bob');

	const secrets = Array.from({ length: 20 }, (_, i) => `between-us-${i}-${'x'.repeat(i)}`);
	for (const secret of secrets) {
		assert.equal((await ann.chat('bob', secret)).data.state, 'delivered');
		assert.equal((await bob.next('chat')).data.content, secret);
	}
	ann.send('typing', { toUserId: 'bob' });
	const pushed = await stack.run('routerctl', 'push', '--user', 'bob', '--event', 'news', '--data', '"only-for-bob"');
	assert.equal(pushed.code, 0, pushed.stderr);

	/* The recorder works: what is for eve, or for all, does arrive, and after all of the above. */
	assert.equal((await ann.chat('eve', 'this-is-for-eve')).data.state, 'delivered');
	await third.next('deliver', { test: (line) => line.text.includes('this-is-for-eve') });
	assert.equal((await stack.run('routerctl', 'push', '--all', '--data', '"for-everybody"')).code, 0);
	await third.next('system', { test: (line) => line.text.includes('for-everybody') });
	assert.ok(third.received('this-is-for-eve'));
	assert.ok(third.received('for-everybody'));

	for (const secret of [...secrets, 'only-for-bob', 'typing'])
		assert.ok(!third.received(secret), `the third edge received ${secret}`);
});

test('an edge cannot act for sessions of another', async (t) => {
	const stack = await startStack(t);
	const victim = await startRecorder(stack, [stack.token({ sub: 'ann' })]);
	const bob = await stack.connect({ sub: 'bob' });
	const evil = await startRecorder(stack, [stack.token({ sub: 'eve' })]);
	const { session, ticket, nonce } = victim.sessions[0];
	const stats = async () => (await stack.json('routerctl', 'stats'))[0];

	evil.say('send', session, 'bob', 'forged');
	evil.say('close', session);
	evil.say('away', session, 1);
	evil.say('open', ticket, nonce, 'thief');
	assert.equal((await evil.next('open_refused')).code, 4003);
	await eventually(async () => (await stats()).violations_total === 4, 'four violations are counted');
	const user = (await stack.json('routerctl', 'user', 'ann'))[0];
	assert.equal(user.state === 'away', false);
	assert.deepEqual(user.sessions.map((s) => [s.session, s.edge, s.away]), [[session, victim.lease.edge, false]]);

	await t.test('and at eight violations in a minute it is put in quarantine', async () => {
		const before = evil.seen.length;
		for (let i = 0; i < 4; i++)
			evil.say('typing', session, 'bob');
		await evil.next('link_down', { from: before });
		await eventually(async () => (await stack.json('routerctl', 'user', 'eve'))[0].sessions.length === 0, "eve's session ends");
		evil.say('hello', 'again');
		await evil.next('hello_refused');
		assert.equal((await stats()).quarantines_total, 1);
	});
	assert.ok(!bob.frames.some((frame) => frame.data?.content === 'forged'));
	victim.say('send', session, 'bob', 'the real ann');
	assert.equal((await bob.next('chat')).data.content, 'the real ann');
});

test('tickets that auth did not make open nothing', async (t) => {
	const stack = await startStack(t);
	const evil = await startRecorder(stack, [stack.token({ sub: 'eve' })]);
	const { ticket, nonce } = evil.sessions[0];
	const flipped = `${ticket.slice(0, 16)}${ticket[16] === '0' ? '1' : '0'}${ticket.slice(17)}`;
	const bad = ['', '00', ticket.slice(0, -2), `${ticket}00`, flipped, '00'.repeat(ticket.length / 2)];

	for (const [i, bytes] of bad.entries()) {
		const from = evil.seen.length;
		evil.say('open', bytes || '0', nonce, `d${i}`);
		assert.equal((await evil.next('open_refused', { from })).code, 4401);
	}
	assert.equal((await stack.json('routerctl', 'who')).length, 1);
	assert.equal((await stack.json('routerctl', 'stats'))[0].tickets_bad_total, bad.length);
});

test('a link whose edge breaks the rules of batches is closed', async (t) => {
	const stack = await startStack(t);
	const ways = {
		'a gap in the numbers': (evil) => evil.say('number', 17),
		'a number twice': (evil) => evil.say('number', 1),
		'bytes that are no batch': (evil) => evil.say('raw', 'ff'.repeat(9)),
		'an empty message': (evil) => evil.say('raw', ''),
		'the key a second time': (evil) => evil.say('key', '00'.repeat(16)),
		'more than the window, and never a look at what comes': (evil) => {
			evil.say('hoard', 1);
			evil.say('flood', 2000);
		},
	};
	for (const [what, way] of Object.entries(ways)) {
		await t.test(what, async () => {
			const evil = await startRecorder(stack);
			way(evil);
			await evil.next('link_down');
			await eventually(async () => (await stack.json('routerctl', 'edges')).length === 1, 'the honest edge alone is there');
			evil.child.kill();
		});
	}
	const ann = await stack.connect({ sub: 'ann' });
	assert.equal((await ann.chat('ann', 'still here')).data.state, 'delivered');
});

test('a link has one edge', async (t) => {
	const stack = await startStack(t);
	const first = await startRecorder(stack, [stack.token({ sub: 'ann' })]);
	const second = await startRecorder(stack);

	await t.test('a second claimant of a live identity is refused', async () => {
		first.say('hello', 'again');
		await first.next('hello_refused');
	});
	await t.test("another edge's path takes nothing from it", async () => {
		const before = second.seen.length;
		second.say('dial', first.lease.path);
		await second.next('link_down', { from: before });
		await eventually(async () => (await stack.json('routerctl', 'edges')).length === 2, 'the second has lost its own');
	});
	const bob = await stack.connect({ sub: 'bob' });
	first.say('send', first.sessions[0].session, 'bob', 'hi');
	assert.equal((await bob.next('chat')).data.content, 'hi');
	assert.equal(first.all('link_down').length, 0);
	assert.equal(second.received('"hi"'), false);
});

test('the path of a link is of no use after its lease', async (t) => {
	const stack = await startStack(t, { edges: 0 });
	const dir = path.join(stack.env.POSTERN_RUN, 'router/link');
	const names = () => readdirSync(dir).filter((name) => name.endsWith('.sock'));
	const known = names(); // as somebody would know them who had all slots before

	const edge = await startRecorder(stack, [stack.token({ sub: 'ann' })]);
	assert.ok(!known.includes(path.basename(edge.lease.path)), 'its slot has a new name');
	assert.equal(names().length, known.length);
	assert.equal(known.filter((name) => names().includes(name)).length, known.length - 1, 'and no longer the old one');
});

test('what PUB lost is repaired over the link', async (t) => {
	const stack = await startStack(t);
	for (let i = 1; i <= 5; i++)
		assert.equal((await stack.run('routerctl', 'push', '--all', '--data', String(i))).code, 0);
	const late = await startRecorder(stack);
	late.say('since', 2);
	await late.next('system', { test: (line) => line.number === 5 });
	assert.deepEqual(late.all('system').map((line) => [line.by, line.number]), [['link', 3], ['link', 4], ['link', 5]]);
});
