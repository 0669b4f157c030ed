/* clients/js with the real stack: tokens and users that change on a live connection, and logins that end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { logOut, refreshToken } from '../../clients/js/src/index.js';
import { logIn } from './api.js';
import { open, opened, Storage, texts } from './js_client.js';
import { eventually, startStack } from './stack.js';

const sessionsOf = async (stack, uid) => (await stack.json('routerctl', 'user', uid))[0].sessions.map(({ session }) => session);
const stopped = (heard) => eventually(() => heard.client.state === 'stopped', 'it stops').then(() => heard.states.at(-1));

test('a connection becomes another user\'s and nothing crosses', async (t) => {
	const stack = await startStack(t, { edges: 1 });
	await stack.startEdge(['--swap', 'rebind']);
	const storage = new Storage();
	const bob = await opened(t, stack, { sub: 'bob' });
	const me = await opened(t, stack, { edge: 1, sub: 'ann', storage });
	await me.client.send('bob', 'ann here');
	await bob.client.send('ann', 'to ann');
	await eventually(() => me.messages.length === 1, 'ann gets hers');

	const token = stack.token({ sub: 'eve' });
	const asked = me.client.reauthenticate(token);
	const sends = Array.from({ length: 10 }, (_, i) => me.client.send('bob', `of ann ${i}`));
	await new Promise((resolve) => setImmediate(resolve)); /* now it is asked */
	/* A machine that stood still has the answer already: then they would be eve's own. */
	const isBetween = me.client.user === 'ann';
	if (isBetween)
		sends.push(...Array.from({ length: 10 }, (_, i) => me.client.send('bob', `of ann ${10 + i}`)));
	const late = Promise.allSettled(sends);
	const { user, identity } = await asked;
	assert.deepEqual([user, identity, me.client.user], ['eve', 2, 'eve']);
	const outcomes = await late;
	assert.ok(!isBetween || outcomes.some(({ reason }) => reason?.code === 'other_user'));
	assert.ok(outcomes.every(({ status, reason }) => status === 'fulfilled' || reason.code === 'other_user'));
	assert.deepEqual(me.identities.map((frame) => frame.user), ['eve']);
	assert.deepEqual(await sessionsOf(stack, 'ann'), []);

	assert.equal((await bob.client.send('ann', 'ann is away')).state, 'stored');
	await bob.client.send('eve', 'to eve');
	await eventually(() => texts(me).includes('to eve'), 'eve gets hers');
	await me.client.send('bob', 'eve here');
	await eventually(() => texts(bob).includes('eve here'), 'she sends');
	const said = bob.messages.map(({ from, text }) => `${from}: ${text}`);
	assert.deepEqual(said.filter((line) => /^eve: of ann|^ann: eve/.test(line)), []);
	const sent = outcomes.filter(({ status }) => status === 'fulfilled').length;
	assert.equal(said.filter((line) => line.startsWith('ann: of ann')).length, sent);
	assert.deepEqual(me.messages.map(({ to, text }) => [to, text]), [['ann', 'to ann'], ['eve', 'to eve']]);

	await me.client.reauthenticate(stack.token({ sub: 'ann' }));
	await eventually(() => texts(me).includes('ann is away'), 'ann is back, where she was');
	assert.deepEqual(texts(me), ['to ann', 'to eve', 'ann is away'], 'each once');
	assert.equal(me.client.user, 'ann');
	me.client.close();
	assert.deepEqual([...me.errors, ...bob.errors], []);
	const { text } = me.messages.at(-1);
	const back = await opened(t, stack, { edge: 1, sub: 'ann', storage });
	await bob.client.send('ann', 'last');
	await eventually(() => texts(back).includes('last'), 'ann has her position');
	assert.deepEqual([text, ...texts(back)], ['ann is away', 'last']);
});

test('what the new user has not taken is not acknowledged either', async (t) => {
	const stack = await startStack(t, { edge: ['--swap', 'rebind', '--interval', '1s', '--grace', '5min'] });
	const bob = await opened(t, stack, { sub: 'bob' });
	let pings = 0;
	class Counting extends WebSocket {
		constructor(...args) {
			super(...args);
			this.on('ping', () => pings++);
		}
	}
	const me = await opened(t, stack, { sub: 'ann', WebSocket: Counting });
	await me.client.reauthenticate(stack.token({ sub: 'eve' }));
	me.client.on('message', () => new Promise(() => {}));
	await bob.client.send('eve', 'x');
	await eventually(() => texts(me).includes('x'), 'she is told');
	const before = pings;
	await eventually(() => pings >= before + 3, 'its pongs would have acknowledged it');
	assert.equal((await stack.json('routerctl', 'inbox', 'eve'))[0].unacked, 1);
});

