/* A session that goes on with its user's next token: what it is held to from then on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startStack } from './stack.js';

const REVOKED = 4404;

async function reauth(client, token) {
	client.send('reauth', { token }, { id: 're' });
	const ack = await client.next((frame) => frame.id === 're');
	assert.equal(ack.event, 'ack', JSON.stringify(ack));
	return ack.data;
}

test('a session that goes on with the next token', async (t) => {
	const stack = await startStack(t);
	const revoke = async (...what) => assert.equal((await stack.run('authctl', 'revoke', ...what, '--yes')).code, 0);

	await t.test('is opened again after a restart of the router', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		assert.equal((await reauth(ann, stack.token({ sub: 'ann' }))).identity, 1);
		assert.equal((await stack.router.stop()).code, 0);
		await stack.startRouter();
		await eventually(async () => (await stack.json('routerctl', 'who')).length === 1, 'her session is back');
		const bob = await stack.connect({ sub: 'bob' });
		assert.equal((await bob.chat('ann', 'still there?')).data.state, 'delivered');
		assert.equal((await ann.next('chat')).data.content, 'still there?');
		await Promise.all([ann.close(), bob.close()]);
	});
	await t.test('is that of the next token alone: a revocation of the one before leaves it', async () => {
		const [first, next] = [stack.token({ sub: 'eve' }), stack.token({ sub: 'eve' })];
		const eve = await stack.connect({ token: first });
		await reauth(eve, next);
		await revoke('--token', first);
		assert.equal((await eve.heartbeat()).event, 'heartbeat');
		await revoke('--token', next);
		assert.equal((await eve.closed).code, REVOKED);
	});
	await t.test('may do what the next token may', async () => {
		const joe = await stack.connect({ sub: 'joe' });
		await stack.connect({ sub: 'kim' });
		assert.equal((await joe.chat('kim', 'one')).data.state, 'delivered');
		await reauth(joe, stack.token({ sub: 'joe', scope: 'read-only' }));
		assert.equal((await joe.chat('kim', 'two')).data.code, 1404);
		await reauth(joe, stack.token({ sub: 'joe' }));
		assert.equal((await joe.chat('kim', 'three')).data.state, 'delivered');
	});
});
