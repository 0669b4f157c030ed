import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, eventually, inParallel, request, startStack } from './stack.js';

const APP = 'https://app.example';
const bearer = (token) => ({ Authorization: `Bearer ${token}` });

/* A POST; body may be a string that is no JSON. */
const post = (edge, target, { token, body = '', headers = {} } = {}) => request(edge, {
	method: 'POST',
	target,
	upgrade: false,
	body: typeof body === 'string' ? body : JSON.stringify(body),
	headers: { 'Content-Type': 'application/json', ...(body === '' && { 'Content-Length': '0' }), ...(token && bearer(token)), ...headers },
});

/* An exception as an HTTP answer. */
function assertException(answer, status, code, field) {
	assert.equal(answer.status, status, answer.body);
	assert.equal(answer.json?.code, code, answer.body);
	assert.equal(answer.json.field, field, answer.body);
	assert.equal(answer.headers['content-length'], String(Buffer.byteLength(answer.body)));
	assert.equal(answer.headers['cache-control'], 'no-store');
	assert.equal(answer.json.retry === 'after', answer.json.after_ms > 0, answer.body);
	if (answer.json.retry === 'after')
		assert.match(answer.headers['retry-after'] ?? '', /^[1-9]\d*$/);
}

test('the HTTP API', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const [edge, other] = stack.edges;
	const ann = stack.token({ sub: 'ann' });
	const bob = await stack.connect({ edge: 1, sub: '7' });
	const pusher = stack.token({ sub: 'svc', scope: 'push' });

	await t.test('chat reaches a connection on another edge, on both paths', async () => {
		for (const [i, target] of ['/api/chat', '/user/chat'].entries()) {
			const toUser = i === 0 ? 7 : '7';
			const answer = await post(edge, target, { token: ann, body: { toUser, content: `hé ${i}` } });
			assert.equal(answer.status, 200, answer.body);
			assert.equal(answer.json.state, 'delivered');
			assert.equal(answer.json.devices, 1);
			assert.ok(answer.json.mid.length > 0 && answer.json.seq > 0, answer.body);
			const frame = await bob.next('chat');
			assert.deepEqual(frame.data, { fromUser: 'ann', content: `hé ${i}` });
			assert.equal(frame.mid, answer.json.mid);
		}
	});

	await t.test('chat to somebody who is away is stored', async () => {
		const carl = await stack.connect({ edge: 1, sub: 'carl' });
		await carl.close();
		await eventually(async () => (await stack.json('routerctl', 'who')).every((line) => line.user !== 'carl'), 'carl has left');
		const answer = await post(edge, '/api/chat', { token: ann, body: { toUser: 'carl', content: 'later' } });
		assert.equal(answer.status, 200, answer.body);
		assert.equal(answer.json.state, 'stored');
		const again = await stack.connect({ edge: 0, sub: 'carl' });
		assert.equal((await again.next('chat')).data.content, 'later');
		await again.close();
	});

	await t.test('the sender sees his message on his own connections, and is nowhere as a session', async () => {
		const desk = await stack.connect({ edge: 1, sub: 'ann' });
		const answer = await post(edge, '/api/chat', { token: ann, body: { toUser: 7, content: 'both' } });
		const carbon = await desk.next((frame) => frame.mid === answer.json.mid);
		assert.equal(carbon.carbon, true);
		assert.equal(carbon.seq, answer.json.seq);
		const [user] = await stack.json('routerctl', 'user', 'ann');
		assert.equal(user.sessions.length, 1);
		await bob.next('chat');
		await desk.close();
	});

	await t.test('an Idempotency-Key sends once, through whatever edge', async () => {
		const body = { toUser: 7, content: 'once' };
		const headers = { 'Idempotency-Key': 'order:17' };
		const first = await post(edge, '/api/chat', { token: ann, body, headers });
		assert.equal(first.json.mid, 'order:17', first.body);
		assert.equal(first.json.state, 'delivered');
		for (const at of [edge, other]) {
			const again = await post(at, '/api/chat', { token: ann, body, headers });
			assert.equal(again.status, 200, again.body);
			assert.equal(again.json.mid, 'order:17');
			assert.equal(again.json.state, 'duplicate');
			assert.equal(again.json.first, 'delivered');
		}
		const reused = await post(edge, '/api/chat', { token: ann, body: { toUser: 7, content: 'twice' }, headers });
		assertException(reused, 409, 1410, 'Idempotency-Key');
		assert.equal((await bob.next('chat')).data.content, 'once');
		await bob.heartbeat();
		assert.deepEqual(bob.frames, []);
		for (const key of ['', 'a b', '"quoted"', 'x'.repeat(65), ['a', 'a']]) {
			const bad = await post(edge, '/api/chat', { token: ann, body, headers: { 'Idempotency-Key': key } });
			assertException(bad, 400, 1004, 'Idempotency-Key');
		}
	});

	await t.test('push goes to one user or to all, with the scope alone', async () => {
		const one = await post(edge, '/api/push', { token: pusher, body: { user: '7', event: 'news', data: { n: 1 } } });
		assert.equal(one.status, 200, one.body);
		assert.deepEqual((await bob.next('news')).data, { n: 1 });
		const all = await post(edge, '/api/push', { token: pusher, body: { all: true, event: 'news', data: [2] } });
		assert.equal(all.status, 200, all.body);
		const frame = await bob.next('news');
		assert.deepEqual(frame.data, [2]);
		assert.equal(frame.st, 's');
		assertException(await post(edge, '/api/push', { token: ann, body: { all: true, event: 'news', data: 1 } }), 403, 1404, undefined);
		const key = { 'Idempotency-Key': 'push:1' };
		const body = { user: '7', event: 'news', data: 3 };
		assert.equal((await post(edge, '/api/push', { token: pusher, body, headers: key })).status, 200);
		assert.equal((await post(other, '/api/push', { token: pusher, body, headers: key })).json.state, 'duplicate');
		assert.equal((await bob.next('news')).data, 3);
		await bob.heartbeat();
		assert.deepEqual(bob.frames, []);
	});

	await t.test('refuses what is wrong by its name', async () => {
		const chat = (body) => post(edge, '/api/chat', { token: ann, body });
		for (const body of [undefined, '', 'x', '[]', 'null', '{"toUser":7', '{"toUser":7,"toUser":8,"content":"x"}'])
			assertException(await chat(body), 400, 1004, undefined);
		assertException(await chat({ content: 'x' }), 400, 1004, 'toUser');
		assertException(await chat({ toUser: 'a b', content: 'x' }), 400, 1004, 'toUser');
		assertException(await chat({ toUser: 7.5, content: 'x' }), 400, 1004, 'toUser');
		assertException(await chat({ toUser: 7, content: 1 }), 400, 1004, 'content');
		assertException(await chat({ toUser: 7, content: 'x'.repeat(16385) }), 413, 1005, 'content');
		/* Just after its start the router calls offline whom it does not know. */
		const unknown = await eventually(async () => {
			const answer = await chat({ toUser: 'nobody-ever', content: 'x' });
			return answer.status !== 409 && answer;
		}, 'the router knows who is there');
		assertException(unknown, 404, 1101, undefined);
		const push = (body) => post(edge, '/api/push', { token: pusher, body });
		assertException(await push({ event: 'news', data: 1 }), 400, 1004, 'user');
		assertException(await push({ user: '7', all: true, event: 'news', data: 1 }), 400, 1004, 'all');
		assertException(await push({ all: true, event: 'chat', data: 1 }), 400, 1004, 'event');
		assertException(await push({ all: true, event: 'news' }), 400, 1004, 'data');
		const reader = stack.token({ sub: 'ann', scope: 'read-only' });
		assertException(await post(edge, '/api/chat', { token: reader, body: { toUser: 7, content: 'x' } }), 403, 1404, undefined);
		await bob.heartbeat();
		assert.deepEqual(bob.frames, []);
	});

	await t.test('refuses methods, lengths and tokens before it reads a body', async () => {
		for (const target of ['/api/chat', '/user/chat', '/api/push', '/auth/refresh', '/auth/logout', '/auth/ticket']) {
			const get = await request(edge, { target, upgrade: false, headers: bearer(ann) });
			assertRefused(get, 405, 4001);
			assert.equal(get.headers.allow, 'POST, OPTIONS');
			assertRefused(await post(edge, target, { body: '{}' }), 401, 4401);
			assertRefused(await post(edge, target, { token: stack.token({ sub: 'ann' }, { secret: 'x'.repeat(40) }), body: { toUser: 7, content: 'x', all: true, event: 'e', data: 1 } }), 401, 4401);
		}
		assertRefused(await post(edge, '/api/chat', { token: ann, headers: { 'Content-Length': undefined } }), 400, 4001);
		assertRefused(await post(edge, '/api/chat', { token: ann, headers: { 'Content-Length': '65537' } }), 413, 4001);
		assertRefused(await request(edge, { method: 'POST', target: '/api/chat', upgrade: false, headers: { ...bearer(ann), 'Transfer-Encoding': 'chunked' } }), 501, 4001);
	});

	await t.test('many at a time are carried out or told to wait', async () => {
		const answers = await inParallel(200, 40, (i) => post(edge, '/api/chat', { token: stack.token({ sub: `w${i % 2}` }), body: { toUser: 7, content: String(i) } }));
		const sent = answers.filter((answer) => answer.status === 200).length;
		for (const answer of answers.filter(({ status }) => status !== 200)) {
			assertRefused(answer, 429, 4129);
			assert.equal(answer.json.name, 'rate_limited');
		}
		const got = new Set();
		while (got.size < sent)
			got.add((await bob.next('chat')).data.content);
		assert.ok(sent >= 32, `${sent} of 200 were sent`);
	});
	await bob.close();
});

