/* Who may have how many sessions, on whichever edge; what is ended for good stays ended; what a token's scope allows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRecorder } from './record.js';
import { eventually, request, startStack } from './stack.js';

const [SESSION_LIMIT, KICKED, REVOKED, REPLACED] = [4004, 4009, 4404, 4409];

const bearer = (stack, sub) => ({ Authorization: `Bearer ${stack.token({ sub })}`, 'Sec-WebSocket-Protocol': 'postern.v1' });
const sessions = async (stack, sub) =>
	(await stack.json('routerctl', 'user', sub))[0].sessions.map(({ device }) => device).sort();

/* A further upgrade is refused, and says why. */
async function isRefused(stack, sub, { edge, dev }) {
	const answer = await request(stack.edges[edge], { target: `/ws?dev=${dev}`, headers: bearer(stack, sub) });
	assert.equal(answer.status, 403);
	assert.equal(answer.json.code, SESSION_LIMIT);
}

test('a session over the limit is refused, on every edge', async (t) => {
	const stack = await startStack(t, { edges: 2, router: ['--sessions-per-user', '2'] });
	const first = await stack.connect({ sub: 'ann', edge: 0, dev: 'desk' });
	const second = await stack.connect({ sub: 'ann', edge: 1, dev: 'phone' });

	await isRefused(stack, 'ann', { edge: 0, dev: 'tablet' });
	await isRefused(stack, 'ann', { edge: 1, dev: 'phone' });
	assert.deepEqual(await sessions(stack, 'ann'), ['desk', 'phone']);
	await stack.connect({ sub: 'bob', edge: 0 }); // it is each user's own
	await second.close();
	await eventually(async () => (await sessions(stack, 'ann')).length === 1, 'the second has left');
	await stack.connect({ sub: 'ann', edge: 0, dev: 'tablet' });
	assert.equal((await first.heartbeat()).event, 'heartbeat');
	assert.ok((await stack.json('routerctl', 'why', 'ann')).some(({ kind, detail }) =>
		kind === 'refused' && detail.includes(`code=${SESSION_LIMIT}`)));
});

test('with --session-policy oldest the first one gives way to a third', async (t) => {
	const stack = await startStack(t, { edges: 2, router: ['--sessions-per-user', '2', '--session-policy', 'oldest'] });
	const first = await stack.connect({ sub: 'ann', edge: 0, dev: 'desk' });
	const second = await stack.connect({ sub: 'ann', edge: 1, dev: 'phone' });
	const third = await stack.connect({ sub: 'ann', edge: 1, dev: 'tablet' });

	assert.equal((await first.closed).code, REPLACED);
	const fourth = await stack.connect({ sub: 'ann', edge: 0, dev: 'desk' });
	assert.equal((await second.closed).code, REPLACED);
	assert.deepEqual(await sessions(stack, 'ann'), ['desk', 'tablet']);
	const bob = await stack.connect({ sub: 'bob', edge: 0 });
	assert.equal((await bob.chat('ann', 'to both')).data.devices, 2);
	for (const client of [third, fourth])
		assert.equal((await client.next('chat')).data.content, 'to both');
	assert.equal((await stack.json('routerctl', 'stats'))[0].sessions_replaced_total, 2);
	assert.deepEqual((await stack.json('routerctl', 'why', 'ann')).filter(({ kind }) => kind === 'replaced').length, 2);
});

test('with --session-policy device a session takes the place of its own device', async (t) => {
	const stack = await startStack(t, { edges: 2, router: ['--sessions-per-user', '2', '--session-policy', 'device'] });
	const phone = await stack.connect({ sub: 'ann', edge: 0, dev: 'phone' });
	const again = await stack.connect({ sub: 'ann', edge: 1, dev: 'phone' });
	assert.equal((await phone.closed).code, REPLACED);

	const bob = await stack.connect({ sub: 'bob', edge: 0, dev: 'phone' }); // another user's
	const desk = await stack.connect({ sub: 'ann', edge: 0, dev: 'desk' });
	await isRefused(stack, 'ann', { edge: 1, dev: 'tablet' });
	const third = await stack.connect({ sub: 'ann', edge: 0, dev: 'phone' }); // at the limit, too
	assert.equal((await again.closed).code, REPLACED);
	assert.deepEqual(await sessions(stack, 'ann'), ['desk', 'phone']);
	for (const client of [bob, desk, third])
		assert.equal((await client.heartbeat()).event, 'heartbeat');
});

test('unnamed devices do not replace each other', async (t) => {
	const stack = await startStack(t, { router: ['--session-policy', 'device'] });
	const clients = [await stack.connect({ sub: 'ann' }), await stack.connect({ sub: 'ann' })];
	for (const client of clients)
		assert.equal((await client.heartbeat()).event, 'heartbeat');
	assert.equal((await sessions(stack, 'ann')).length, 2);
});

