/*
 * An edge of the wire version before, on a router of today (the other way round: tests/unit/test_uplink.c).
 * Its decoder refuses a message with a field that it does not know, so not one may be sent to it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRecorder } from './record.js';
import { eventually, startStack } from './stack.js';

const [SEND_DELIVERED, SEND_ACCEPTED, SEND_STORED] = [1, 2, 3];
const REVOKED = 4404;

test('an edge of wire 2 is served in wire 2', async (t) => {
	const stack = await startStack(t);
	const ann = await stack.connect({ sub: 'ann', dev: 'desk' });
	const bob = await stack.connect({ sub: 'bob', dev: 'phone' });
	await bob.close();
	await eventually(async () => (await stack.json('routerctl', 'who')).length === 1, 'bob has left');
	for (let i = 0; i < 5; i++)
		assert.equal((await ann.chat('bob', `kept ${i}`)).data.state, 'stored');

	const old = await startRecorder(stack, [stack.token({ sub: 'bob' }), stack.token({ sub: 'eve' })], { wire: 2 });
	const [bobs, eves] = old.sessions;

	await t.test('its sessions read what was kept, and then are live', async () => {
		assert.equal((await ann.chat('bob', 'behind what is kept')).data.state, 'accepted');
		old.say('sync', bobs.session, 0);
		await old.next('page', { test: (line) => !line.more });
		assert.deepEqual(old.all('deliver').map((line) => line.number), [1, 2, 3, 4, 5, 6]);
		assert.equal((await ann.chat('bob', 'live')).data.state, 'delivered');
		await old.next('deliver', { test: (line) => line.text.includes('live') });
	});
	await t.test('what it sends arrives, and the states are those of wire 2', async () => {
		old.say('send', bobs.session, 'ann', 'from the old one');
		assert.equal((await ann.next('chat')).data.content, 'from the old one');
		assert.equal((await old.next('result', { test: (line) => line.ref === 1 })).state, SEND_DELIVERED);
		await stack.connect({ sub: 'dora' }).then((dora) => dora.close());
		await eventually(async () => (await stack.json('routerctl', 'who')).every((line) => line.user !== 'dora'), 'dora has left');
		old.say('send', bobs.session, 'dora', 'to be kept');
		assert.equal((await old.next('result', { test: (line) => line.ref === 2 })).state, SEND_STORED);
	});
	await t.test('messages to all reach it on system.sock', async () => {
		assert.equal((await stack.run('routerctl', 'push', '--all', '--data', '"for-everybody"')).code, 0);
		await old.next('system', { test: (line) => line.by === 'pub' && line.text.includes('for-everybody') });
	});
	await t.test('its tickets are renewed, and a revocation reaches it as an end of the session', async () => {
		const renewed = await old.extend(eves.ticket);
		assert.equal(renewed.is, 'granted');
		old.say('renew', eves.session, renewed.ticket);
		const revoked = await stack.run('authctl', 'revoke', '--user', 'eve', '--yes');
		assert.equal(revoked.code, 0, revoked.stderr);
		assert.equal((await old.next('shut', { test: (line) => line.session === eves.session })).code, REVOKED);
		assert.equal((await old.extend(renewed.ticket)).is, 'denied');
	});
	await t.test('a new ticket key is not told to it, and its credential holds', async () => {
		const today = await startRecorder(stack);
		const rotated = await stack.run('authctl', 'keys', 'rotate', 'ticket', '--yes');
		assert.equal(rotated.code, 0, rotated.stderr);
		await today.next('credential');
		assert.equal((await old.verify(stack.token({ sub: 'fay' }))).is, 'granted');
	});
	await t.test('nothing of wire 3 was sent to it', () => {
		assert.ok(old.all('batch').length > 0 && old.all('pub').length > 0);
		for (const line of [...old.all('batch'), ...old.all('pub')])
			assert.equal(line.wire, 2);
		for (const line of old.all('result'))
			assert.ok([SEND_DELIVERED, SEND_ACCEPTED, SEND_STORED].includes(line.state));
		for (const is of ['credential', 'drain', 'empty_item', 'link_down'])
			assert.deepEqual(old.all(is), []);
	});
});

test('an edge of a wire that is not known any more, or not yet, gets no lease', async (t) => {
	const stack = await startStack(t);
	for (const wire of [1, 4]) {
		const other = await startRecorder(stack, [], { wire, isRefused: true });
		await other.next('router_away');
		assert.deepEqual(other.all('lease'), []);
	}
	const ann = await stack.connect({ sub: 'ann' });
	assert.equal((await ann.chat('ann', 'still here')).data.state, 'delivered');
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
