/* Planes that die under load, with figures: the router, an edge, and clients that do not read. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { FAST, isChat, known, quiet, rss, sendUntilAcked, sleep, startRouterWith, stats, storeFile, take } from './inbox.js';
import { BUILD, LONG, eventually, inParallel, quantile, startStack, within } from './stack.js';

const ms = (number) => `${number.toFixed(0)} ms`;
const p50p99 = (numbers) => `p50 ${ms(quantile(numbers, 0.5))}, p99 ${ms(quantile(numbers, 0.99))}`;
/* It keeps what was freed, so its memory is no measure. */
const SANITIZED = /asan|tsan/.test(BUILD);

test('a client that was away gets exactly what it missed, in order, on another edge', async (t) => {
	const MISSED = LONG ? 10000 : 1000;
	const stack = await startStack(t, { edges: 2, edge: FAST, logLevel: 'info' });
	const { epoch, u, s } = await known(stack, 'bob', { edge: 0, dev: 'phone' });
	const ann = await stack.connect({ edge: 0, sub: 'ann', dev: 'desk' });
	const acks = await inParallel(MISSED, 64, (i) => sendUntilAcked(ann, 'bob', `m${i}`));
	assert.ok(acks.every(({ data }) => data.state === 'stored'));
	const started = performance.now();
	const bob = await stack.connect({ edge: 1, sub: 'bob', dev: 'phone', at: { epoch, u, s } });
	assert.equal(bob.ready.data.resume.missed, MISSED);
	const frames = await take(bob, MISSED);
	console.log(`${MISSED} missed messages were there ${ms(performance.now() - started)} after the connection began`);
	/* One client sends over one connection: its order is the recipient's. */
	assert.deepEqual(frames.map(({ seq, mid }) => [seq, mid]), frames.map((_, i) => [u + 1 + i, `m${i}`]));
	await quiet(bob);
});

/* Someone who only receives: what he has read, checked as it comes.  Positions make a resume exact. */
class Reader {
	constructor(stack, sub) {
		Object.assign(this, { stack, sub, mids: [], arrived: [], at: undefined, resets: 0, problem: undefined });
	}

	async connect(edge) {
		const client = await this.stack.connect({ edge, sub: this.sub, dev: 'd', at: this.at });
		const { resume } = client.ready.data;
		if (this.at && !resume.recovered)
			this.problem ??= `${this.sub} was not recovered: ${JSON.stringify(resume)}`;
		this.at ??= { epoch: resume.epoch, u: resume.u, s: resume.s };
		this.client = client;
		this.missed = resume.missed;
		return client;
	}

	collect() {
		for (const frame of this.client?.frames.splice(0) ?? []) {
			if (frame.event === 'reset' || frame.event === 'gone')
				this.problem ??= `${this.sub}: ${JSON.stringify(frame)}`;
			if (!isChat(frame))
				continue;
			if (frame.seq !== this.at.u + 1)
				this.problem ??= `${this.sub}: ${frame.seq} after ${this.at.u}`;
			this.at.u = frame.seq;
			this.mids.push(frame.mid);
		}
	}
}

/* Talkers who send to readers until they are told to stop; what was acknowledged, by reader. */
class Load {
	constructor(talkers, readers) {
		Object.assign(this, { talkers, readers, acked: readers.map(() => []), n: 0, refused: 0, lastAck: undefined, stopped: false, slowest: 0 });
		this.running = talkers.map((talker, i) => this.#talk(talker, i));
		/* A failure is seen by stop(). */
		this.running.forEach((one) => one.catch(() => {}));
	}

	async #talk(talker, i) {
		for (let n = 0; !this.stopped; n++) {
			const to = (i + n * this.talkers.length) % this.readers.length;
			const mid = `${i}.${n}`;
			for (;;) {
				const sent = performance.now();
				const answer = await talker.chat(this.readers[to].sub, mid, { mid });
				if (answer.event === 'ack') {
					this.acked[to].push(mid);
					this.n++;
					this.lastAck = { sent, at: performance.now() };
					this.firstAfter?.(this.lastAck);
					this.slowest = Math.max(this.slowest, performance.now() - sent);
					break;
				}
				assert.equal(answer.data.code, 1503, JSON.stringify(answer));
				this.refused++;
				await sleep(20);
			}
			await sleep(5);
		}
	}

	/* The time of the first ack of something that was sent after now. */
	ackAfter(now) {
		return new Promise((resolve) => {
			this.firstAfter = ({ sent, at }) => sent >= now && resolve(at);
		});
	}

	async stop() {
		this.stopped = true;
		await within(Promise.all(this.running), 60000, 'the talkers have their last answers');
	}
}

