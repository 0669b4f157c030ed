/* An edge that goes hands its clients over: nothing lost, nothing twice, one reconnection each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, eventually, inParallel, request, startStack, within } from './stack.js';

const FAST = ['--msgs-per-second', '100000', '--msgs-burst', '100000', '--drain', '3s'];

/* A client that goes on elsewhere when its edge sends it away, and keeps count. */
class Wanderer {
	constructor(stack, sub, edge) {
		Object.assign(this, { stack, sub, edge, got: [], acked: [], moves: 0, goaways: 0, at: undefined, n: 0 });
	}

	async connect() {
		this.client = await this.stack.connect({ edge: this.edge, sub: this.sub, dev: 'd', at: this.at });
		const { resume } = this.client.ready.data;
		this.at ??= { epoch: resume.epoch, u: resume.u, s: resume.s };
		if (this.moves > 0)
			assert.equal(resume.recovered, true);
	}

	/* What is in the client's hands so far. */
	collect() {
		for (const frame of this.client.frames.splice(0)) {
			assert.notEqual(frame.event, 'reset');
			if (frame.event === 'goaway') {
				this.goaways++;
				assert.equal(frame.data.resumable, true);
				assert.ok(frame.data.close_in_ms <= 3000);
			}
			const seq = frame.event === 'ack' ? frame.data.seq : frame.seq;
			if (seq === this.at.u + 1)
				this.at.u = seq;
			else if (frame.event === 'chat')
				assert.ok(seq <= this.at.u, `${this.sub}: ${seq} after ${this.at.u}`);
			else
				continue;
			if (frame.event === 'chat' && !frame.carbon && seq === this.at.u)
				this.got.push(frame.mid);
		}
	}

	/* Sends until it is stopped, with the same mid until there is an ack. */
	async talk(others, stop) {
		while (!stop.now) {
			const mid = `${this.sub}.${this.n}`;
			const to = others[this.n % others.length];
			this.client.send('chat', { toUserId: to.sub, message: mid }, { id: this.n, mid });
			const answer = await eventually(() => this.client.frames.find((f) => f.id === this.n) ?? this.client.end, 'an answer');
			this.collect();
			if (answer.event === 'ack') {
				to.acked.push(mid);
				this.n++;
			} else if (this.client.end) {
				await this.move();
			}
		}
		if (this.client.end)
			await this.move();
	}

	async move() {
		const { code, reason } = await this.client.closed;
		assert.equal(code, 4202);
		assert.match(reason, /^drain;after=\d+;resume=1$/);
		this.moves++;
		this.edge = 1;
		await this.connect();
	}
}

async function drainUnderLoad(t, begin) {
	const CLIENTS = 60;
	const stack = await startStack(t, { edges: 2, edge: FAST, logLevel: 'info' });
	const all = Array.from({ length: CLIENTS }, (_, i) => new Wanderer(stack, `w${i}`, i % 2));
	await inParallel(CLIENTS, 20, (i) => all[i].connect());
	const stop = { now: false };
	const talkers = all.map((one, i) => one.talk(all.filter((_, k) => k !== i), stop));
	await eventually(() => all.every((one) => one.n > 3), 'messages flow');
	await begin(stack);
	const { code } = await within(stack.edges[0].ended, 30000, 'the edge ends');
	assert.equal(code, 0);
	const before = all.map((one) => one.n);
	await eventually(() => all.every((one, i) => one.n > before[i] + 3), 'messages flow on the other edge');
	stop.now = true;
	await Promise.all(talkers);
	for (const one of all) {
		await eventually(() => {
			one.collect();
			return one.acked.every((mid) => one.got.includes(mid));
		}, `${one.sub} has what was acknowledged`);
		assert.equal(new Set(one.got).size, one.got.length, 'none twice');
		assert.ok(one.moves <= 1, 'one reconnection at most');
		assert.equal(one.goaways, one.moves, 'and it was told');
	}
	assert.equal(all.filter((one) => one.moves === 1).length, CLIENTS / 2);
	console.log(`${all.flatMap((one) => one.acked).length} acknowledged messages over the drain of one of two edges: none lost, none twice`);
}

test('SIGTERM under load: every client resumes elsewhere, nothing is lost or doubled', async (t) => {
	await drainUnderLoad(t, async (stack) => stack.edges[0].signal('SIGTERM'));
});

test('routerctl drain does the same', async (t) => {
	await drainUnderLoad(t, async (stack) => {
		const [, first] = /edge=(\d+)/.exec((await stack.edges[0].log(/ link_up edge=\d+/))[0]);
		const { code, stderr } = await stack.run('routerctl', 'drain', first);
		assert.equal(code, 0, stderr);
	});
});

test('an edge that drains takes nobody new, and says so', async (t) => {
	const stack = await startStack(t, { edges: 1, edge: ['--drain', '10s'] });
	const [edge] = stack.edges;
	const clients = await inParallel(100, 20, (i) => stack.connect({ sub: `c${i}` }));
	edge.signal('SIGTERM');
	const { data } = await clients[99].next('goaway');
	assert.equal(data.reason, 'drain');
	const upgrade = { headers: { Authorization: `Bearer ${stack.token({ sub: 'new' })}` } };
	assertRefused(await request(edge, upgrade), 503, 4202);
	assert.equal((await request(edge, { target: '/readyz', upgrade: false })).status, 503);
	assert.equal((await request(edge, { target: '/healthz', upgrade: false })).status, 200);
	/* Each has a slot of its own: they do not all leave at once. */
	const left = await Promise.all(clients.map(async (client) => {
		assert.equal((await client.closed).code, 4202);
		return performance.now();
	}));
	assert.ok(Math.max(...left) - Math.min(...left) > 500, 'spread over the slots');
	assert.equal((await within(edge.ended, 30000, 'the edge ends')).code, 0);
});
