/*
 * The faults of the gateway that Postern began as, one test for each, by the name under which docs/IDENTITY.md
 * lists it.  Each fails on what that gateway did.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { logIn, post } from './api.js';
import { assertRefused, eventually, request, startStack } from './stack.js';

const bearer = (token) => ({ Authorization: `Bearer ${token}` });
const who = async (stack, uid) => (await stack.json('routerctl', 'who')).find(({ user }) => user === uid);
const hasLeft = (stack, uid) => eventually(async () => !(await who(stack, uid)), `${uid} has left`);
const inbox = async (stack, uid) => (await stack.json('routerctl', 'inbox', uid))[0];
const [TOKEN_EXPIRED, IDENTITY_MISMATCH, HEARTBEAT_LOST] = [4230, 4403, 4201];

/* One whom the router knows and who is away. */
async function met(stack, sub) {
	const client = await stack.connect({ sub, dev: 'd1' });
	await client.close();
	await hasLeft(stack, sub);
}

test('empty_bearer_hangs', async (t) => {
	const stack = await startStack(t);
	const [edge] = stack.edges;
	const before = edge.descriptors();
	const empty = [{ Authorization: 'Bearer ' }, { Authorization: 'Bearer' }, { 'Sec-WebSocket-Protocol': 'postern.v1, bearer.' }];
	stack.auth.signal('SIGSTOP'); /* it need not be asked */
	try {
		for (const headers of empty) {
			assertRefused(await request(edge, { headers }), 401, 4401);
			assertRefused(await request(edge, { headers, target: '/auth/check', upgrade: false }), 401, 4401);
			assertRefused(await request(edge, { headers, target: '/api/chat', method: 'POST', upgrade: false, body: '{"toUser":1,"content":"x"}' }), 401, 4401);
		}
	} finally {
		stack.auth.signal('SIGCONT');
	}
	await eventually(() => edge.descriptors() <= before, 'no connection is left waiting');
});

test('identity_from_unverified_claims', async (t) => {
	const stack = await startStack(t);
	const [edge] = stack.edges;
	const bob = await stack.connect({ sub: 'bob' });
	const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
	const now = Math.floor(Date.now() / 1000);
	const claims = part({ iss: 'postern', sub: 'ann', iat: now, exp: now + 3600 });
	const unverified = {
		'signed with a secret of its own': stack.token({ sub: 'ann' }, { secret: randomBytes(32) }),
		'signed with nothing': `${part({ alg: 'none' })}.${claims}.`,
		'signed with the empty secret': stack.token({ sub: 'ann' }, { secret: '' }),
		'of a key that there is not': stack.token({ sub: 'ann' }, { header: { kid: 'nobody' } }),
	};
	for (const [what, token] of Object.entries(unverified)) {
		await t.test(`a token ${what} is nobody's`, async () => {
			assertRefused(await request(edge, { headers: bearer(token) }), 401, 4401);
			assertRefused(await post(edge, '/api/chat', token, { toUser: 'bob', content: 'forged' }), 401, 4401);
		});
	}
	await t.test('and no member of a frame or a request says who sends it', async () => {
		const eve = await stack.connect({ sub: 'eve' });
		const names = { fromUser: 'ann', fromUserId: 'ann', userId: 'ann', sub: 'ann', uid: 'ann', user: 'ann' };
		eve.raw(JSON.stringify({ event: 'chat', id: 1, ...names, data: { toUserId: 'bob', message: 'by socket', ...names } }));
		await post(edge, '/api/chat', stack.token({ sub: 'eve' }), { toUser: 'bob', content: 'by HTTP', ...names });
		await eve.chat('bob', 'last');
		for (;;) {
			const { data } = await bob.next('chat');
			assert.equal(data.fromUser, 'eve', data.content);
			if (data.content === 'last')
				break;
		}
	});
});

test('second_device_overwrites', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const phone = await stack.connect({ sub: 'ann', dev: 'phone' });
	const desk = await stack.connect({ sub: 'ann', dev: 'desk', edge: 1 });
	const same = await stack.connect({ sub: 'ann', dev: 'desk' });
	const bob = await stack.connect({ sub: 'bob' });
	assert.equal((await bob.chat('ann', 'to all of them')).data.devices, 3);
	for (const device of [phone, desk, same]) {
		assert.equal((await device.next('chat')).data.content, 'to all of them');
		assert.equal((await device.heartbeat()).data.user, 'ann');
	}
	assert.equal((await who(stack, 'ann')).sessions.length, 3);
});

