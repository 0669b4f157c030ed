/* Another token on a live connection: of the same user, of another one, and none that is good. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, startStack } from './stack.js';
import { known, sendUntilAcked, take } from './inbox.js';

const HOWS = ['protocol', 'header', 'plain'];
const LATER_S = 3600;
const soon = (seconds) => Math.floor(Date.now() / 1000) + seconds;
const code = (frame) => frame.data.code;
const sessionsOf = async (stack, uid) => (await stack.json('routerctl', 'user', uid))[0].sessions.map(({ session }) => session);
const isOnline = async (stack, uid) => (await stack.json('routerctl', 'who')).some(({ user }) => user === uid);
const answerTo = (client, id) => client.next((f) => f.id === id && (f.event === 'ack' || f.event === 'exception'));

let lastId = 0;
/* Resolves with the answer. */
function reauth(client, token, siblings = {}) {
	const id = siblings.id ?? `r${++lastId}`;
	const answer = answerTo(client, id);
	client.send('reauth', { token }, { ...siblings, id });
	return answer;
}
const said = (client, event, data) => {
	const id = `f${++lastId}`;
	const answer = answerTo(client, id);
	client.send(event, data, { id });
	return answer;
};
const chatWith = (client, to, message, token) => said(client, 'chat', { toUserId: to, message, token });

async function whileAuthSleeps(stack, work) {
	stack.auth.signal('SIGSTOP');
	try {
		return await work();
	} finally {
		stack.auth.signal('SIGCONT');
	}
}

test('a token of the same user replaces the one that there is', async (t) => {
	const stack = await startStack(t);
	const bob = await stack.connect({ sub: 'bob' });
	for (const how of HOWS) {
		await t.test(`a longer one, on a connection by ${how}`, async () => {
			const ann = await stack.connect({ sub: 'ann', how, token: stack.token({ sub: 'ann', exp: soon(300) }) });
			const [session] = await sessionsOf(stack, 'ann');
			const { event, data } = await reauth(ann, stack.token({ sub: 'ann', exp: soon(LATER_S) }));
			assert.equal(event, 'ack');
			assert.equal(data.identity, 1);
			assert.ok(data.expires_in_ms > 3500000 && data.expires_in_ms <= 3600000, `${data.expires_in_ms}`);
			assert.deepEqual(Object.keys(data).sort(), ['expires_in_ms', 'identity']);
			assert.deepEqual(await sessionsOf(stack, 'ann'), [session], 'the session is the same');
			assert.equal((await ann.chat('bob', how)).data.state, 'delivered');
			assert.equal((await bob.next('chat')).data.fromUser, 'ann');
			await ann.close();
		});
		await t.test(`a shorter one, which ends the connection, by ${how}`, async () => {
			const ann = await stack.connect({ sub: 'ann', how });
			if (ann.native)
				assert.equal(ann.ready.data.auth.swap, 'reject');
			/* Within the leeway: 2 s are left until exp + 25 s. */
			const { data } = await reauth(ann, stack.token({ sub: 'ann', iat: soon(-100), exp: soon(-23) }));
			assert.ok(data.expires_in_ms < 0);
			if (ann.native)
				assert.ok((await ann.next('auth.expiring')).data.expires_in_ms < 0);
			assert.equal((await ann.closed).code, 4230);
			assert.ok(!ann.frames.some(({ event }) => event === 'auth.expiring'), 'said once, and to native clients alone');
		});
	}
	await t.test('its scopes hold from the answer on', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		const push = (id) => {
			ann.send('push', { user: 'bob', event: 'news', data: { n: id } }, { id });
			return answerTo(ann, id);
		};
		assert.equal(code(await push(1)), 1404);
		await reauth(ann, stack.token({ sub: 'ann', scope: 'push' }));
		assert.equal((await push(2)).data.state, 'delivered');
		assert.deepEqual((await bob.next('news')).data, { n: 2 });
		await reauth(ann, stack.token({ sub: 'ann' }));
		assert.equal(code(await push(3)), 1404);
	});
	await t.test('auth.expiring is said once for each token', async () => {
		const ann = await stack.connect({ token: stack.token({ sub: 'ann', exp: soon(30) }) });
		const first = await ann.next('auth.expiring');
		assert.ok(first.data.expires_in_ms > 20000 && first.data.expires_in_ms <= 30000);
		await reauth(ann, stack.token({ sub: 'ann', exp: soon(50) }));
		assert.ok((await ann.next('auth.expiring')).data.expires_in_ms > 40000);
		await reauth(ann, stack.token({ sub: 'ann', exp: soon(LATER_S) }));
		await ann.heartbeat();
		assert.ok(!ann.frames.some(({ event }) => event === 'auth.expiring'));
	});
});

