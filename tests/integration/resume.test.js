/* Nothing is lost: the inbox, positions, acknowledgements, resume on any edge. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, inParallel, startStack } from './stack.js';

const FAST = ['--msgs-per-second', '100000', '--msgs-burst', '100000'];

const isChat = (frame) => frame.event === 'chat';
const isNews = (frame) => frame.event === 'news';
const inbox = async (stack, uid) => (await stack.json('routerctl', 'inbox', uid))[0];
const away = (stack, uid) => eventually(async () => !(await stack.json('routerctl', 'who')).some((line) => line.user === uid), `${uid} has left`);

/* Known to the router from here on, with nobody connected. */
async function known(stack, uid, options = {}) {
	const client = await stack.connect({ sub: uid, ...options });
	await client.close();
	await away(stack, uid);
	return client.ready?.data.resume;
}

/* n chats, a few at a time; their acks in order. */
async function chats(from, to, n, what = 'm') {
	return inParallel(n, 32, async (i) => {
		const ack = await from.chat(to, `${what}${i}`);
		assert.equal(ack.event, 'ack', JSON.stringify(ack));
		return ack;
	});
}

async function take(client, n, wanted = isChat) {
	const frames = [];
	for (let i = 0; i < n; i++)
		frames.push(await client.next(wanted));
	return frames;
}

function assertContiguous(frames, first) {
	assert.deepEqual(frames.map((frame) => frame.seq), frames.map((_, i) => first + i));
}

/* Everything that was sent before is there: an answer to what is said now comes behind it. */
async function quiet(client) {
	await client.heartbeat();
	assert.deepEqual(client.frames.filter((frame) => isChat(frame) || isNews(frame)), []);
}