/* Everything that was acknowledged has come, once, in order, and nothing else. */
async function assertAllThere(load) {
	for (const [i, reader] of load.readers.entries()) {
		await eventually(() => {
			reader.collect();
			return reader.problem ?? reader.mids.length >= load.acked[i].length;
		}, `${reader.sub} has his ${load.acked[i].length}`);
		assert.equal(reader.problem, undefined);
		assert.equal(new Set(reader.mids).size, reader.mids.length, 'none twice');
		assert.deepEqual(new Set(reader.mids), new Set(load.acked[i]));
	}
}

test('kill -9 of the router with many rows and clients: no socket closes, acks come again, all arrives', async (t) => {
	const CLIENTS = LONG ? 2000 : 200;
	const ROWS = LONG ? 1000000 : 10000;
	const stack = await startStack(t, { edges: 2, edge: FAST, logLevel: 'info' });
	/* Another store, filled while no router has it. */
	assert.equal((await stack.router.stop()).code, 0);
	for (const name of readdirSync(stack.env.POSTERN_STATE).filter((file) => file.startsWith('inbox.db')))
		rmSync(path.join(stack.env.POSTERN_STATE, name));
	console.log(execFileSync(path.join(BUILD, 'bin/store_bench'), [`sqlite:${storeFile(stack)}`, '500', `${ROWS}`]).toString().trim());
	await startRouterWith(stack, '--store-on-tmpfs');
	const readers = Array.from({ length: CLIENTS }, (_, i) => new Reader(stack, `r${i}`));
	await eventually(() => readers[0].connect(0).catch(() => null), 'the edge has its link again');
	await inParallel(CLIENTS, 50, (i) => i === 0 || readers[i].connect(i % 2));
	const talkers = await inParallel(20, 20, (i) => stack.connect({ edge: i % 2, sub: `t${i}`, dev: 'd' }));
	const load = new Load(talkers, readers);
	await eventually(() => load.n > 500, 'messages flow');

	const killed = performance.now();
	await stack.router.kill();
	const again = load.ackAfter(performance.now());
	const ready = startRouterWith(stack, '--store-on-tmpfs').then(() => performance.now());
	const firstAck = await within(again, 60000, 'acks come again');
	const open = await eventually(async () => (await stats(stack)).sessions === CLIENTS + talkers.length && performance.now(), 'all sessions are open again');
	console.log(`kill -9 of the router, ${CLIENTS} readers, ${ROWS} rows: ready after ${ms(await ready - killed)}, first new ack after ` +
		`${ms(firstAck - killed)}, all sessions open after ${ms(open - killed)}; ${load.refused} answers were 1503`);
	const before = load.n;
	await eventually(() => load.n > before + 500, 'messages flow again');
	await load.stop();
	await assertAllThere(load);
	assert.ok(readers.every(({ client }) => client.end === undefined) && talkers.every(({ end }) => end === undefined), 'no socket closed');
	console.log(`${load.n} acknowledged messages: none lost, none twice`);
});