test('old_close_removes_new', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const bob = await stack.connect({ sub: 'bob' });
	const ends = { 'with a close': (client) => client.close(), 'without a word': (client) => client.drop() };
	for (const [what, end] of Object.entries(ends)) {
		for (const edge of [0, 1]) {
			await t.test(`${what}, the new one on edge ${edge}`, async () => {
				const old = await stack.connect({ sub: 'ann', dev: 'phone' });
				const fresh = await stack.connect({ sub: 'ann', dev: 'phone', edge });
				await end(old);
				await eventually(async () => (await who(stack, 'ann'))?.sessions.length === 1, 'the old one is gone, the new one there');
				const text = `after ${what}, on edge ${edge}`;
				const { data } = await bob.chat('ann', text);
				assert.deepEqual([data.state, data.devices], ['delivered', 1]);
				await fresh.next((frame) => frame.data?.content === text);
				await fresh.close();
				await hasLeft(stack, 'ann');
			});
		}
	}
});

test('late_heartbeat_kills', async (t) => {
	/* Late for the interval, and with all the time that a busy machine takes before the grace is over. */
	const stack = await startStack(t, { edge: ['--interval', '1s', '--grace', '5min'], router: ['--watch', 'any'] });
	const bob = await stack.connect({ sub: 'bob' });
	const ann = await stack.connect({ sub: 'ann', autoPong: false });
	bob.send('watch', { users: ['ann'] });
	const presence = (state) => bob.next((frame) => frame.event === 'presence' && frame.data.state === state);
	for (let i = 0; i < 3; i++) {
		await presence('away');
		assert.equal((await ann.heartbeat()).data.user, 'ann', 'a late heartbeat is answered');
		await presence('online');
		assert.equal((await bob.chat('ann', `after ${i}`)).data.state, 'delivered');
		await ann.next((frame) => frame.data?.content === `after ${i}`);
	}
	assert.equal(ann.end, undefined, 'the connection lives');
});

test('zombie_not_reaped', async (t) => {
	const stack = await startStack(t, { edge: ['--interval', '500ms', '--grace', '500ms'] });
	const [edge] = stack.edges;
	const before = edge.descriptors();
	const silent = await stack.connect({ sub: 'silent', autoPong: false });
	const dead = await stack.connect({ sub: 'dead', autoPong: false });
	dead.ws._socket.pause(); /* the machine at the other end is gone */
	assert.equal((await silent.closed).code, HEARTBEAT_LOST);
	await hasLeft(stack, 'dead');
	await hasLeft(stack, 'silent');
	await eventually(() => edge.descriptors() <= before, 'their sockets are closed');
	const lively = await stack.connect({ sub: 'lively' });
	assert.equal((await lively.heartbeat()).data.user, 'lively');
});

test('offline_recipient_silently_dropped', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	await eventually(async () => (await stack.run('routerctl', 'push', '--user', 'never-seen', '--data', '1')).stderr.includes('1101'),
		'the router knows whom it does not know');
	await met(stack, 'bob');
	const ann = await stack.connect({ sub: 'ann' });
	const kept = await ann.chat('bob', 'for later');
	assert.deepEqual([kept.event, kept.data.state], ['ack', 'stored']);
	const unknown = await ann.chat('never-seen', 'x');
	assert.deepEqual([unknown.event, unknown.data.code], ['exception', 1101], 'nobody is not somebody who is away');
	const byHttp = await post(stack.edges[0], '/api/chat', stack.token({ sub: 'ann' }), { toUser: 'bob', content: 'by HTTP' });
	assert.deepEqual([byHttp.status, byHttp.json?.state], [200, 'stored'], byHttp.body);
	assertRefusedCall(await post(stack.edges[0], '/api/chat', stack.token({ sub: 'ann' }), { toUser: 'never-seen', content: 'x' }), 404, 1101);
	const bob = await stack.connect({ sub: 'bob', dev: 'd1', edge: 1 });
	for (const content of ['for later', 'by HTTP'])
		assert.equal((await bob.next('chat')).data.content, content);
});

function assertRefusedCall(answer, status, code) {
	assert.deepEqual([answer.status, answer.json?.code], [status, code], answer.body);
}

