/* What an operator revokes: on every edge, at once, and for as long as it must hold. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startRecorder } from './record.js';
import { LONG, eventually, inParallel, request, startStack } from './stack.js';

const CONNECTIONS = LONG ? 5000 : 300;
const OF_ONE_USER = 50;
const REVOKED = 4404;
const LOGGED_OUT = 4410;
const RETRY = 4200;

/* authctl revoke; resolves with its exit code: 0 in force, 3 recorded. */
async function revoke(stack, ...what) {
	const { code, stderr } = await stack.run('authctl', 'revoke', ...what, '--yes');
	assert.ok(code === 0 || code === 3, `authctl revoke ${what[0]}: ${code} ${stderr}`);
	return code;
}

/* The router confirms it; a busy machine may want more than one try. */
function inForce(stack, ...what) {
	return eventually(async () => (await revoke(stack, ...what)) === 0, `${what[0]} is in force`);
}

async function made(stack, sub) {
	const { code, stdout, stderr } = await stack.run('authctl', 'token', '--sub', sub);
	assert.equal(code, 0, stderr);
	return stack.canary(stdout.trim());
}

async function closedWith(client, code) {
	assert.deepEqual((await client.closed).code, code);
}

async function refused(stack, token, edges = stack.edges) {
	for (const edge of edges)
		await assert.rejects(stack.connect({ edge, token }), { status: 401 });
}

/* It is open, and the router knows its session. */
async function lives(client) {
	await client.heartbeat();
	assert.equal(client.end, undefined);
}

/* The edges have found the router again, and opened their sessions. */
async function settled(stack, sessions) {
	const count = async () => {
		const users = await stack.json('routerctl', 'who');
		return users.reduce((sum, user) => sum + user.sessions.length, 0);
	};
	await eventually(async () => (await count()) === sessions, `${sessions} sessions are there`);
}

test('a revoked user is closed on every edge, and his tokens open nothing any more', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const old = [stack.token({ sub: 'ann' }), stack.token({ sub: 'ann' }), stack.token({ sub: 'ann', iat: undefined })];
	const anns = await Promise.all(old.map((token, i) => stack.connect({ edge: i % 2, token })));
	const bob = await stack.connect({ edge: 1, sub: 'bob' });

	await inForce(stack, '--user', 'ann');
	const fresh = await made(stack, 'ann'); // in the same second
	await Promise.all(anns.map((client) => closedWith(client, REVOKED)));
	for (const token of old)
		await refused(stack, token);
	const again = await Promise.all([0, 1].map((edge) => stack.connect({ edge, token: fresh })));
	assert.equal((await bob.chat('ann', 'welcome back')).data.state, 'delivered');
	for (const client of again)
		assert.equal((await client.next('chat')).data.content, 'welcome back');
	const checked = await stack.run('authctl', 'check', old[0]);
	assert.equal(checked.code, 5);
	assert.match(checked.stdout + checked.stderr, /revoked/);

	await t.test('also after auth and router were restarted', async () => {
		await Promise.all([stack.auth.stop(), stack.router.stop()]);
		await Promise.all([stack.startAuth(), stack.startRouter()]);
		await settled(stack, 3);
		for (const token of old)
			await refused(stack, token);
		await Promise.all([...again, bob].map(lives));
		await lives(await stack.connect({ token: fresh }));
	});
});

