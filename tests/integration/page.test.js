/* The operator's page of the router. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';
import { eventually, startStack, within } from './stack.js';

function ask(port, path, { method = 'GET', host } = {}) {
	const answer = new Promise((resolve, reject) => {
		const headers = host === undefined ? {} : { Host: host };
		const request = http.request({ port, host: '127.0.0.1', path, method, headers }, (response) => {
			let body = '';
			response.setEncoding('utf8').on('data', (text) => (body += text));
			response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
		});
		request.on('error', reject).end();
	});
	return within(answer, 10000, `the page answers ${method} ${path}`);
}

test("the operator's page", async (t) => {
	const stack = await startStack(t, { router: ['--page-hosts', 'router.example,other.example:9090'] });
	const port = Number((await stack.router.log(/ page address=127\.0\.0\.1:(\d+)/))[1]);
	await stack.connect({ sub: 'ann' });

	await t.test('has a dashboard of files that the program brings along', async () => {
		const page = await ask(port, '/');
		assert.equal(page.status, 200);
		assert.match(page.headers['content-type'], /^text\/html/);
		assert.match(page.headers['content-security-policy'], /default-src 'none'/);
		for (const [, file] of page.body.matchAll(/(?:src|href)="(\/[a-z.]+)"/g))
			assert.equal((await ask(port, file)).status, 200, file);
	});
	await t.test('has metrics in the format of Prometheus', async () => {
		const page = await ask(port, '/metrics');
		assert.equal(page.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
		assert.match(page.body, /^postern_sessions 1$/m);
		assert.match(page.body, /^# TYPE postern_messages_sent_total counter$/m);
		assert.match(page.body, /^postern_edge_sessions\{edge="\d+"\} 1$/m);
	});
	await t.test('has the same numbers as JSON, and names no user', async () => {
		const { body } = await ask(port, '/stats.json');
		assert.equal(JSON.parse(body).stats.sessions, 1);
		assert.equal(JSON.parse(body).edges.length, 1);
		assert.ok(!body.includes('ann'));
	});
	await t.test('shows for a second how many waited for auth and for the router', async () => {
		const most = (body, name) => Number(body.match(new RegExp(`^postern_edge_${name}\\{.*\\} (\\d+)$`, 'm'))[1]);
		await eventually(async () => {
			await (await stack.connect({ sub: 'ben' })).close();
			const { body } = await ask(port, '/metrics');
			return most(body, 'auth_waiting') > 0 && most(body, 'router_waiting') > 0;
		}, 'both were seen');
		await eventually(async () => {
			const { body } = await ask(port, '/metrics');
			return most(body, 'router_waiting') === 0;
		}, 'nobody waits any more');
	});
	await t.test('says whether the router is well', async () => {
		assert.deepEqual((await ask(port, '/healthz')).body, 'ok\n');
	});
	await t.test('answers only for its own names, whatever the port', async () => {
		for (const host of ['localhost', `127.0.0.1:${port}`, '[::1]:1', 'router.example:80', 'other.example:9090'])
			assert.equal((await ask(port, '/healthz', { host })).status, 200, host);
		for (const host of ['evil.example', 'localhost.evil.example', 'other.example', '127.0.0.2'])
			assert.equal((await ask(port, '/metrics', { host })).status, 403, host);
	});
	await t.test('is read only, and has nothing else', async () => {
		for (const method of ['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'])
			assert.equal((await ask(port, '/', { method })).status, 405, method);
		for (const path of ['/nothing', '/..', '//', '/metrics/'])
			assert.equal((await ask(port, path)).status, 404, path);
	});
});