test('ws_chat_not_stored', async (t) => {
	const stack = await startStack(t);
	await met(stack, 'bob');
	const ann = await stack.connect({ sub: 'ann' });
	const token = stack.token({ sub: 'ann' });
	const sent = [];
	for (let i = 0; i < 3; i++) {
		const { data } = await ann.chat('bob', `by socket ${i}`);
		const { json } = await post(stack.edges[0], '/user/chat', token, { toUser: 'bob', content: `by HTTP ${i}` });
		assert.deepEqual([data.state, json?.state], ['stored', 'stored']);
		sent.push(`by socket ${i}`, `by HTTP ${i}`);
	}
	assert.equal((await inbox(stack, 'bob')).unacked, 6);
	await stack.router.kill();
	await stack.startRouter();
	assert.equal((await inbox(stack, 'bob')).unacked, 6, 'all of them are on disk');
	const bob = await eventually(async () => {
		const client = stack.client({ sub: 'bob', dev: 'd1' });
		return client.opened().catch(() => null);
	}, 'bob comes back');
	for (const [i, content] of sent.entries()) {
		const frame = await bob.next('chat');
		assert.deepEqual([frame.seq, frame.data.content], [i + 1, content]);
	}
});

test('expired_token_lives_forever', async (t) => {
	const stack = await startStack(t);
	const [edge] = stack.edges;
	const now = Math.floor(Date.now() / 1000);
	/* Good within the leeway of 30 s; closed 25 s after its end. */
	const token = stack.token({ sub: 'ann', iat: now - 3600, exp: now - 22 });
	const ann = await stack.connect({ token, dev: 'd1' });
	assert.ok((await ann.next('auth.expiring')).data.expires_in_ms <= 0);
	const plain = await stack.connect({ token, dev: 'd2', how: 'plain' });
	const bob = await stack.connect({ sub: 'bob' });
	for (const client of [ann, plain]) {
		const { code, reason } = await client.closed;
		assert.equal(code, TOKEN_EXPIRED);
		assert.match(reason, /^token_expired/);
	}
	await hasLeft(stack, 'ann');
	assert.equal((await bob.chat('ann', 'too late for that one')).data.state, 'stored');
	const over = stack.token({ sub: 'ann', iat: now - 3600, exp: now - 40 });
	assertRefused(await request(edge, { headers: bearer(over) }), 401, 4401);
	assertRefused(await post(edge, '/api/chat', over, { toUser: 'bob', content: 'x' }), 401, 4401);
	assertRefused(await post(edge, '/auth/refresh', over), 401, 4401);
});

test('token_swap_keeps_identity', async (t) => {
	const stack = await startStack(t, { edges: 1 });
	await stack.startEdge(['--swap', 'rebind']);
	const bob = await stack.connect({ sub: 'bob' });
	const heard = async () => {
		await bob.chat('bob', 'mark');
		const contents = [];
		for (;;) {
			const { data } = await bob.next('chat');
			if (data.content === 'mark')
				return contents;
			contents.push(`${data.fromUser}: ${data.content}`);
		}
	};
	const swaps = {
		'by reauth': (client, token) => client.send('reauth', { token }, { id: 'swap' }),
		'in a frame': (client, token) => client.send('chat', { toUserId: 'bob', message: 'with a token', token }, { id: 'swap' }),
	};
	/* A swap, and a chat that arrives before its answer. */
	const swapAndChat = async (client, swap) => {
		stack.auth.signal('SIGSTOP');
		try {
			swap(client, stack.token({ sub: 'eve' }));
			assert.equal((await client.chat('bob', 'meanwhile')).data.code, 1409);
		} finally {
			stack.auth.signal('SIGCONT');
		}
	};
	for (const [what, swap] of Object.entries(swaps)) {
		await t.test(`${what}: the connection is not the old user's any more, nor the new one's`, async () => {
			const client = await stack.connect({ sub: 'ann' });
			await swapAndChat(client, swap);
			const { code } = await client.closed;
			assert.equal(code, IDENTITY_MISMATCH);
			assert.deepEqual(client.frames.map(({ id, data }) => [id, data.code]), [['swap', 1403]]);
			assert.deepEqual(await heard(), []);
		});
		await t.test(`${what}, with --swap rebind: from identity on it is the new user's`, async () => {
			const client = await stack.connect({ sub: 'ann', edge: 1 });
			await swapAndChat(client, swap);
			assert.deepEqual((({ user, identity }) => [user, identity])((await client.next('identity')).data), ['eve', 2]);
			await client.next((frame) => frame.id === 'swap');
			assert.equal((await client.chat('bob', 'afterwards')).data.state, 'delivered');
			assert.equal((await client.heartbeat()).data.user, 'eve');
			assert.equal(await who(stack, 'ann'), undefined);
			const texts = await heard();
			assert.deepEqual(texts.filter((text) => !text.startsWith('eve: ')), []);
			assert.ok(texts.includes('eve: afterwards') && !texts.includes('eve: meanwhile'), `${texts}`);
			await client.close();
		});
	}
});

