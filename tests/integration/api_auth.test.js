import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertRefused, eventually, LONG, request, startStack } from './stack.js';

const APP = 'https://app.example';
const OTHER = 'https://other.example';
const EVIL = 'https://evil.example';
const bearer = (token) => ({ Authorization: `Bearer ${token}` });
const cookie = (token) => ({ Cookie: `a=b; postern_token=${token}` });
const NATIVE = { 'Sec-WebSocket-Protocol': 'postern.v1' };

const post = (edge, target, headers) => request(edge, { method: 'POST', target, upgrade: false, headers: { 'Content-Length': '0', ...headers } });
const check = (edge, headers, query = '') => request(edge, { target: `/auth/check${query}`, upgrade: false, headers });
const chat = (edge, headers, query = '') => request(edge, {
	method: 'POST', target: `/api/chat${query}`, upgrade: false, headers, body: JSON.stringify({ toUser: 'ann', content: 'x' }),
});

/* An upgrade; the socket that a 101 opened is closed again. */
async function upgrade(edge, headers, query = '') {
	const answer = await request(edge, { target: `/ws${query}`, headers: { ...NATIVE, ...headers } });
	answer.socket?.destroy();
	return answer;
}

const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

async function order(stack, edge, headers) {
	const answer = await post(edge, '/auth/ticket', headers);
	assert.equal(answer.status, 200, answer.body);
	assert.deepEqual(Object.keys(answer.json), ['ticket', 'expires_in_ms']);
	assert.match(answer.json.ticket, /^[A-Za-z0-9_-]{43}$/);
	assert.ok(answer.json.expires_in_ms > 0 && answer.json.expires_in_ms <= 30000);
	return stack.canary(answer.json.ticket);
}

test('one-time tickets', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const [edge, other] = stack.edges;
	const headers = bearer(stack.token({ sub: 'ann' }));

	await t.test('open one connection of that user, through whatever edge', async () => {
		const ticket = await order(stack, edge, headers);
		const answer = await upgrade(other, {}, `?ticket=${ticket}`);
		assert.equal(answer.status, 101, answer.body);
		for (const at of [edge, other])
			assertRefused(await upgrade(at, {}, `?ticket=${ticket}`), 401, 4401);
	});

	await t.test('stand for a token in a check and in a call', async () => {
		assert.equal((await check(edge, {}, `?ticket=${await order(stack, edge, headers)}`)).status, 204);
		const ticket = await order(stack, edge, headers);
		assert.equal((await chat(edge, {}, `?ticket=${ticket}`)).status, 200);
		assertRefused(await chat(edge, {}, `?ticket=${ticket}`), 401, 4401);
		const again = await order(stack, edge, headers);
		for (const name of ['refresh', 'logout', 'ticket'])
			assertRefused(await post(edge, `/auth/${name}?ticket=${again}`, {}), 401, 4401);
	});

	await t.test('are good only from the Origin that asked for them, and gone after a try from another', async () => {
		for (const [from, to] of [[APP, EVIL], [APP, undefined], [undefined, APP]]) {
			const ticket = await order(stack, edge, { ...headers, Origin: from });
			assertRefused(await upgrade(edge, { Origin: to }, `?ticket=${ticket}`), 401, 4401);
			assertRefused(await upgrade(edge, { Origin: from }, `?ticket=${ticket}`), 401, 4401);
		}
		const ticket = await order(stack, edge, { ...headers, Origin: APP });
		assert.equal((await upgrade(edge, { Origin: APP }, `?ticket=${ticket}`)).status, 101);
	});

	await t.test('beside a token are two tokens', async () => {
		const ticket = await order(stack, edge, headers);
		assertRefused(await upgrade(edge, headers, `?ticket=${ticket}`), 400, 4001);
		assert.equal((await upgrade(edge, {}, `?ticket=${ticket}`)).status, 101, 'and the ticket was not used up');
	});

	await t.test('that are none are a 401', async () => {
		for (const ticket of ['', 'x', 'A'.repeat(43), 'A'.repeat(44), `${'A'.repeat(42)}%41`, `${'A'.repeat(42)}.`])
			assertRefused(await upgrade(edge, {}, `?ticket=${ticket}`), 401, 4401);
	});

	await t.test('are made for good tokens alone', async () => {
		const now = Math.floor(Date.now() / 1000);
		for (const token of [stack.token({ sub: 'ann', exp: now - 3600 }), stack.token({ sub: 'ann' }, { secret: 'x'.repeat(40) })])
			assertRefused(await post(edge, '/auth/ticket', bearer(token)), 401, 4401);
	});

	await t.test('end after 30 s', { skip: !LONG && 'POSTERN_LONG' }, async () => {
		const ticket = await order(stack, edge, headers);
		await sleep(30500);
		assertRefused(await upgrade(edge, {}, `?ticket=${ticket}`), 401, 4401);
	});

	await t.test('end with a restart of auth', async () => {
		const ticket = await order(stack, edge, headers);
		await stack.auth.kill();
		await stack.startAuth();
		await eventually(async () => (await check(edge, headers)).status === 204, 'auth is back');
		assertRefused(await upgrade(edge, {}, `?ticket=${ticket}`), 401, 4401);
	});
});