test('a jti, one token and an issuer are revoked without the others', async (t) => {
	const stack = await startStack(t, { edges: 2, auth: ['--shared-users'] });
	const secret = randomBytes(32);
	const keys = path.join(stack.env.POSTERN_STATE, 'keys');
	writeFileSync(path.join(keys, 'shop.secret'), secret.toString('base64url'), { mode: 0o600 });
	writeFileSync(path.join(keys, 'shop.conf'), 'alg = HS256\nfile = shop.secret\nencoding = base64url\nkid = shop\niss = https://shop\n', { mode: 0o600 });
	const from = stack.auth.lines.length;
	stack.auth.signal('SIGHUP');
	await stack.auth.log(/ keys_loaded count=2/, { from });
	const ofShop = (claims) => stack.token({ sub: 'ann', iss: 'https://shop', ...claims }, { secret, header: { kid: 'shop' } });

	const leaked = [stack.token({ sub: 'ann', jti: 'leaked' }), ofShop({ jti: 'leaked' })];
	const tokens = {
		own: stack.token({ sub: 'ann' }),
		shop: ofShop({}),
		named: stack.token({ sub: 'ann', jti: 'named' }),
		sameName: ofShop({ jti: 'named' }),
		single: stack.token({ sub: 'ann', jti: undefined }),
	};
	const clients = {};
	for (const [i, [name, token]] of Object.entries(tokens).entries())
		clients[name] = await stack.connect({ edge: i % 2, token });
	const leakers = await Promise.all(leaked.map((token, edge) => stack.connect({ edge, token })));

	await inForce(stack, '--jti', 'leaked'); // of each issuer
	await Promise.all(leakers.map((client) => closedWith(client, REVOKED)));
	for (const token of leaked)
		await refused(stack, token);
	await Promise.all(Object.values(clients).map(lives));

	await inForce(stack, '--jti', 'named', '--issuer', 'postern');
	await closedWith(clients.named, REVOKED);
	await refused(stack, tokens.named);
	await Promise.all([clients.own, clients.shop, clients.sameName, clients.single].map(lives));

	await inForce(stack, '--token', tokens.single);
	await closedWith(clients.single, REVOKED);
	await refused(stack, tokens.single);
	await Promise.all([clients.own, clients.shop, clients.sameName].map(lives));

	await inForce(stack, '--issuer', 'https://shop');
	await closedWith(clients.shop, REVOKED);
	await closedWith(clients.sameName, REVOKED);
	await refused(stack, tokens.shop);
	await lives(clients.own);
	const later = ofShop({ iat: Math.floor(Date.now() / 1000) + 2 });
	await lives(await stack.connect({ token: later }));

	const nobody = await stack.run('authctl', 'revoke', '--issuer', 'nobody', '--yes');
	assert.equal(nobody.code, 5, nobody.stderr);
	const unsure = await stack.run('authctl', 'revoke', '--user', 'ann');
	assert.equal(unsure.code, 64, 'without --yes nothing is done');
	await lives(clients.own);
});

test('what is revoked while the router is away is recorded, and in force when it is back', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const token = stack.token({ sub: 'ann' });
	const anns = await Promise.all([0, 1].map((edge) => stack.connect({ edge, token })));
	const bob = await stack.connect({ sub: 'bob' });

	await stack.router.kill();
	assert.equal(await revoke(stack, '--user', 'ann'), 3);
	await stack.startRouter();
	await Promise.all(anns.map((client) => closedWith(client, REVOKED)));
	await settled(stack, 1);
	await lives(bob);
	await refused(stack, token);
	await inForce(stack, '--user', 'ann');
});

test('a log out is answered while the router is away, and holds when everything was restarted', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const token = stack.token({ sub: 'ann' });
	const anns = await Promise.all([0, 1].map((edge) => stack.connect({ edge, token })));
	const other = await stack.connect({ sub: 'ann' });
	const logout = () => request(stack.edges[1], { method: 'POST', target: '/auth/logout', upgrade: false, headers: { Authorization: `Bearer ${token}` } });

	await stack.router.kill();
	assert.equal((await logout()).status, 204);
	assert.equal((await logout()).status, 401);
	await stack.auth.stop();
	await Promise.all([stack.startAuth(), stack.startRouter()]);
	await Promise.all(anns.map((client) => closedWith(client, LOGGED_OUT)));
	await refused(stack, token);
	await settled(stack, 1);
	await lives(other);
});