test('a session that was kicked is not revived by a restart of the router', async (t) => {
	const stack = await startStack(t);
	const edge = await startRecorder(stack, [stack.token({ sub: 'ann' }), stack.token({ sub: 'bob' })], { opens: false });
	const [ann, bob] = edge.sessions;
	for (const { ticket, nonce } of edge.sessions) {
		edge.say('open', ticket, nonce, 'd1');
		await edge.next('opened', { test: (line) => line.nonce === nonce });
	}

	assert.equal((await stack.run('routerctl', 'kick', 'ann', '--yes')).code, 0);
	assert.equal((await edge.next('shut')).code, KICKED);
	await eventually(async () => (await stack.json('routerctl', 'stats'))[0].store_marks === 1, 'it is on disk');
	await stack.router.kill();
	await edge.next('link_down');
	await stack.startRouter();
	const from = edge.seen.length;
	edge.say('hello', 'again');
	await edge.next('link_up', { from });
	edge.say('open', ann.ticket, ann.nonce, 'd1', 'reopen');
	edge.say('open', bob.ticket, bob.nonce, 'd1', 'reopen');
	await edge.next('opened', { from, test: (line) => line.nonce === bob.nonce });
	assert.deepEqual(edge.all('open_refused').map(({ nonce, code }) => [nonce, code]), [[ann.nonce, KICKED]]);
	assert.deepEqual((await stack.json('routerctl', 'who')).map(({ user }) => user), ['bob']);
	await stack.connect({ sub: 'ann' }); // his token is good
});

test('a revocation is in force when the router starts again, before auth has said a word', async (t) => {
	const stack = await startStack(t);
	const edge = await startRecorder(stack, [stack.token({ sub: 'ann' }), stack.token({ sub: 'bob' })], { opens: false });
	const [ann, bob] = edge.sessions;

	edge.say('open', ann.ticket, ann.nonce, 'd1');
	await edge.next('opened');
	const revoked = await stack.run('authctl', 'revoke', '--user', 'ann', '--yes');
	assert.equal(revoked.code, 0, `in force, on disk: ${revoked.stderr}`);
	assert.equal((await edge.next('shut')).code, REVOKED);
	await stack.auth.kill();
	await stack.router.kill();
	await edge.next('link_down');
	await stack.startRouter();
	const from = edge.seen.length;
	edge.say('hello', 'again');
	await edge.next('link_up', { from });
	edge.say('open', ann.ticket, ann.nonce, 'd1', 'reopen');
	edge.say('open', bob.ticket, bob.nonce, 'd1', 'reopen');
	await edge.next('opened', { from, test: (line) => line.nonce === bob.nonce });
	assert.deepEqual(edge.all('open_refused').map(({ nonce, code }) => [nonce, code]), [[ann.nonce, REVOKED]]);
	await stack.startAuth();
	await eventually(async () => (await stack.json('routerctl', 'stats'))[0].trust_facts_total >= 1, 'auth has told it again');
	assert.equal((await stack.json('routerctl', 'stats'))[0].store_marks <= 2, true, 'the same mark, not another one');
});

test('a token without the right may read, and no more', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const scoped = (sub, scope, edge) => stack.connect({ sub, edge, token: stack.token({ sub, scope }) });
	const reader = await scoped('reader', 'read-only', 0);
	const pusher = await scoped('pusher', 'push', 1);
	const both = await scoped('both', 'push read-only', 0);
	const plain = await scoped('plain', undefined, 1);
	const told = async (client, data) => {
		const id = Math.floor(Math.random() * 1e9);
		client.send('push', data, { id });
		const { event, data: answer } = await client.next((frame) => frame.id === id);
		return event === 'ack' ? answer.state : answer.code;
	};
	const news = { user: 'plain', event: 'news', data: 1 };

	assert.equal((await reader.chat('plain', 'no')).data.code, 1404);
	assert.equal((await both.chat('plain', 'no')).data.code, 1404);
	assert.equal((await plain.chat('reader', 'yes')).data.state, 'delivered');
	assert.equal((await reader.next('chat')).data.content, 'yes');
	assert.equal((await pusher.chat('plain', 'yes')).data.state, 'delivered');
	assert.equal((await plain.next('chat')).data.content, 'yes');

	assert.equal(await told(reader, news), 1404);
	assert.equal(await told(plain, { ...news, user: 'reader' }), 1404);
	assert.equal(await told(pusher, news), 'delivered');
	assert.equal((await plain.next('news')).data, 1);
	assert.equal(await told(both, { ...news, data: 2 }), 1404, 'read-only is the stronger word');
	assert.equal((await stack.run('routerctl', 'push', '--user', 'plain', '--event', 'last', '--data', '3')).code, 0);
	await plain.next('last');
	assert.deepEqual(plain.frames.filter(({ event }) => event !== 'presence'), [], 'nothing came of what was refused');
	assert.ok((await stack.json('routerctl', 'why', 'reader')).some(({ kind, detail }) =>
		kind === 'refused' && detail.includes('code=1404')));
});
