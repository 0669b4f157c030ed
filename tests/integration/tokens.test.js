import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { assertRefused, request, startStack } from './stack.js';

const bearer = (token) => ({ Authorization: `Bearer ${token}` });
const PATHS = ['/ws', '/ws?dev=d1', '/auth/check'];

/* On /auth/check the same refusals are given to a plain GET. */
const ask = (edge, target, headers) => request(edge, { target, headers, upgrade: target !== '/auth/check' });

test('tokens at the door', async (t) => {
	const stack = await startStack(t);
	const [edge] = stack.edges;
	const now = Math.floor(Date.now() / 1000);

	await t.test('a valid token gets the 101 and ready, in each place where it may travel', async () => {
		for (const how of ['header', 'protocol']) {
			const client = await stack.connect({ sub: '7', how, dev: 'd1' });
			assert.equal(client.ws.protocol, 'postern.v1');
			assert.equal(client.ready.data.user, '7');
			assert.equal(client.ready.data.device, 'd1');
			assert.equal(client.ready.data.heartbeat.interval_ms, 25000);
			await client.close();
		}
		const plain = await stack.connect({ sub: '7', how: 'plain' });
		assert.equal(plain.ws.protocol, '');
		assert.equal((await plain.heartbeat()).data.user, 7);
		const answer = await request(edge, { target: '/auth/check', upgrade: false, headers: bearer(stack.token({ sub: '7' })) });
		assert.equal(answer.status, 204);
	});

	await t.test('the scheme is taken in any case', async () => {
		const answer = await request(edge, { headers: { authorization: `bEARER ${stack.token({ sub: '7' })}` } });
		assert.equal(answer.status, 101);
		answer.socket.destroy();
	});

	const good = stack.token({ sub: '7' });
	const [head, body, signature] = good.split('.');
	const flip = (part) => (part[4] === 'A' ? 'B' : 'A');
	const bad = {
		'no token': {},
		'an empty bearer': { Authorization: 'Bearer ' },
		'the word alone': { Authorization: 'Bearer' },
		'blanks behind it': { Authorization: 'Bearer    ' },
		'another scheme': { Authorization: `Basic ${good}` },
		'not a token': bearer('hello'),
		'two parts': bearer(`${head}.${body}`),
		'four parts': bearer(`${good}.${signature}`),
		'dots alone': bearer('..'),
		'an expired token': bearer(stack.token({ sub: '7', iat: now - 7200, exp: now - 3600 })),
		'a token not valid yet': bearer(stack.token({ sub: '7', nbf: now + 3600 })),
		'a token without exp': bearer(stack.token({ sub: '7', exp: undefined })),
		'exp as a string': bearer(stack.token({ sub: '7', exp: String(now + 3600) })),
		'a token without sub': bearer(stack.token({})),
		'a sub outside the character set': bearer(stack.token({ sub: 'a b' })),
		'another issuer': bearer(stack.token({ sub: '7', iss: 'somebody' })),
		'an audience that is not ours': bearer(stack.token({ sub: '7', aud: 'elsewhere' })),
		'a forged signature (another secret)': bearer(stack.token({ sub: '7' }, { secret: randomBytes(32).toString('hex') })),
		'a flipped bit in the signature': bearer(`${head}.${body}.${signature.slice(0, 4)}${flip(signature)}${signature.slice(5)}`),
		'a flipped bit in the claims': bearer(`${head}.${body.slice(0, 4)}${flip(body)}${body.slice(5)}.${signature}`),
		'alg none': bearer(stack.token({ sub: '7' }, { header: { alg: 'none' } })),
		'alg none, no signature': bearer(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`),
		'an alg that is not the key\'s': bearer(stack.token({ sub: '7' }, { header: { alg: 'HS512' } })),
		'an unknown kid': bearer(stack.token({ sub: '7' }, { header: { kid: '../../etc/passwd' } })),
		'unknown crit': bearer(stack.token({ sub: '7' }, { header: { crit: ['x'] } })),
		'an empty bearer in the subprotocols': { 'Sec-WebSocket-Protocol': 'postern.v1, bearer.' },
		'a forged one in the subprotocols': {
			'Sec-WebSocket-Protocol': `postern.v1, bearer.${stack.token({ sub: '7' }, { secret: 'x'.repeat(40) })}`,
		},
	};
	for (const [what, headers] of Object.entries(bad)) {
		await t.test(`401 before any 101, on every path: ${what}`, async () => {
			let first;
			for (const target of PATHS) {
				const answer = await ask(edge, target, headers);
				assertRefused(answer, 401, 4401);
				first ??= answer.body;
				assert.equal(answer.body, first, 'one body for all of them');
			}
		});
	}

	await t.test('an empty bearer is answered at once, with auth stopped', async () => {
		stack.auth.signal('SIGSTOP');
		try {
			for (const target of PATHS) {
				const answer = await ask(edge, target, { Authorization: 'Bearer ' });
				assertRefused(answer, 401, 4401);
				assert.ok(answer.ms < 1500, `${answer.ms} ms`);
			}
		} finally {
			stack.auth.signal('SIGCONT');
		}
	});

	await t.test('a token in two places with different bytes is a 400', async () => {
		const answer = await request(edge, {
			headers: { ...bearer(good), 'Sec-WebSocket-Protocol': `postern.v1, bearer.${stack.token({ sub: '7' })}` },
		});
		assertRefused(answer, 400, 4001);
	});

	await t.test('a token in the query is not read', async () => {
		assertRefused(await request(edge, { target: `/ws?token=${good}` }), 401, 4401);
	});

	await t.test('other refusals come before the 101 too', async () => {
		const with_token = bearer(good);
		const table = [
			[404, 4001, { target: '/elsewhere' }],
			[405, 4001, { method: 'POST' }],
			[426, 4001, { headers: { Upgrade: undefined, Connection: 'close' } }],
			[400, 4001, { headers: { 'Sec-WebSocket-Key': 'short' } }],
			[400, 4001, { headers: { 'Sec-WebSocket-Version': '1337' } }],
			[400, 4001, { headers: { 'Sec-WebSocket-Key': [randomBytes(16).toString('base64'), randomBytes(16).toString('base64')] } }],
			[400, 4001, { target: '/ws?dev=a%20b' }],
			[400, 4001, { body: 'bytes after the blank line' }],
			[431, 4001, { headers: { 'X-Long': 'x'.repeat(9000) } }],
		];
		for (const [status, code, { headers, ...rest }] of table) {
			const answer = await request(edge, { ...rest, headers: { ...with_token, ...headers } });
			assertRefused(answer, status, code);
		}
		assertRefused(await request(edge, { raw: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' }), 400, 4001);
		assertRefused(await request(edge, { raw: 'GET /ws HTTP/2.0\r\nHost: x\r\n\r\n' }), 505, 4001);
	});

	await t.test('a token that authctl made opens the door, and authctl check agrees with the door', async () => {
		const made = await stack.run('authctl', 'token', '--sub', '7', '--ttl', '5min');
		assert.equal(made.code, 0, made.stderr);
		const token = stack.canary(made.stdout.trim());
		const client = await stack.connect({ token });
		assert.equal(client.ready.data.user, '7');
		assert.equal((await stack.run('authctl', 'check', token)).code, 0);
		const forged = stack.token({ sub: '7' }, { secret: 'y'.repeat(40) });
		assert.notEqual((await stack.run('authctl', 'check', forged)).code, 0);
	});
});

test('with a list of origins', async (t) => {
	const stack = await startStack(t, { edge: ['--origins', 'https://app.example'] });
	const [edge] = stack.edges;
	const ask_from = (Origin) => request(edge, { headers: { ...bearer(stack.token({ sub: '7' })), Origin } });

	await t.test('that one, and clients that are no browser, come in', async () => {
		for (const origin of ['https://app.example', undefined]) {
			const answer = await ask_from(origin);
			assert.equal(answer.status, 101, origin);
			answer.socket.destroy();
		}
	});
	await t.test('others are refused with 403', async () => {
		for (const origin of ['https://evil.example', 'null', 'https://app.example.evil.example', 'https://xapp.example',
			'http://app.example', 'https://app.example:444', 'https://app.example@evil.example', 'https://app.example.'])
			assertRefused(await ask_from(origin), 403, 4003);
	});
});