test('a session that was revoked is not opened again, by whichever edge, while auth is away', async (t) => {
	const stack = await startStack(t, { edges: 0 });
	const evil = await startRecorder(stack, [stack.token({ sub: 'ann' }), stack.token({ sub: 'bob' })]);
	const [ann, bob] = evil.sessions;

	await inForce(stack, '--user', 'ann');
	const shut = await evil.next('shut');
	assert.deepEqual([shut.session, shut.code], [ann.session, REVOKED]);
	await stack.auth.stop();
	for (const how of ['SIGKILL', 'SIGTERM']) {
		await stack.router.kill(how);
		const before = evil.seen.length;
		await stack.startRouter();
		evil.say('hello', 'again');
		await evil.next('link_up', { from: before });
		evil.say('open', ann.ticket, ann.nonce, 'd1', 'reopen');
		evil.say('open', bob.ticket, bob.nonce, 'd2', 'reopen');
		const no = await evil.next('open_refused', { from: before });
		assert.deepEqual([no.nonce, no.code], [ann.nonce, REVOKED]);
		assert.equal((await evil.next('opened', { from: before })).nonce, bob.nonce);
	}
	/* Nor is its ticket renewed when auth is back. */
	await stack.startAuth();
	assert.equal((await evil.extend(ann.ticket)).is, 'denied');
	assert.equal((await evil.extend(bob.ticket)).is, 'granted');
});

test('a router that keeps nothing opens no session again after its restart', async (t) => {
	const stack = await startStack(t, { edges: 0, router: ['--store', 'memory'] });
	const evil = await startRecorder(stack, [stack.token({ sub: 'ann' }), stack.token({ sub: 'bob' })]);

	await inForce(stack, '--user', 'ann');
	await evil.next('shut');
	await stack.auth.stop();
	await stack.router.kill();
	const before = evil.seen.length;
	await stack.startRouter();
	evil.say('hello', 'again');
	await evil.next('link_up', { from: before });
	for (const [i, { ticket, nonce }] of evil.sessions.entries()) {
		const from = evil.seen.length;
		evil.say('open', ticket, nonce, `d${i}`, 'reopen');
		const no = await evil.next('open_refused', { from });
		assert.deepEqual([no.nonce, no.code], [nonce, RETRY]);
	}
});

test(`of ${CONNECTIONS} connections one user's ${OF_ONE_USER} are closed at once`, async (t) => {
	const stack = await startStack(t, { edges: 2, logLevel: 'info' });
	const token = stack.token({ sub: 'ann' });
	const others = await inParallel(CONNECTIONS - OF_ONE_USER, 50, (i) => stack.connect({ edge: i % 2, sub: `u${i}` }));
	const anns = await inParallel(OF_ONE_USER, 25, (i) => stack.connect({ edge: i % 2, token }));
	const closings = [];
	for (const client of anns)
		client.closed.then(() => closings.push(performance.now()));

	/* Somebody writes to her all the time. */
	let n = 0;
	let going = true;
	const writing = (async () => {
		for (; going; n++)
			await others[n % 100].chat('ann', `no ${n}`);
	})();
	await eventually(() => anns.every((client) => client.frames.some((frame) => frame.event === 'chat')), 'her messages come');

	const started = performance.now();
	await inForce(stack, '--user', 'ann');
	const returned = performance.now();
	const first = n + 1; // what is written from here on was sent after it was in force
	await Promise.all(anns.map((client) => closedWith(client, REVOKED)));
	const last = Math.max(...closings);
	await eventually(() => n > first + 20, 'messages are written on');
	going = false;
	await writing;

	const ms = last - started;
	console.log(`revoked at ${CONNECTIONS} connections: authctl ${(returned - started).toFixed(0)} ms, all ${OF_ONE_USER} closed after ${ms.toFixed(0)} ms (limit 1000)`);
	assert.ok(ms < 10000, 'ten times the limit');
	for (const client of anns) {
		const late = client.frames.filter((frame) => frame.event === 'chat' && Number(frame.data.content.slice(3)) >= first);
		assert.deepEqual(late, [], 'nothing was delivered after it was in force');
	}
	await refused(stack, token);
	assert.equal(others.filter((client) => client.end).length, 0, 'nobody else was closed');
	await inParallel(20, 20, (i) => lives(others[i]));

	const back = await stack.connect({ token: await made(stack, 'ann') });
	await others[0].chat('ann', 'welcome back');
	await back.next((frame) => frame.data?.content === 'welcome back');
	await Promise.all([stack.auth.stop(), stack.router.stop()]);
	await Promise.all([stack.startAuth(), stack.startRouter()]);
	await settled(stack, CONNECTIONS - OF_ONE_USER + 1);
	await refused(stack, token);
	await lives(back);
});