/* What waits in the router's queues and for auth and the router in the edges', as the router's /metrics says. */
async function depths(stack) {
	const [, port] = await stack.router.log(/ page address=127\.0\.0\.1:(\d+)/);
	const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
	const most = (name) => {
		const values = [...text.matchAll(new RegExp(`^postern_${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))].map(([, value]) => Number(value));
		assert.ok(values.length > 0, `${name} is in /metrics`);
		return Math.max(...values);
	};
	return {
		pending: most('pending_rows'),
		store: most('store_queued_rows'),
		syncing: most('sessions_syncing'),
		auth_waiting: most('edge_auth_waiting'),
		router_waiting: most('edge_router_waiting'),
		queued_bytes: most('edge_queued_bytes'),
	};
}

const maxOf = (a, b) => Object.fromEntries(Object.entries(a).map(([name, value]) => [name, Math.max(value, b[name] ?? 0)]));

/* As a client does it that was not told when: full jitter over a time that doubles. */
async function comeBack(reader, pickEdge) {
	const closed = performance.now();
	reader.collect();
	for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
		await sleep(Math.random() * wait);
		try {
			await reader.connect(pickEdge());
			break;
		} catch {
			reader.tries = (reader.tries ?? 0) + 1;
		}
	}
	return performance.now() - closed;
}

test('an edge is killed and started again under load: all are back and resumed, nothing is lost or doubled', async (t) => {
	const CLIENTS = LONG ? 5000 : 200;
	const stack = await startStack(t, { edges: 2, edge: FAST, logLevel: 'info' });
	const readers = Array.from({ length: CLIENTS }, (_, i) => new Reader(stack, `r${i}`));
	await inParallel(CLIENTS, 50, (i) => readers[i].connect(0));
	const talkers = await inParallel(20, 20, (i) => stack.connect({ edge: 1, sub: `t${i}`, dev: 'd' }));
	const load = new Load(talkers, readers);
	await eventually(() => load.n > 500, 'messages flow');
	const before = await depths(stack);

	let most = before;
	let watching = true;
	const watch = (async () => {
		while (watching) {
			most = maxOf(await depths(stack), most);
			await sleep(100);
		}
	})();
	let [, second] = stack.edges;
	const back = readers.map((reader) => reader.client.closed.then(() => comeBack(reader, () => (Math.random() < 0.5 ? second : stack.edges.at(-1)))));
	await stack.edges[0].kill();
	const started = performance.now();
	await stack.startEdge();
	const up = performance.now() - started;
	const times = await within(Promise.all(back), 120000, 'all are connected again');
	const total = performance.now() - started;
	await eventually(() => {
		readers.forEach((reader) => reader.collect());
		return readers.every(({ problem, mids }, i) => problem || mids.length >= load.acked[i].length - 2);
	}, 'all have caught up');
	watching = false;
	await watch;
	const flowing = load.n;
	await eventually(() => load.n > flowing + 500, 'messages flow');
	await load.stop();
	await assertAllThere(load);
	const tries = readers.reduce((sum, { tries: n }) => sum + (n ?? 0), 0);
	console.log(`edge killed with ${CLIENTS} clients: the new one ready after ${ms(up)}, reconnected ${p50p99(times)}, all after ${ms(total)}, ` +
		`${tries} attempts refused; ${load.n} acknowledged messages, none lost, none twice`);
	console.log(`queue depths before ${JSON.stringify(before)}\n  most meanwhile ${JSON.stringify(most)}\n  after ${JSON.stringify(await depths(stack))}`);
	assert.ok(most.store <= 65536 && most.pending <= 65536, 'no queue of the router above its bound');
});

/* Round trips of small messages between others: send to arrival, in ms. */
async function roundTrips(pairs, n) {
	const times = [];
	await Promise.all(pairs.map(async ([from, to], k) => {
		for (let i = 0; i < n; i++) {
			const mid = `${k}.${i}.${Math.random()}`;
			const sent = performance.now();
			const arrival = to.next((frame) => frame.mid === mid);
			assert.equal((await from.chat(to.sub, 'x', { mid })).event, 'ack');
			await arrival;
			times.push(performance.now() - sent);
			await sleep(10);
		}
	}));
	return times;
}

test('one client in a hundred stops reading: the others do not notice, and the edge stays within its bounds', async (t) => {
	const CLIENTS = LONG ? 1000 : 200;
	const STALLED = CLIENTS / 100;
	const PENDING_BYTES = 262144; /* the edge's --pending-bytes */
	const EACH = 1 << 20; /* of a stalled client: what is encoded for it, and its page of the inbox */
	const SLACK = 16 << 20;
	const stack = await startStack(t, { edges: 1, edge: FAST, logLevel: 'info' });
	const [edge] = stack.edges;
	const all = await inParallel(CLIENTS, 50, async (i) => Object.assign(await stack.connect({ sub: `c${i}`, dev: 'd' }), { sub: `c${i}` }));
	const stalled = all.slice(0, STALLED);
	const pairs = Array.from({ length: 20 }, (_, i) => [all[STALLED + 2 * i], all[STALLED + 2 * i + 1]]);
	const flood = (n) => inParallel(n, 4, (i) => sendUntilAcked(all.at(-1), stalled[i % STALLED].sub, `f${i}.${Math.random()}`));
	const body = 'y'.repeat(8000);
	const floodLarge = async (n, stop) => {
		for (let i = 0; i < n || !stop.now; i++)
			await all.at(-1).chat(stalled[i % STALLED].sub, body);
	};
	await flood(50);
	const memory = rss(edge);
	const before = await roundTrips(pairs, 30);
	stalled.forEach((client) => client.ws._socket.pause());
	const stop = { now: false };
	const flooding = Promise.all([0, 1, 2, 3].map(() => floodLarge(500, stop)));
	const during = await roundTrips(pairs, 100);
	stop.now = true;
	await flooding;
	const grown = rss(edge) - memory;
	const cap = STALLED * (PENDING_BYTES + EACH) + SLACK;
	console.log(`${STALLED} of ${CLIENTS} clients stopped reading: the others' round trip before ${p50p99(before)}, with them ${p50p99(during)}; ` +
		`the edge grew by ${(grown / 1024).toFixed(0)} KiB (cap ${cap / 1024} KiB)`);
	assert.ok(SANITIZED || grown < cap, `${grown} bytes over ${cap}`);
	assert.equal(all.filter(({ end }) => end !== undefined).length, 0, 'nobody was closed within the time that is given to slow ones');
	await eventually(async () => (await stack.json('routerctl', 'edges'))[0].behind === STALLED, 'the gauge tells of them');
	/* They read again, and have all of it. */
	for (const client of stalled) {
		client.ws._socket.resume();
		const { head } = (await stack.json('routerctl', 'inbox', client.sub))[0];
		await client.next((frame) => isChat(frame) && frame.seq === head);
		const seqs = client.frames.filter(isChat).map(({ seq }) => seq);
		assert.deepEqual(seqs, seqs.map((_, i) => seqs[0] + i));
	}
});