test('resume', async (t) => {
	const stack = await startStack(t, { edges: 2, edge: FAST });
	const ann = await stack.connect({ edge: 0, sub: 'ann', dev: 'desk' });

	await t.test('who was away gets all of it, in order, on another edge', async () => {
		const { u } = await known(stack, 'bob', { edge: 0, dev: 'phone' });
		const acks = await chats(ann, 'bob', 1000);
		assert.ok(acks.every((ack) => ack.data.state === 'stored' && ack.data.devices === 0));
		const bob = await stack.connect({ edge: 1, sub: 'bob', dev: 'phone' });
		assert.equal(bob.ready.data.resume.missed, 1000);
		assert.equal(bob.ready.data.resume.u, u + 1000);
		const frames = await take(bob, 1000);
		assertContiguous(frames, u + 1);
		assert.deepEqual(new Set(frames.map((frame) => frame.data.content)), new Set(acks.map((_, i) => `m${i}`)));
		assert.deepEqual([...frames].sort((a, b) => a.seq - b.seq), frames);
		assert.equal((await ann.chat('bob', 'and live')).data.state, 'delivered');
		assert.equal((await bob.next('chat')).seq, u + 1001);
		await quiet(bob);
		await bob.close();
	});

	await t.test('who says where he was gets exactly what he missed', async () => {
		const before = await stack.connect({ edge: 0, sub: 'carl', dev: 'phone' });
		await chats(ann, 'carl', 10);
		const seen = await take(before, 10);
		assert.equal((await stack.run('routerctl', 'push', '--all', '--event', 'news', '--data', '0')).code, 0);
		const first = await before.next('news');
		before.drop();
		await away(stack, 'carl');
		await chats(ann, 'carl', 20, 'missed');
		for (let i = 1; i <= 3; i++)
			assert.equal((await stack.run('routerctl', 'push', '--all', '--event', 'news', '--data', `${i}`)).code, 0);
		const { epoch } = before.ready.data.resume;
		for (const edge of [0, 1]) {
			const at = { epoch, u: seen.at(-1).seq, s: first.seq };
			const after = await stack.connect({ edge, sub: 'carl', dev: 'phone', at });
			const { resume } = after.ready.data;
			assert.equal(resume.recovered, true);
			assert.equal(resume.missed, 23);
			assertContiguous(await take(after, 20), at.u + 1);
			const news = await take(after, 3, isNews);
			assert.deepEqual(news.map((frame) => [frame.data, frame.seq, frame.st]), [1, 2, 3].map((i) => [i, at.s + i, 's']));
			await quiet(after);
			await after.close();
		}
		/* With the newest position there is nothing. */
		const { u, s } = await inbox(stack, 'carl').then(({ head }) => ({ u: head, s: first.seq + 3 }));
		const last = await stack.connect({ edge: 1, sub: 'carl', dev: 'phone', at: { epoch, u, s } });
		assert.deepEqual({ ...last.ready.data.resume }, { epoch, u, s, recovered: true, missed: 0 });
		await quiet(last);
		await last.close();
	});

	await t.test('a position that is not kept any more gets one reset and nothing partial', async () => {
		const { epoch, u, s } = await known(stack, 'dora', { dev: 'phone' });
		await chats(ann, 'dora', 20);
		assert.equal((await stack.run('routerctl', 'inbox', 'dora', '--purge', '--yes')).code, 0);
		await chats(ann, 'dora', 5, 'later');
		const dora = await stack.connect({ edge: 1, sub: 'dora', dev: 'phone', at: { epoch, u, s } });
		assert.equal(dora.ready.data.resume.recovered, false);
		const reset = await dora.next('reset');
		assert.equal(reset.data.reason, 'too_old');
		assert.equal(reset.data.u, u + 25);
		await quiet(dora);
		await ann.chat('dora', 'live again');
		assert.equal((await dora.next('chat')).seq, u + 26);
		await dora.close();
	});

	await t.test('another epoch, or a number beyond the head, gets one reset', async () => {
		const { epoch, u, s } = await known(stack, 'emil', { dev: 'phone' });
		for (const [at, reason] of [[{ epoch: '00000000', u, s }, 'epoch_changed'], [{ epoch, u: u + 1, s }, 'ahead']]) {
			const emil = await stack.connect({ sub: 'emil', dev: 'phone', at });
			assert.equal(emil.ready.data.resume.recovered, false);
			assert.deepEqual((await emil.next('reset')).data, { reason, epoch, u, s: emil.ready.data.resume.s });
			await quiet(emil);
			await emil.close();
		}
	});

	await t.test('a malformed position is refused with 400', async () => {
		for (const at of [{ epoch: 'x' }, { u: 1 }, { epoch: '00000000', u: '01' }]) {
			const client = stack.client({ sub: 'emil', at });
			await assert.rejects(client.opened(), { status: 400 });
		}
	});

	await t.test('carbons are resumed too', async () => {
		const pad = await stack.connect({ edge: 1, sub: 'ann', dev: 'pad' });
		const { epoch, u, s } = pad.ready.data.resume;
		await pad.close();
		await known(stack, 'fred');
		const acks = await chats(ann, 'fred', 5, 'copy');
		const back = await stack.connect({ edge: 1, sub: 'ann', dev: 'pad', at: { epoch, u, s } });
		const frames = await take(back, 5);
		assertContiguous(frames, u + 1);
		assert.ok(frames.every((frame) => frame.carbon === true && frame.data.toUser === 'fred'));
		assert.deepEqual(frames.map((frame) => frame.mid).sort(), acks.map((ack) => ack.data.mid).sort());
		await quiet(back);
		await back.close();
	});

	await t.test('more messages to all than an edge keeps are resumed too', async () => {
		const { epoch, u, s } = await known(stack, 'gina', { dev: 'phone' });
		const pusher = await stack.connect({ token: stack.token({ sub: 'svc', scope: 'push' }) });
		await inParallel(600, 32, async (i) => {
			pusher.send('push', { event: 'news', data: i }, { id: i });
			assert.equal((await pusher.next((frame) => frame.id === i)).event, 'ack');
		});
		const gina = await stack.connect({ edge: 1, sub: 'gina', dev: 'phone', at: { epoch, u, s } });
		assert.equal(gina.ready.data.resume.missed, 600);
		const news = await take(gina, 600, isNews);
		assertContiguous(news, s + 1);
		assert.equal(new Set(news.map((frame) => frame.data)).size, 600);
		await quiet(gina);
		await Promise.all([gina.close(), pusher.close()]);
	});

	await t.test('a plain client gets what it missed in its own shape', async () => {
		await known(stack, 'paul', { how: 'plain' });
		await chats(ann, 'paul', 3);
		const paul = await stack.connect({ edge: 1, sub: 'paul', how: 'plain' });
		const frames = await take(paul, 3);
		assert.deepEqual(Object.keys(frames[0]).sort(), ['data', 'event', 'seq']);
		await paul.close();
	});
});

