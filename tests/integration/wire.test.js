/*
 * An edge of the wire version before, on a router of today (the other way round: tests/unit/test_uplink.c).
 * Its decoder refuses a message with a field that it does not know, so not one may be sent to it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRecorder } from './record.js';
import { eventually, startStack } from './stack.js';

const SEND_DELIVERED = 1;

test('an edge of wire 1 is served in wire 1', async (t) => {
	const stack = await startStack(t);
	const ann = await stack.connect({ sub: 'ann', dev: 'desk' });
	const bob = await stack.connect({ sub: 'bob', dev: 'phone' });
	await bob.close();
	await eventually(async () => (await stack.json('routerctl', 'who')).length === 1, 'bob has left');
	for (let i = 0; i < 5; i++)
		assert.equal((await ann.chat('bob', `kept ${i}`)).data.state, 'stored');

	const old = await startRecorder(stack, [stack.token({ sub: 'bob' }), stack.token({ sub: 'eve' })], { wire: 1 });
	const [{ session }] = old.sessions;

	await t.test('its sessions begin at the head and are live at once', async () => {
		assert.equal((await ann.chat('bob', 'to the old one')).data.state, 'delivered');
		await old.next('deliver', { test: (line) => line.text.includes('to the old one') });
		assert.equal(old.received('kept 0'), false);
	});
	await t.test('what it sends arrives, whatever the state is called', async () => {
		old.say('send', session, 'ann', 'from the old one');
		assert.equal((await ann.next('chat')).data.content, 'from the old one');
		await old.next('result', { test: (line) => line.ref === 1 });
		old.say('send', session, 'carl', 'to nobody known');
		await old.next('result', { test: (line) => line.ref === 2 });
		await stack.connect({ sub: 'dora' }).then((dora) => dora.close());
		await eventually(async () => (await stack.json('routerctl', 'who')).every((line) => line.user !== 'dora'), 'dora has left');
		old.say('send', session, 'dora', 'to be kept');
		await old.next('result', { test: (line) => line.ref === 3 });
		const [first, second, third] = old.all('result');
		assert.equal(first.state, SEND_DELIVERED);
		assert.ok(second.code === 1101 || second.code === 1102);
		assert.equal(third.state, SEND_DELIVERED);
		const dora = await stack.connect({ sub: 'dora' });
		assert.equal((await dora.next('chat')).data.content, 'to be kept');
	});
	await t.test('messages to all reach it on system.sock', async () => {
		assert.equal((await stack.run('routerctl', 'push', '--all', '--data', '"for-everybody"')).code, 0);
		await old.next('system', { test: (line) => line.by === 'pub' && line.text.includes('for-everybody') });
	});
	await t.test('nothing of wire 2 was sent to it', () => {
		assert.ok(old.all('batch').length > 0 && old.all('pub').length > 0);
		for (const line of [...old.all('batch'), ...old.all('pub')])
			assert.equal(line.wire, 1);
		for (const line of old.all('opened'))
			assert.deepEqual([line.start_u, line.start_s, line.recovered, line.reset], [0, 0, false, 0]);
		for (const line of old.all('deliver'))
			assert.deepEqual([line.number, line.system], [0, false]);
		for (const line of old.all('result'))
			assert.ok(line.state <= SEND_DELIVERED && line.first === 0);
		for (const is of ['page', 'reset', 'drain', 'empty_item'])
			assert.deepEqual(old.all(is), []);
	});
});

test('an edge may neither acknowledge nor read for sessions of another', async (t) => {
	const stack = await startStack(t);
	const victim = await startRecorder(stack, [stack.token({ sub: 'bob' })]);
	const evil = await startRecorder(stack, [stack.token({ sub: 'eve' })]);
	const ann = await stack.connect({ sub: 'ann' });
	const { session } = victim.sessions[0];

	assert.equal((await ann.chat('bob', 'only for bob')).data.state, 'delivered');
	evil.say('ack', session, 1, 0);
	evil.say('sync', session, 0);
	await eventually(async () => (await stack.json('routerctl', 'stats'))[0].violations_total === 2, 'both are counted');
	assert.equal((await stack.json('routerctl', 'inbox', 'bob'))[0].acked, 0);
	assert.equal(evil.received('only for bob'), false);
	victim.say('sync', session, 0);
	assert.equal((await victim.next('page')).last, 1);
	assert.equal(victim.all('deliver').at(-1).number, 1);
});
