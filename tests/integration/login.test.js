import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, quantile, request, startStack } from './stack.js';

const login = (edge, username, password, target = '/api/login') =>
	request(edge, { method: 'POST', target, upgrade: false, body: JSON.stringify({ username, password }), headers: { 'Content-Type': 'application/json' } });

test('login', async (t) => {
	const stack = await startStack(t);
	const [edge] = stack.edges;

	await t.test('gives a token that opens the door, on both paths', async () => {
		for (const target of ['/api/login', '/user/login']) {
			const answer = await login(edge, 'jim', '123456', target);
			assert.equal(answer.status, 200, answer.body);
			const client = await stack.connect({ token: stack.canary(answer.json.access_token) });
			assert.equal(client.ready.data.user, '1');
			await client.close();
		}
	});

	await t.test('refuses a wrong password and an unknown user with the same body', async () => {
		const wrong = await login(edge, 'john', 'wrong');
		const unknown = await login(edge, 'nobody', 'wrong');
		assert.equal(wrong.status, 401);
		assert.equal(unknown.status, 401);
		assert.equal(wrong.body, unknown.body);
	});

	await t.test('refuses bodies that are not a login', async () => {
		for (const body of ['', '{}', '[]', 'x', '{"username":1,"password":2}', `{"username":"${'u'.repeat(200)}","password":"p"}`]) {
			const answer = await request(edge, { method: 'POST', target: '/api/login', upgrade: false, body, headers: { 'Content-Length': String(body.length) } });
			assert.equal(answer.status, 400, `${body}: ${answer.body}`);
		}
		const chunked = await request(edge, { method: 'POST', target: '/api/login', upgrade: false, headers: { 'Transfer-Encoding': 'chunked' } });
		assert.equal(chunked.status, 501);
	});
});

test('upgrades go on during a flood of wrong passwords', async (t) => {
	const stack = await startStack(t, { logLevel: 'info' });
	const [edge] = stack.edges;
	const upgrades = async (n) => {
		const times = [];
		for (let i = 0; i < n; i++) {
			const started = performance.now();
			const client = await stack.connect({ sub: `f${i}` });
			times.push(performance.now() - started);
			client.drop();
		}
		return times;
	};
	const quiet = await upgrades(30);
	let flooding = true;
	const answers = { 401: 0, 429: 0, 503: 0 };
	const flood = Array.from({ length: 60 }, async (_, lane) => {
		for (let i = 0; flooding; i++) {
			const answer = await login(edge, `user${lane}-${i}`, 'wrong');
			answers[answer.status] = (answers[answer.status] ?? 0) + 1;
			if (answer.status === 429 || answer.status === 503)
				assert.match(answer.headers['retry-after'] ?? '', /^[1-9]/);
		}
	});
	await eventually(() => answers[401] > 0 && answers[429] + answers[503] > 50, 'the flood is on');
	const flooded = await upgrades(30);
	flooding = false;
	await Promise.all(flood);
	console.log(`upgrade p90: quiet ${quantile(quiet, 0.9).toFixed(1)} ms, in a flood of wrong passwords ` +
		`${quantile(flooded, 0.9).toFixed(1)} ms; logins answered ${JSON.stringify(answers)}`);
	assert.deepEqual(Object.keys(answers).sort(), ['401', '429', '503'], 'nothing else was answered');
	assert.ok(quantile(flooded, 0.9) < 3000, 'upgrades are answered within their deadline');
	/* Five failures a minute from one address: the next attempt from it waits, whoever asks. */
	assert.equal((await login(edge, 'jim', '123456')).status, 429);
});