test('a token in another frame', async (t) => {
	const stack = await startStack(t);
	const bob = await stack.connect({ sub: 'bob' });
	for (const how of HOWS) {
		await t.test(`by ${how}`, async (t) => {
			const token = stack.token({ sub: 'ann' });
			const fresh = stack.token({ sub: 'ann', exp: soon(100) });
			const ann = await stack.connect({ token, how });
			await t.test('the one in force asks nobody', () => whileAuthSleeps(stack, async () => {
				assert.equal((await chatWith(ann, 'bob', 'with mine', token)).data.state, 'delivered');
			}));
			await t.test('another of the same user is taken, and the frame is carried out', async () => {
				assert.equal((await chatWith(ann, 'bob', 'with the next', fresh)).data.state, 'delivered');
				await whileAuthSleeps(stack, async () => {
					assert.equal((await chatWith(ann, 'bob', 'and again', fresh)).data.state, 'delivered');
				});
			});
			await t.test('one that is not good gets 1401, and the frame is not carried out', async () => {
				assert.equal(code(await chatWith(ann, 'bob', 'not to be said', stack.canary('not.a.token'))), 1401);
				assert.equal(code(await chatWith(ann, 'bob', 'not to be said', '')), 1401);
				assert.equal(code(await chatWith(ann, 'bob', 'not to be said', 'x'.repeat(4000))), 1401);
			});
			await t.test('another user\'s ends the connection before anything is done', async () => {
				assert.equal(code(await chatWith(ann, 'bob', 'not to be said', stack.token({ sub: 'eve' }))), 1403);
				assert.equal((await ann.closed).code, 4403);
			});
			const texts = (await take(bob, 3)).map(({ data }) => [data.fromUser, data.content]);
			assert.deepEqual(texts, [['ann', 'with mine'], ['ann', 'with the next'], ['ann', 'and again']]);
			assert.ok(!bob.frames.some(({ event }) => event === 'chat'));
		});
	}
});