test('one-time tickets can be switched off', async (t) => {
	const stack = await startStack(t, { edge: ['--token-ticket=off'] });
	const [edge] = stack.edges;
	const ticket = await order(stack, edge, bearer(stack.token({ sub: 'ann' })));
	assertRefused(await upgrade(edge, {}, `?ticket=${ticket}`), 401, 4401);
});

test('refresh and logout', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const [edge, other] = stack.edges;
	const now = Math.floor(Date.now() / 1000);

	async function refresh(token) {
		const answer = await post(edge, '/auth/refresh', bearer(token));
		assert.equal(answer.status, 200, answer.body);
		assert.deepEqual(Object.keys(answer.json), ['access_token']);
		return stack.canary(answer.json.access_token);
	}

	async function login() {
		const answer = await request(edge, { method: 'POST', target: '/api/login', upgrade: false, body: '{"username":"jim","password":"123456"}' });
		assert.equal(answer.status, 200, answer.body);
		return stack.canary(answer.json.access_token);
	}

	await t.test('a refreshed token is of the same login and opens the door', async () => {
		const first = await login();
		const second = await refresh(first);
		assert.equal(claims(second).sub, claims(first).sub);
		assert.equal(claims(second).jti, claims(first).jti);
		assert.equal(claims(second).auth_time, claims(first).auth_time);
		for (const token of [first, second]) {
			const client = await stack.connect({ token });
			assert.equal(client.ready.data.user, '1');
			await client.close();
		}
		assert.equal(claims(await refresh(second)).auth_time, claims(first).auth_time);
	});

	await t.test('24 h after the login it is over', async () => {
		const fresh = stack.token({ sub: '1', auth_time: now - 23 * 3600 });
		assert.equal(claims(await refresh(fresh)).auth_time, now - 23 * 3600);
		for (const auth_time of [now - 24 * 3600 - 1, now + 3600, -1, 'yesterday'])
			assertRefused(await post(edge, '/auth/refresh', bearer(stack.token({ sub: '1', auth_time }))), 401, 4401);
	});

	await t.test('a token of authctl, or of anybody else, is good and is not prolonged', async () => {
		const made = await stack.run('authctl', 'token', '--sub', '1', '--ttl', '60s');
		assert.equal(made.code, 0, made.stderr);
		for (const token of [stack.canary(made.stdout.trim()), stack.token({ sub: '1' })]) {
			assert.equal((await check(edge, bearer(token))).status, 204);
			assertRefused(await post(edge, '/auth/refresh', bearer(token)), 401, 4401);
		}
	});

	await t.test('a log out voids the token and its siblings, and closes their connections on every edge', async () => {
		const first = await login();
		const second = await refresh(first);
		const [a, b, c] = await Promise.all([stack.connect({ edge, token: first }), stack.connect({ edge: other, token: first }), stack.connect({ edge: other, token: second })]);
		const apart = await stack.connect({ edge: other, token: await login() });
		assert.equal((await post(edge, '/auth/logout', bearer(second))).status, 204);
		for (const client of [a, b, c])
			assert.equal((await client.closed).code, 4410);
		for (const token of [first, second]) {
			assertRefused(await upgrade(edge, bearer(token)), 401, 4401);
			assertRefused(await check(other, bearer(token)), 401, 4401);
			assertRefused(await chat(edge, bearer(token)), 401, 4401);
			for (const name of ['refresh', 'logout', 'ticket'])
				assertRefused(await post(edge, `/auth/${name}`, bearer(token)), 401, 4401);
		}
		await apart.heartbeat();
		await apart.close();
	});

	await t.test('a ticket that was ordered before the log out opens nothing', async () => {
		const token = await login();
		const ticket = await order(stack, edge, bearer(token));
		assert.equal((await post(edge, '/auth/logout', bearer(token))).status, 204);
		assertRefused(await upgrade(edge, {}, `?ticket=${ticket}`), 401, 4401);
	});

	await t.test('bodies are not wanted and not minded', async () => {
		const answer = await request(edge, { method: 'POST', target: '/auth/refresh', upgrade: false, headers: bearer(await login()), body: '{}' });
		assert.equal(answer.status, 200, answer.body);
		stack.canary(answer.json.access_token);
	});
});