test('sync', async (t) => {
	const stack = await startStack(t, { edge: FAST });
	const ann = await stack.connect({ sub: 'ann' });
	const bob = await stack.connect({ sub: 'bob', dev: 'phone' });
	const { epoch: e, u, s } = bob.ready.data.resume;
	await chats(ann, 'bob', 10);
	await take(bob, 10);

	await t.test('sends everything after a number once more', async () => {
		bob.send('sync', { e, u: u + 4, s }, { id: 1 });
		assert.equal((await bob.next('ack')).id, 1);
		assertContiguous(await take(bob, 6), u + 5);
		await ann.chat('bob', 'next');
		assert.equal((await bob.next('chat')).seq, u + 11);
		await quiet(bob);
	});
	await t.test('at the newest number sends nothing', async () => {
		bob.send('sync', { e, u: u + 11, s }, { id: 2 });
		assert.equal((await bob.next('ack')).id, 2);
		await quiet(bob);
	});
	await t.test('of another epoch is answered with reset', async () => {
		bob.send('sync', { e: '00000000', u, s });
		assert.deepEqual((await bob.next('reset')).data, { reason: 'epoch_changed', epoch: e, u: u + 11, s });
		await quiet(bob);
	});
	await t.test('beyond what was sent is refused by the name of the field', async () => {
		bob.send('sync', { e, u: u + 12, s }, { id: 3 });
		bob.send('sync', { e, u, s: s + 1 }, { id: 4 });
		bob.send('heartbeat', { u: u + 12 }, { id: 5 });
		for (const [id, field] of [[3, 'u'], [4, 's'], [5, 'u']]) {
			const { data } = await bob.next((frame) => frame.id === id);
			assert.equal(data.code, 1004);
			assert.equal(data.field, field);
		}
		assert.equal((await bob.heartbeat({ u: u + 11, s })).data.user, 'bob');
		await quiet(bob);
	});
});

