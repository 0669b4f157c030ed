/*
 * Connections that change users at random while others write to all of these users.  Each message says for whom
 * it is; each connection keeps account of whose it is, by the frames that it gets and in their order.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAST } from './inbox.js';
import { eventually, inParallel, LONG, startStack } from './stack.js';

const CONNECTIONS = 200;
const SENDERS = 50;
const USERS = Array.from({ length: 40 }, (_, i) => `u${i}`);
const MESSAGES = LONG ? 2000 : 40; /* of each sender */
const any = (list) => list[Math.floor(Math.random() * list.length)];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Swapper {
	/* got: user -> mids; what is wrong goes into problems. */
	constructor(stack, edge, got, problems) {
		Object.assign(this, { stack, edge, got, problems, swaps: 0, others: 0 });
		this.tellsPosition = Math.random() < 0.3;
	}

	async connect() {
		const sub = any(USERS);
		this.client = this.stack.client({ edge: this.edge, sub });
		this.client.ws.on('message', (data) => this.#take(JSON.parse(data.toString())));
		await this.client.opened();
		assert.equal(this.user, sub);
	}

	#begin({ user, identity, resume }, expected) {
		if (identity !== expected)
			this.problems.push(`identity ${identity} after ${this.identity}`);
		Object.assign(this, { user, identity, u: resume.u - resume.missed });
	}

	#take(frame) {
		if (frame.event === 'ready')
			this.#begin(frame.data, 1);
		else if (frame.event === 'identity')
			this.#begin(frame.data, this.identity + 1);
		else if (frame.event === 'chat')
			this.#message(frame);
	}

	#message({ mid, seq, data }) {
		const [, to] = data.content.split(' ');
		if (to !== this.user)
			this.problems.push(`${mid} for ${to} came to ${this.user}, identity ${this.identity}`);
		if (seq !== this.u + 1)
			this.problems.push(`${this.user} has number ${seq} after ${this.u}`);
		this.u = seq;
		this.got.get(to).add(mid);
		if (this.tellsPosition && seq % 5 === 0)
			this.client.send('heartbeat', { u: seq });
	}

	/* To another user, or now and then away and back. */
	async swap() {
		if (this.client.end || Math.random() < 0.1) {
			this.client.drop();
			this.others++;
			return this.connect();
		}
		const id = `s${this.swaps}`;
		const sub = any(USERS);
		const answer = this.client.next((f) => f.id === id && f.event !== 'identity');
		this.client.send('reauth', { token: this.stack.token({ sub }) }, { id });
		const { event, data } = await answer;
		if (event === 'ack') {
			this.swaps++;
			if (this.user !== sub)
				this.problems.push(`${this.user} after a reauth of ${sub}`);
		} else if (data.code === 1301) {
			return pause(Math.min(data.after_ms, 500));
		} else if (![1409, 1503].includes(data.code)) {
			this.problems.push(`a reauth got ${JSON.stringify(data)}`);
		}
	}
}

test('200 connections change users while 50 senders write to all of them', { timeout: LONG ? 1800000 : 180000 }, async (t) => {
	const stack = await startStack(t, { edges: 2, logLevel: 'info', edge: ['--swap', 'rebind', ...FAST], router: ['--watch', 'off'] });
	const got = new Map(USERS.map((user) => [user, new Set()]));
	const problems = [];
	await inParallel(USERS.length, 8, async (i) => (await stack.connect({ sub: USERS[i] })).close());
	const swappers = await inParallel(CONNECTIONS, 16, async (i) => {
		const swapper = new Swapper(stack, i % 2, got, problems);
		await swapper.connect();
		return swapper;
	});
	const senders = await inParallel(SENDERS, 16, (i) => stack.connect({ edge: i % 2, sub: `sender${i}` }));

	let isOver = false;
	const swapping = Promise.all(swappers.map(async (swapper) => {
		while (!isOver && problems.length === 0) {
			await swapper.swap();
			await pause(Math.random() * 100);
		}
	}));
	const acked = new Map(USERS.map((user) => [user, []]));
	await Promise.all(senders.map(async (sender, i) => {
		for (let n = 0; n < MESSAGES && problems.length === 0; n++) {
			const to = any(USERS);
			const mid = `${i}.${n}`;
			const { event, data } = await sender.chat(to, `${mid} ${to}`, { mid });
			if (event === 'ack')
				acked.get(to).push(mid);
			else
				problems.push(`a send got ${JSON.stringify(data)}`);
			await pause(Math.random() * 20);
		}
	}));
	isOver = true;
	await swapping;
	assert.deepEqual(problems.slice(0, 10), []);

	const swaps = swappers.reduce((sum, { swaps }) => sum + swaps, 0);
	const sent = [...acked.values()].reduce((sum, mids) => sum + mids.length, 0);
	await Promise.all(swappers.map(({ client }) => client.close()));
	/* What nobody has taken is in the inboxes. */
	await inParallel(USERS.length, 4, async (i) => {
		const user = USERS[i];
		const last = new Swapper(stack, i % 2, got, problems);
		last.client = stack.client({ edge: i % 2, sub: user });
		last.client.ws.on('message', (data) => {
			const frame = JSON.parse(data.toString());
			if (frame.event === 'chat')
				got.get(frame.data.content.split(' ')[1]).add(frame.mid);
		});
		await last.client.opened();
		await eventually(() => acked.get(user).every((mid) => got.get(user).has(mid)), `${user} has all ${acked.get(user).length}`);
	});
	assert.equal(sent, SENDERS * MESSAGES);
	assert.deepEqual(problems, []);
	assert.ok(swaps > CONNECTIONS * 2, `${swaps} swaps`);
	t.diagnostic(`${swaps} swaps, ${sent} messages acked, none lost, none to another user`);
});