test('a token that does not hold', async (t) => {
	const stack = await startStack(t);
	const bob = await stack.connect({ sub: 'bob' });
	for (const how of HOWS) {
		await t.test(`by ${how}`, async (t) => {
			const ann = await stack.connect({ sub: 'ann', how });
			await t.test('a bad one: 1401, and the connection lives on', async () => {
				const bad = stack.token({ sub: 'ann' }, { secret: 'x'.repeat(40) });
				const { event, data } = await reauth(ann, bad);
				assert.equal(event, 'exception');
				assert.deepEqual([data.code, data.retry], [1401, 'reauth']);
				assert.equal((await ann.chat('bob', 'still here')).data.state, 'delivered');
			});
			await t.test('no token at all is bad data', async () => {
				const id = 'none';
				const answer = answerTo(ann, id);
				ann.send('reauth', {}, { id });
				assert.deepEqual([code(await answer), (await reauth(ann, 7)).data.field], [1004, 'token']);
			});
			await t.test('auth does not answer: 1503 at the end, and 1409 until then', () => whileAuthSleeps(stack, async () => {
				const asked = reauth(ann, stack.token({ sub: 'ann' }));
				for (const [event, data] of [['chat', { toUserId: 'bob', message: 'not to be said' }], ['heartbeat', {}],
					['typing', { toUserId: 'bob' }], ['watch', { users: ['bob'] }], ['push', {}], ['nobody.knows', 1],
					['reauth', { token: stack.token({ sub: 'eve' }) }]]) {
					const { data: answer } = await said(ann, event, data);
					assert.deepEqual([answer.code, answer.retry], [1409, 'now'], event);
				}
				assert.equal(code(await asked), 1503);
				assert.equal((await ann.chat('bob', 'and on')).data.state, 'delivered');
			}));
			await t.test('another user\'s: 1403 and close 4403, and nothing is done in between', async () => {
				const asked = reauth(ann, stack.token({ sub: 'eve' }));
				const between = ann.chat('bob', 'as whom?').catch(() => null);
				assert.equal(code(await asked), 1403);
				const { code: end, reason } = await ann.closed;
				assert.deepEqual([end, reason], [4403, 'identity_mismatch']);
				assert.notEqual((await between)?.event, 'ack');
			});
			assert.deepEqual((await take(bob, 2)).map(({ data }) => data.content), ['still here', 'and on']);
			assert.equal(await isOnline(stack, 'eve'), false);
		});
	}
	await t.test('the seventh question in a minute: 1301, and auth is not asked', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		for (let i = 0; i < 6; i++)
			assert.equal((await reauth(ann, stack.token({ sub: 'ann' }))).event, 'ack');
		await whileAuthSleeps(stack, async () => {
			const { data } = await reauth(ann, stack.token({ sub: 'ann' }));
			assert.equal(data.code, 1301);
			assert.ok(data.after_ms > 0 && data.after_ms <= 10000, `${data.after_ms}`);
			assert.equal(code(await chatWith(ann, 'bob', 'not to be said', stack.token({ sub: 'eve' }))), 1301);
		});
		assert.equal((await ann.chat('bob', 'after all')).data.state, 'delivered');
		assert.equal((await bob.next('chat')).data.content, 'after all');
		await ann.close();
	});
	await t.test('what is asked as the connection ends troubles nobody', async () => {
		const clients = await Promise.all(Array.from({ length: 20 }, () => stack.connect({ sub: 'ann' })));
		for (const client of clients) {
			client.send('reauth', { token: stack.token({ sub: 'eve' }) });
			client.drop();
		}
		await eventually(async () => !(await isOnline(stack, 'ann')), 'all have left');
	});
});

/* A stack whose edge moves connections. */
const swapStack = (t, options = {}) => startStack(t, { ...options, edge: ['--swap', 'rebind', ...(options.edge ?? [])] });