test('tokens in cookies and in the query', async (t) => {
	const stack = await startStack(t, { edge: ['--token-cookie', '--token-query', '--origins', `${APP},${OTHER}`] });
	const [edge] = stack.edges;
	const token = stack.token({ sub: 'ann' });
	const logout = (headers) => post(edge, '/auth/logout', headers);

	await t.test('a cookie counts beside an Origin of the list', async () => {
		for (const Origin of [APP, OTHER]) {
			assert.equal((await upgrade(edge, { ...cookie(token), Origin })).status, 101);
			assert.equal((await check(edge, { ...cookie(token), Origin })).status, 204);
			const answer = await chat(edge, { ...cookie(token), Origin });
			assert.equal(answer.status, 200, answer.body);
			assert.equal(answer.headers['access-control-allow-origin'], Origin);
			assert.equal(answer.headers['access-control-allow-credentials'], 'true');
			await order(stack, edge, { ...cookie(token), Origin });
		}
	});

	await t.test('without one, or beside a foreign one, it is a 403 everywhere', async () => {
		for (const origin of [{}, { Origin: EVIL }, { Origin: 'null' }, { Origin: `${APP}.evil.example` }]) {
			const headers = { ...cookie(token), ...origin };
			for (const ask of [upgrade, check, chat, (at, h) => post(at, '/auth/refresh', h), (at, h) => post(at, '/auth/ticket', h), (_, h) => logout(h)])
				assertRefused(await ask(edge, headers), 403, 4003);
		}
		assert.equal((await check(edge, bearer(token))).status, 204, 'nobody was logged out');
	});

	await t.test('two of that name, or two places, with different bytes are a 400', async () => {
		const second = stack.token({ sub: 'ann' });
		const Origin = APP;
		assertRefused(await upgrade(edge, { Cookie: `postern_token=${token}; postern_token=${second}`, Origin }), 400, 4001);
		assertRefused(await upgrade(edge, { ...cookie(token), ...bearer(second), Origin }), 400, 4001);
		assertRefused(await upgrade(edge, { ...cookie(token), Origin }, `?token=${second}`), 400, 4001);
		assertRefused(await upgrade(edge, bearer(second), `?token=${token}`), 400, 4001);
		assert.equal((await upgrade(edge, { ...cookie(token), ...bearer(token), Origin }, `?token=${token}`)).status, 101);
		assert.equal((await upgrade(edge, { ...cookie(token), ...bearer(token) })).status, 101);
	});

	await t.test('a query token opens the door and is in no log', async () => {
		assert.equal((await upgrade(edge, {}, `?token=${token}`)).status, 101);
		assert.equal((await check(edge, {}, `?token=${token}`)).status, 204);
		assertRefused(await upgrade(edge, {}, `?token=${token}x`), 401, 4401);
	});
});

test('cookies and queries are not read by default', async (t) => {
	const stack = await startStack(t, { edge: ['--origins', APP] });
	const [edge] = stack.edges;
	const token = stack.token({ sub: 'ann' });
	assertRefused(await upgrade(edge, {}, `?token=${token}`), 401, 4401);
	assertRefused(await upgrade(edge, { ...cookie(token), Origin: APP }), 401, 4401);
	assert.equal((await upgrade(edge, { ...cookie(stack.token({ sub: 'bob' })), ...bearer(token) })).status, 101);
	const { code, stderr } = await stack.run('postern-edge', '--token-cookie');
	assert.equal(code, 78);
	assert.match(stderr, /^postern-edge: --token-cookie without --origins[^\n]*\n$/);
});