test('a token that does not replace the one that there is', async (t) => {
	const stack = await startStack(t);
	const bob = await opened(t, stack, { sub: 'bob' });
	const ann = await opened(t, stack, { sub: 'ann' });
	const [session] = await sessionsOf(stack, 'ann');

	await t.test('a forged one: 1401, and the connection lives on', async () => {
		await assert.rejects(ann.client.reauthenticate(stack.token({ sub: 'ann' }, { secret: 'x'.repeat(40) })), { code: 1401 });
		assert.equal((await ann.client.send('bob', 'still ann')).state, 'delivered');
	});
	await t.test('auth does not answer: 1503, and sends wait no longer than that', async () => {
		stack.auth.signal('SIGSTOP');
		const asked = ann.client.reauthenticate(stack.token({ sub: 'ann' }));
		const send = ann.client.send('bob', 'behind the question');
		try {
			await assert.rejects(asked, { code: 1503, retry: 'after' });
			assert.equal((await send).state, 'delivered');
		} finally {
			stack.auth.signal('SIGCONT');
		}
	});
	await t.test('the next one holds, in the same session', async () => {
		const renewed = await ann.client.reauthenticate(stack.token({ sub: 'ann' }));
		assert.deepEqual([renewed.user, renewed.identity], ['ann', 1]);
		assert.ok(renewed.expires_in_ms > 3500000);
		assert.deepEqual(await sessionsOf(stack, 'ann'), [session]);
	});
	await t.test('another user\'s: 1403, and the client stops', async () => {
		await assert.rejects(ann.client.reauthenticate(stack.token({ sub: 'eve' })), { code: 1403 });
		const { code, name } = await stopped(ann);
		assert.deepEqual([code, name], [4403, 'identity_mismatch']);
	});
	assert.equal(bob.messages.every(({ from }) => from === 'ann'), true);
});

test('a token that ends is renewed by itself, in the same session', async (t) => {
	const stack = await startStack(t);
	const reasons = [];
	const token = ({ reason }) => {
		reasons.push(reason);
		const exp = Math.floor(Date.now() / 1000) + (reason === 'connect' ? 61 : 3600);
		return stack.token({ sub: 'ann', exp });
	};
	const ann = await opened(t, stack, { sub: 'ann', token });
	const [session] = await sessionsOf(stack, 'ann');
	await eventually(() => ann.renewals.length === 1, 'it is renewed');
	assert.ok(ann.renewals[0].expires_in_ms > 3500000);
	assert.deepEqual(reasons, ['connect', 'expiring']);
	assert.deepEqual(await sessionsOf(stack, 'ann'), [session]);
	assert.deepEqual(ann.errors, []);
});

test('one-time tickets, refreshed tokens and log outs', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const token = await logIn(stack, stack.edges[0]);
	const url = `http://${stack.edges[1].base}`;
	const jim = await opened(t, stack, { token, ticket: true });
	assert.equal(jim.client.user, '1');
	const fresh = stack.canary(await refreshToken(url, token));
	const other = await opened(t, stack, { edge: 1, token: fresh, WebSocket });
	const elsewhere = await opened(t, stack, { edge: 1, token: await logIn(stack, stack.edges[1]) });
	await assert.rejects(refreshToken(url, stack.token({ sub: '1' }, { secret: 'x'.repeat(40) })), { code: 4401, retry: 'reauth' });

	await logOut(url, fresh);
	for (const heard of [jim, other]) {
		const { code, name } = await stopped(heard);
		assert.deepEqual([code, name], [4410, 'logged_out']);
	}
	await assert.rejects(refreshToken(url, fresh), { code: 4401 });
	const late = open(t, stack, { token, ticket: true });
	assert.equal((await stopped(late)).code, 4401, 'no ticket for a login that has ended');
	assert.equal((await elsewhere.client.send('1', 'the other login lives')).state, 'delivered');
});

test('what ended a client for good is said', async (t) => {
	const stack = await startStack(t);
	const token = stack.token({ sub: 'ann' });
	const asked = [];
	const ann = await opened(t, stack, { sub: 'ann', token: ({ reason }) => (asked.push(reason), token) });
	assert.equal((await stack.run('authctl', 'revoke', '--user', 'ann', '--yes')).code, 0);
	assert.deepEqual((({ code, name }) => [code, name])(await stopped(ann)), [4404, 'revoked']);
	assert.deepEqual(asked, ['connect']);
	const bob = await opened(t, stack, { sub: 'bob' });
	assert.equal((await stack.run('routerctl', 'kick', 'bob', '--yes')).code, 0);
	assert.deepEqual((({ code, name }) => [code, name])(await stopped(bob)), [4009, 'kicked']);
	const again = open(t, stack, { token });
	assert.equal((await stopped(again)).code, 4401);
});