test('--swap rebind: another user takes the connection over', async (t) => {
	const stack = await swapStack(t, { router: ['--watch', 'any'] });
	await known(stack, 'eve', { dev: 'd1' });
	const bob = await stack.connect({ sub: 'bob', dev: 'd1' });
	await bob.chat('eve', 'for eve 1');
	await bob.chat('eve', 'for eve 2');
	bob.send('watch', { users: ['ann', 'eve'] });
	const state = async (user, wanted) => bob.next((f) => f.event === 'presence' && f.data.user === user && f.data.state === wanted);
	for (const how of HOWS) {
		await t.test(`by ${how}`, async () => {
			const ann = await stack.connect({ sub: 'ann', how, dev: 'd1' });
			await state('ann', 'online');
			if (ann.native)
				assert.deepEqual([ann.ready.data.identity, ann.ready.data.auth.swap], [1, 'rebind']);
			ann.send('watch', { users: ['bob'] });
			assert.equal((await ann.chat('bob', 'from ann')).data.state, 'delivered');
			const asked = reauth(ann, stack.token({ sub: 'eve', scope: 'push' }), { id: 10 });
			const identity = await ann.next('identity');
			assert.equal(identity.data.user, 'eve');
			assert.equal(identity.data.identity, 2);
			assert.equal(identity.data.resume.recovered, false);
			assert.equal(identity.data.auth.swap, 'rebind');
			const ack = await asked;
			assert.deepEqual([ack.event, ack.id, ack.data.identity], ['ack', 10, 2]);
			await Promise.all([state('ann', 'offline'), state('eve', 'online')]);
			assert.deepEqual(await sessionsOf(stack, 'ann'), []);

			const waiting = how === HOWS[0] ? 2 : 0;
			assert.equal(identity.data.resume.missed, waiting);
			assert.deepEqual((await take(ann, waiting)).map(({ data }) => data.content), ['for eve 1', 'for eve 2'].slice(0, waiting));
			await ann.chat('bob', 'from eve');
			assert.deepEqual((await take(bob, 2)).map(({ data }) => [data.fromUser, data.content]), [['ann', 'from ann'], ['eve', 'from eve']]);
			assert.equal((await bob.chat('ann', `for ann ${how}`)).data.state, 'stored');
			await bob.chat('eve', `for eve ${how}`);
			assert.equal((await ann.next('chat')).data.content, `for eve ${how}`);
			/* The scope is the new token's; the watches were the old user's. */
			ann.send('push', { user: 'bob', event: 'news', data: 1 }, { id: 11 });
			assert.equal((await answerTo(ann, 11)).data.state, 'delivered');
			await bob.next('news');
			assert.ok(!ann.frames.some(({ event }) => event === 'chat'));

			const other = await stack.connect({ sub: 'eve', dev: 'd2' });
			await ann.chat('bob', 'carbon');
			await other.next((f) => f.carbon && f.data.content === 'carbon');
			await bob.next('chat');
			await other.close();
			/* The pongs and heartbeats of who is there now acknowledge for her. */
			if (how === 'header')
				await ann.heartbeat({ u: (await stack.json('routerctl', 'inbox', 'eve'))[0].head });
			await eventually(async () => (await stack.json('routerctl', 'inbox', 'eve'))[0].unacked === 0, 'eve has hers');

			await ann.close();
			await state('eve', 'offline');
			const back = await stack.connect({ sub: 'ann', dev: 'd1' });
			await state('ann', 'online');
			assert.equal((await back.next((f) => f.event === 'chat' && f.data.content === `for ann ${how}`)).data.fromUser, 'bob');
			await back.heartbeat({ u: back.ready.data.resume.u });
			await back.close();
			await state('ann', 'offline');
		});
	}
	await t.test('there and back, with the number growing', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		for (const [i, sub] of ['eve', 'ann', 'eve'].entries()) {
			const { data } = await reauth(ann, stack.token({ sub }));
			assert.equal(data.identity, i + 2);
			assert.equal((await ann.next('identity')).data.user, sub);
			await ann.chat('bob', `${i}`);
			assert.deepEqual((await bob.next('chat')).data, { fromUser: sub, content: `${i}` });
		}
		await ann.close();
	});
	await t.test('a frame that carries another user\'s token is not carried out as either', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		const token = stack.token({ sub: 'eve' });
		const first = await chatWith(ann, 'bob', 'said once', token);
		assert.deepEqual([first.data.code, first.data.retry], [1409, 'now']);
		assert.equal((await ann.next('identity')).data.user, 'eve');
		assert.equal((await chatWith(ann, 'bob', 'said again', token)).event, 'ack');
		assert.deepEqual((await bob.next('chat')).data, { fromUser: 'eve', content: 'said again' });
		await ann.close();
	});
	await t.test('a refused session leaves the old user: 1404', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		const [session] = await sessionsOf(stack, 'ann');
		const full = await Promise.all(Array.from({ length: 64 }, () => stack.connect({ sub: 'full' })));
		assert.equal(code(await reauth(ann, stack.token({ sub: 'full' }))), 1404);
		assert.deepEqual(await sessionsOf(stack, 'ann'), [session]);
		await ann.chat('bob', 'ann still');
		assert.deepEqual((await bob.next('chat')).data, { fromUser: 'ann', content: 'ann still' });
		await Promise.all(full.map((client) => client.close()));
	});
});