test('acknowledgements', async (t) => {
	const stack = await startStack(t, { edges: 2, edge: FAST, router: ['--inbox-rows', '50'] });
	const ann = await stack.connect({ sub: 'ann' });

	await t.test('by heartbeat free the quota, and a full inbox is said to the sender', async () => {
		const { u } = await known(stack, 'bob', { dev: 'phone' });
		await chats(ann, 'bob', 50);
		const full = await ann.chat('bob', 'one too many');
		assert.equal(full.data.code, 1103);
		assert.equal(full.data.retry, 'after');
		assert.equal((await inbox(stack, 'bob')).unacked, 50);
		const bob = await stack.connect({ edge: 1, sub: 'bob', dev: 'phone' });
		await take(bob, 50);
		await bob.heartbeat({ u: u + 30 });
		await eventually(async () => (await inbox(stack, 'bob')).unacked === 20, 'the position has arrived');
		const state = await inbox(stack, 'bob');
		assert.equal(state.acked, u + 30);
		assert.deepEqual(state.devices.map(({ device, u: at }) => [device, at]), [['phone', u + 30]]);
		await chats(ann, 'bob', 30, 'again');
		assert.equal((await ann.chat('bob', 'full again')).data.code, 1103);
		await bob.close();
	});

	await t.test('by pong, of clients that never say where they are', async () => {
		const { u } = await known(stack, 'carl', { dev: 'phone' });
		await chats(ann, 'carl', 5);
		const deaf = await stack.connect({ edge: 1, sub: 'carl', dev: 'phone', autoPong: false });
		await take(deaf, 5);
		await eventually(() => deaf.pings > 0, 'the ping that asks');
		await deaf.heartbeat();
		assert.equal((await inbox(stack, 'carl')).acked, u, 'without its pong nothing is acknowledged');
		deaf.drop();
		await away(stack, 'carl');
		for (const how of ['protocol', 'plain']) {
			await chats(ann, 'carl', 5);
			const { head } = await inbox(stack, 'carl');
			const carl = await stack.connect({ edge: 1, sub: 'carl', dev: 'phone', how });
			await carl.next((frame) => frame.seq === head);
			await eventually(async () => (await inbox(stack, 'carl')).acked === head, `the pong of a ${how} client`);
			await eventually(async () => (await inbox(stack, 'carl')).unacked === 0, 'its quota is free');
			await carl.close();
		}
	});

	await t.test('a client without memory gets what no device of its user has acknowledged', async () => {
		const { u } = await known(stack, 'dora', { dev: 'phone' });
		await chats(ann, 'dora', 8);
		const phone = await stack.connect({ sub: 'dora', dev: 'phone' });
		await take(phone, 8);
		await phone.heartbeat({ u: u + 5 });
		await eventually(async () => (await inbox(stack, 'dora')).acked === u + 5, 'the position has arrived');
		await phone.close();
		const other = await stack.connect({ edge: 1, sub: 'dora' });
		assert.equal(other.ready.data.resume.missed, 3);
		assertContiguous(await take(other, 3), u + 6);
		await quiet(other);
		await other.close();
	});
});

test('the same mid makes one message', async (t) => {
	const stack = await startStack(t, { edges: 2, edge: FAST });
	await known(stack, 'bob', { dev: 'phone' });
	const ann = await stack.connect({ edge: 0, sub: 'ann', dev: 'desk' });
	const first = await ann.chat('bob', 'once', { mid: 'the-one' });
	assert.equal(first.data.state, 'stored');

	await t.test('on the same edge and on another', async () => {
		const again = await ann.chat('bob', 'once', { mid: 'the-one' });
		assert.deepEqual(again.data, { ...first.data, state: 'duplicate', first: 'stored' });
		const there = await stack.connect({ edge: 1, sub: 'ann', dev: 'desk' });
		const third = await there.chat('bob', 'once', { mid: 'the-one' });
		assert.deepEqual(third.data, again.data);
		assert.equal((await there.chat('bob', 'something else', { mid: 'the-one' })).data.code, 1410);
		assert.equal((await there.chat('ann', 'once', { mid: 'the-one' })).data.code, 1410);
		await there.close();
	});
	await t.test('after kill -9 of the router', async () => {
		await stack.router.kill();
		await stack.startRouter();
		const again = await eventually(async () => {
			const answer = await ann.chat('bob', 'once', { mid: 'the-one' });
			return answer.event === 'ack' ? answer : null;
		}, 'the session is open again');
		assert.equal(again.data.state, 'duplicate');
		assert.equal(again.data.seq, first.data.seq);
		assert.equal((await ann.chat('bob', 'something else', { mid: 'the-one' })).data.code, 1410);
	});
	await t.test('and the recipient has it once', async () => {
		const bob = await eventually(
			() => stack.connect({ edge: 1, sub: 'bob', dev: 'phone' }).catch(() => null),
			'the other edge has its link again',
		);
		assert.equal((await bob.next('chat')).data.content, 'once');
		await quiet(bob);
	});
});