test('the HTTP API without auth or router', async (t) => {
	const stack = await startStack(t, { logLevel: 'info' });
	const [edge] = stack.edges;
	const token = stack.token({ sub: 'ann' });
	const chat = () => post(edge, '/api/chat', { token, body: { toUser: 'ann', content: 'x' } });
	await (await stack.connect({ sub: 'ann' })).close();
	assert.equal((await chat()).status, 200);

	await t.test('auth away: 503', async () => {
		stack.auth.signal('SIGSTOP');
		try {
			/* Auth may still carry out what it finds when it wakes up, so each has a token of its own. */
			const asks = ['refresh', 'logout', 'ticket'].map((name) => post(edge, `/auth/${name}`, { token: stack.token({ sub: 'ann' }) }));
			const answers = await Promise.all([chat(), ...asks]);
			for (const answer of answers)
				assertRefused(answer, 503, 4200);
		} finally {
			stack.auth.signal('SIGCONT');
		}
		await eventually(async () => (await chat()).status === 200, 'auth is back');
	});

	await t.test('a stopped router: 503 with the same key to try again, and nothing is left', async () => {
		stack.router.signal('SIGSTOP');
		let answer;
		try {
			answer = await post(edge, '/api/chat', { token, body: { toUser: 'ann', content: 'held' }, headers: { 'Idempotency-Key': 'held' } });
		} finally {
			stack.router.signal('SIGCONT');
		}
		assert.equal(answer.status, 503, answer.body);
		assert.ok([1503, 4131].includes(answer.json.code), answer.body);
		const again = await eventually(async () => {
			const second = await post(edge, '/api/chat', { token, body: { toUser: 'ann', content: 'held' }, headers: { 'Idempotency-Key': 'held' } });
			return second.status === 200 && second;
		}, 'the router is back');
		assert.ok(['stored', 'duplicate'].includes(again.json.state), again.body);
	});

	await t.test('no router: 503', async () => {
		await stack.router.kill();
		await eventually(async () => (await request(edge, { target: '/readyz', upgrade: false })).status === 503, 'the edge has seen it');
		assertRefused(await chat(), 503, 4131);
		await stack.startRouter();
		await eventually(async () => (await chat()).status === 200, 'the router is back');
	});

	await t.test('a draining edge refuses calls', async () => {
		const held = await stack.connect({ sub: 'ann' });
		held.ws.pause();
		edge.signal('SIGTERM');
		await edge.log(/ draining /);
		const answer = await chat().catch((error) => error);
		if (!(answer instanceof Error))
			assertRefused(answer, 503, 4202);
		held.drop();
	});
});