test('the sends of the old user are answered before another one comes', async (t) => {
	const stack = await swapStack(t, { edge: ['--msgs-per-second', '1000', '--msgs-burst', '1000'] });
	const bob = await stack.connect({ sub: 'bob' });
	await known(stack, 'ann');
	const me = await stack.connect({ sub: 'ann' });
	/* As they come: promises that frames resolve may settle in another order. */
	const order = [];
	me.ws.on('message', (data) => order.push(JSON.parse(data.toString()).event));
	const sends = Array.from({ length: 60 }, (_, i) => me.chat('bob', `${i}`, { id: i }));
	const asked = reauth(me, stack.token({ sub: 'eve' }));
	await Promise.all([...sends, asked, me.next('identity')]);
	assert.deepEqual(order.slice(0, 61), [...Array(60).fill('ack'), 'identity'], 'every answer came before');
	assert.deepEqual((await take(bob, 60)).map(({ data }) => data.fromUser), Array(60).fill('ann'));
});

test('what the socket has not taken stays in the inbox of the old user', async (t) => {
	const stack = await swapStack(t, { edge: ['--msgs-per-second', '100000', '--msgs-burst', '100000'] });
	const bob = await stack.connect({ sub: 'bob' });
	const big = 'x'.repeat(16000);
	for (const how of HOWS) {
		await t.test(`by ${how}`, async () => {
			const [sub, next] = [`ann-${how}`, `eve-${how}`];
			await known(stack, next);
			const me = await stack.connect({ sub, how, dev: 'd1' });
			me.order = [];
			me.ws.on('message', (data) => me.order.push(JSON.parse(data.toString()).event));
			me.ws.pause();
			/* More than the socket, its buffers and the queue hold: the connection is behind. */
			const n = 800;
			for (let i = 0; i < n; i += 50)
				await Promise.all(Array.from({ length: 50 }, (_, j) => bob.chat(sub, `${i + j} ${big}`, { id: i + j })));
			const asked = reauth(me, stack.token({ sub: next }));
			await eventually(() => isOnline(stack, next), `${next} is there`);
			await bob.chat(next, `for ${next}`);
			me.ws.resume();
			assert.equal((await asked).data.identity, 2);
			/* In their order: some of the old user's, the border, the new one's. */
			assert.equal((await me.next((f) => f.data?.content === `for ${next}`)).data.fromUser, 'bob');
			const number = (frame) => Number(frame.data.content.split(' ')[0]);
			const before = me.frames.filter(({ event }) => event === 'chat').map(number);
			assert.ok(before.length < n, 'not all of them');
			assert.deepEqual(before, before.map((_, i) => i));
			const border = me.order.indexOf('identity');
			assert.equal(me.order.slice(border).filter((event) => event === 'chat').length, 1, 'and none behind the border');
			await me.close();

			const back = await stack.connect({ sub, how, dev: 'd1' });
			const rest = (await take(back, 1)).map(number);
			assert.ok(rest[0] <= before.length, `${rest[0]} is no more than was seen`);
			while (rest.at(-1) < n - 1)
				rest.push(number((await take(back, 1))[0]));
			assert.deepEqual(rest, rest.map((_, i) => rest[0] + i), 'without a hole');
			await back.close();
		});
	}
});

test('the router is killed while a connection is moved', async (t) => {
	const stack = await swapStack(t);
	await known(stack, 'eve');
	const bob = await stack.connect({ sub: 'bob' });
	const ann = await stack.connect({ sub: 'ann' });
	for (let round = 0; round < 5; round++) {
		/* Stopped, it has taken the rebind and answers nothing. */
		stack.router.signal('SIGSTOP');
		const asked = reauth(ann, stack.token({ sub: 'eve' }));
		for (let i = 0; i < 5; i++)
			assert.equal(code(await said(ann, 'heartbeat', {})), 1409);
		await stack.router.kill();
		assert.equal(code(await asked), 1503);
		await stack.startRouter();
		await sendUntilAcked(ann, 'bob', `round-${round}`);
		assert.equal((await bob.next((f) => f.data?.content === `round-${round}`)).data.fromUser, 'ann');
		assert.equal((await sessionsOf(stack, 'ann')).length, 1);
		assert.equal(await isOnline(stack, 'eve'), false);
	}
	assert.equal((await reauth(ann, stack.token({ sub: 'eve' }))).data.identity, 2);
});