test('a router that stands still: sends are answered 1503 in time, and the same mid makes no second message', async (t) => {
	const stack = await startStack(t, { edge: FAST });
	await known(stack, 'bob', { dev: 'phone' });
	const ann = await stack.connect({ sub: 'ann', dev: 'desk' });
	stack.router.signal('SIGSTOP');
	const started = performance.now();
	const answers = await Promise.all(['a', 'b', 'c'].map((mid) => ann.chat('bob', mid, { mid })));
	console.log(`sends to a router that stands still are answered after ${(performance.now() - started).toFixed(0)} ms (limit 5000 ms)`);
	assert.ok(answers.every((answer) => answer.data.code === 1503 && answer.data.retry === 'after'));
	assert.equal((await ann.heartbeat()).data.user, 'ann');
	stack.router.signal('SIGCONT');
	for (const mid of ['a', 'b', 'c']) {
		const again = await eventually(async () => {
			const answer = await ann.chat('bob', mid, { mid });
			return answer.event === 'ack' && answer;
		}, 'the router serves again');
		assert.equal(again.data.state, 'duplicate');
	}
	const bob = await stack.connect({ sub: 'bob', dev: 'phone' });
	assert.deepEqual((await take(bob, 3)).map((frame) => frame.mid), ['a', 'b', 'c']);
	await quiet(bob);
	assert.equal(ann.end, undefined);
});

test('kill -9 of the router under load: no socket closes, what was acknowledged arrives once and in order', async (t) => {
	const CLIENTS = 200;
	const stack = await startStack(t, { edges: 2, edge: FAST, logLevel: 'info' });
	const clients = await inParallel(CLIENTS, 20, (i) => stack.connect({ edge: i % 2, sub: `u${i}`, dev: 'd' }));
	const acked = Array.from({ length: CLIENTS }, () => []);
	let stop = false;
	let refused = 0;
	const talk = async (i) => {
		for (let n = 0; !stop; n++) {
			const to = (i * 7 + n) % CLIENTS;
			const mid = `${i}.${n}`;
			/* The same mid until there is an ack: the outcome of the others is not known. */
			for (;;) {
				const answer = await clients[i].chat(`u${to}`, mid, { mid });
				if (answer.event === 'ack') {
					acked[to].push(mid);
					break;
				}
				assert.equal(answer.data.code, 1503, JSON.stringify(answer));
				refused++;
				await new Promise((resolve) => setTimeout(resolve, 50));
			}
		}
	};
	const talkers = Array.from({ length: 50 }, (_, i) => talk(i));
	await eventually(() => acked.flat().length > 500, 'messages flow');
	for (let round = 0; round < 2; round++) {
		await stack.router.kill();
		await stack.startRouter();
		const before = acked.flat().length;
		await eventually(() => acked.flat().length > before + 500, 'messages flow again');
	}
	stop = true;
	await Promise.all(talkers);
	await eventually(async () => (await stack.json('routerctl', 'who')).length === CLIENTS, 'all sessions are open again');
	for (const [i, client] of clients.entries()) {
		const wanted = new Set(acked[i]);
		await eventually(() => {
			for (const frame of client.frames)
				wanted.delete(isChat(frame) && !frame.carbon ? frame.mid : '');
			return wanted.size === 0;
		}, `u${i} has all of its ${acked[i].length}, not ${JSON.stringify([...wanted].slice(0, 5))}`);
		const chat = client.frames.filter((frame) => isChat(frame) && !frame.carbon);
		assert.equal(new Set(chat.map((frame) => frame.mid)).size, chat.length, 'none twice');
		const seqs = chat.map((frame) => frame.seq);
		assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b), 'in order');
		assert.equal(client.end, undefined, 'no socket closed');
		assert.ok(!client.frames.some((frame) => frame.event === 'reset'), 'no reset');
	}
	assert.ok(!stack.edges.some((edge) => edge.lines.some((line) => / link_up .*wire=1/.test(line))), 'a dead router is not taken for an old one');
	console.log(`${acked.flat().length} acknowledged messages over two kills of the router arrived; ${refused} answers were 1503`);
});