test('secrets_in_logs', async (t) => {
	/* The stack looks for the tokens in every log line of every daemon, which write all that they can (debug). */
	const origin = 'https://app.example';
	const stack = await startStack(t, { edge: ['--origins', origin, '--token-query', '--token-cookie'] });
	const [edge] = stack.edges;
	const token = await logIn(stack, edge);
	const bad = stack.token({ sub: 'ann' }, { secret: 'x'.repeat(40) });
	const tokens = { good: token, bad, long: stack.canary(`${'a'.repeat(3000)}.${'b'.repeat(60)}.${'c'.repeat(60)}`) };
	for (const value of Object.values(tokens)) {
		const places = [
			{ headers: bearer(value) },
			{ headers: { 'Sec-WebSocket-Protocol': `postern.v1, bearer.${value}` } },
			{ target: `/ws?token=${value}` },
			{ target: `/ws?ticket=${value}` },
			{ target: `/ws?dev=d1&sid=${value}` },
			{ target: `/${value}` },
			{ headers: { Cookie: `postern_token=${value}`, Origin: origin } },
			{ headers: { Cookie: `postern_token=${value}` } },
			{ headers: { Authorization: `Basic ${value}` } },
			{ headers: { [value.slice(0, 60).replaceAll('.', '-')]: value } },
			{ raw: `GET /ws HTTP/1.1\r\nAuthorization Bearer ${value}\r\n\r\n` },
			{ raw: `${value} /ws HTTP/1.1\r\n\r\n` },
		];
		for (const how of places)
			(await request(edge, how)).socket?.destroy();
		for (const target of ['/api/login', '/api/chat', '/api/push', '/auth/refresh', '/auth/ticket', '/auth/check'])
			await post(edge, target, value, `{"username":"${value.slice(0, 100)}","password":"${value.slice(-60)}","content":"${value}"`);
		const client = await stack.connect({ sub: 'ann' });
		client.send('reauth', { token: value }, { id: 1 });
		await client.next((frame) => frame.id === 1).catch(() => {});
		client.drop();
		const other = await stack.connect({ sub: 'ann' });
		other.send(value.slice(-60), { token: value });
		other.raw(`{"event":"chat","data":{"token":"${value}"`);
		other.raw(`{"event":"heartbeat","data":{},"${value}":1}`);
		await other.next('exception');
		other.drop();
		await stack.run('authctl', 'check', value);
	}
	const { json } = await post(edge, '/auth/ticket', token);
	stack.canary(`once.${json.ticket}`);
	(await request(edge, { target: `/ws?ticket=${json.ticket}` })).socket?.destroy();
	assertRefused(await request(edge, { target: `/ws?ticket=${json.ticket}` }), 401, 4401);
	assert.equal((await post(edge, '/auth/logout', token)).status, 204);
	for (const daemon of [stack.auth, stack.router, edge])
		assert.ok(daemon.lines.length > 0, `${daemon.name} logs`);
});

test('sid_skips_auth', async (t) => {
	const stack = await startStack(t);
	const [edge] = stack.edges;
	const ann = await stack.connect({ sub: 'ann' });
	const [{ sessions }] = await stack.json('routerctl', 'user', 'ann');
	const names = ['x', ann.ready.data.conn, sessions[0].session];
	const forged = bearer(stack.token({ sub: 'ann' }, { secret: randomBytes(32) }));
	const doors = [['/ws?', true], ['/socket.io/?EIO=4&transport=websocket&', true], ['/socket.io/?EIO=4&transport=polling&', false]];
	for (const [door, upgrade] of doors) {
		await t.test(door, async () => {
			for (const headers of [{}, forged]) {
				for (const method of upgrade ? ['GET'] : ['GET', 'POST']) {
					const ask = (target) => request(edge, { target, headers, upgrade, method, body: method === 'POST' ? '42["chat",{}]' : '' });
					const without = await ask(door);
					assert.ok(without.status >= 400, `${without.status}`);
					for (const sid of names) {
						const answer = await ask(`${door}sid=${sid}`);
						assert.deepEqual([answer.status, answer.body], [without.status, without.body]);
					}
				}
			}
		});
	}
	assert.equal((await stack.json('routerctl', 'who')).length, 1);
	assert.deepEqual(ann.frames, []);
	assert.equal((await ann.heartbeat()).data.user, 'ann');
});