test('CORS', async (t) => {
	const stack = await startStack(t, { edge: ['--origins', `${APP},http://localhost:3000`] });
	const [edge] = stack.edges;
	const token = stack.token({ sub: 'ann' });
	const targets = ['/api/login', '/api/chat', '/user/chat', '/api/push', '/auth/refresh', '/auth/logout', '/auth/ticket'];
	const preflight = (target, origin) => request(edge, {
		method: 'OPTIONS', target, upgrade: false,
		headers: { Origin: origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization,idempotency-key' },
	});

	await t.test('a preflight of a listed Origin is answered for it', async () => {
		for (const target of targets) {
			const answer = await preflight(target, APP);
			assert.equal(answer.status, 204);
			assert.equal(answer.headers['access-control-allow-origin'], APP);
			assert.equal(answer.headers['access-control-allow-methods'], 'POST, OPTIONS');
			assert.equal(answer.headers['access-control-allow-headers'], 'authorization, content-type, idempotency-key');
			assert.equal(answer.headers['access-control-allow-credentials'], undefined);
			assert.equal(answer.headers.vary, 'Origin');
		}
	});

	await t.test('a foreign Origin gets 403 and nothing to read it by', async () => {
		for (const target of targets) {
			for (const origin of ['https://evil.example', 'null', `${APP}.evil.example`]) {
				for (const answer of [await preflight(target, origin), await post(edge, target, { token, headers: { Origin: origin } })]) {
					assertRefused(answer, 403, 4003);
					assert.equal(answer.headers['access-control-allow-origin'], undefined);
				}
			}
		}
	});

	await t.test('answers and errors can be read by a listed Origin', async () => {
		const headers = { Origin: APP };
		const good = await post(edge, '/auth/ticket', { token, headers });
		assert.equal(good.status, 200, good.body);
		stack.canary(good.json.ticket);
		for (const answer of [good, await post(edge, '/api/chat', { token, body: '{}', headers }), await post(edge, '/api/chat', { body: '{}', headers })]) {
			assert.equal(answer.headers['access-control-allow-origin'], APP);
			assert.equal(answer.headers.vary, 'Origin');
		}
	});
});
