/* Keys are changed while clients come and go: no good token is refused, no session is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRecorder } from './record.js';
import { eventually, inParallel, request, startStack } from './stack.js';

const PER_SECOND = 500;
const USERS = 400;

/* The id of the key that made it stands in its fifth byte. */
const keyOf = (ticket) => Number.parseInt(ticket.slice(8, 10), 16);
const kidOf = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString()).kid;

async function rotate(stack, what) {
	const { code, stderr } = await stack.run('authctl', 'keys', 'rotate', what, '--yes');
	assert.equal(code, 0, stderr);
}

/* Upgrades at PER_SECOND, on all edges in turn, until stop() is called, which resolves with what became of each. */
function startUpgrades(stack) {
	const answers = [];
	const started = performance.now();
	const timer = setInterval(() => {
		const due = Math.floor((performance.now() - started) / 1000 * PER_SECOND);
		/* A machine that is behind is not given ever more at once. */
		for (let n = Math.min(due - answers.length, PER_SECOND / 10); n > 0; n--) {
			const i = answers.length;
			const headers = { Authorization: `Bearer ${stack.token({ sub: `u${i % USERS}` })}` };
			answers.push(request(stack.edges[i % stack.edges.length], { headers }).then((answer) => {
				answer.socket?.destroy();
				return answer.status;
			}));
		}
	}, 5);
	return {
		get n() {
			return answers.length;
		},
		/* When so many more have been begun. */
		more(n) {
			const until = answers.length + n;
			return eventually(() => answers.length >= until, `${n} more upgrades`);
		},
		async stop() {
			clearInterval(timer);
			const seconds = (performance.now() - started) / 1000;
			return { statuses: await Promise.all(answers), perSecond: Math.round(answers.length / seconds) };
		},
	};
}

/* Every client hears from the next one. */
async function allAreHeard(clients, text) {
	await inParallel(clients.length, 20, async (i) => {
		const next = (i + 1) % clients.length;
		assert.equal((await clients[i].chat(`old${next}`, `${text} ${i}`)).data.state, 'delivered');
		assert.equal((await clients[next].next('chat')).data.content, `${text} ${i}`);
	});
}

test('the ticket key is changed under a stream of upgrades', async (t) => {
	const stack = await startStack(t, { edges: 2, logLevel: 'info' });
	const clients = await inParallel(40, 10, (i) => stack.connect({ sub: `old${i}`, edge: i % 2 }));
	const recorder = await startRecorder(stack, [stack.token({ sub: 'rec' })]);
	const [mine] = recorder.sessions;
	assert.equal(keyOf(mine.ticket), 1);

	const upgrades = startUpgrades(stack);
	await upgrades.more(PER_SECOND);
	await rotate(stack, 'ticket');
	await stack.auth.log(/ ticket_key_changed minting=2 /);
	await stack.router.log(/ ticket_key_changed minting=2/);
	await recorder.next('credential');
	await upgrades.more(2 * PER_SECOND);
	const { statuses, perSecond } = await upgrades.stop();
	console.log(`${statuses.length} upgrades at ${perSecond} a second around a change of the ticket key`);

	await t.test('no upgrade with a good token was refused', () => {
		assert.deepEqual(statuses.filter((status) => status !== 101), []);
	});
	await t.test('sessions of before live on', async () => {
		await allAreHeard(clients, 'after the change');
		assert.deepEqual(clients.filter((client) => client.end), []);
	});
	await t.test('and are renewed, with the new key', async () => {
		const renewed = await recorder.extend(mine.ticket);
		assert.equal(renewed.is, 'granted');
		assert.equal(keyOf(renewed.ticket), 2);
		recorder.say('renew', mine.session, renewed.ticket);
		recorder.say('send', mine.session, 'old0', 'renewed');
		assert.equal((await clients[0].next('chat')).data.content, 'renewed');
		const stats = (await stack.json('routerctl', 'stats'))[0];
		assert.equal(stats.tickets_bad_total, 0);
		assert.equal(stats.violations_total, 0);
	});
	await t.test('a second change waits for the end of the first', async () => {
		const { code, stderr } = await stack.run('authctl', 'keys', 'rotate', 'ticket', '--yes');
		assert.equal(code, 5);
		assert.match(stderr, /key 1 still verifies what it made/);
	});
});

test('auth and the router are started anew in the middle of a change of the ticket key', async (t) => {
	const stack = await startStack(t, { edges: 2, logLevel: 'info' });
	const clients = await inParallel(10, 10, (i) => stack.connect({ sub: `old${i}`, edge: i % 2 }));
	const upgrade = async (sub) => (await request(stack.edges[0], { headers: { Authorization: `Bearer ${stack.token({ sub })}` } })).status;
	const changed = () => stack.auth.log(/ ticket_key_changed minting=2 /);

	await t.test('auth is killed before the router has heard of the new key', async () => {
		stack.router.signal('SIGSTOP');
		try {
			await rotate(stack, 'ticket');
			await stack.auth.kill();
		} finally {
			stack.router.signal('SIGCONT');
		}
		await stack.startAuth();
		await changed();
		await eventually(async () => await upgrade('a') === 101, 'upgrades go on');
		await allAreHeard(clients, 'auth is back');
	});
	await t.test('the router is killed when the new key mints', async () => {
		const from = stack.auth.lines.length;
		await stack.router.kill();
		await stack.startRouter();
		await stack.router.log(/ ticket_key_changed minting=2/);
		await stack.auth.log(/ router_reached /, { from });
		await eventually(async () => await upgrade('b') === 101, 'upgrades go on');
		await eventually(async () => (await stack.json('routerctl', 'who')).filter((line) => line.user.startsWith('old')).length === clients.length, 'the sessions are back');
		await allAreHeard(clients, 'the router is back');
	});
	await t.test('auth is started anew once more', async () => {
		await stack.auth.stop();
		await stack.startAuth();
		await changed();
		const recorder = await startRecorder(stack, [stack.token({ sub: 'rec' })]);
		assert.equal(keyOf(recorder.sessions[0].ticket), 2);
		await allAreHeard(clients, 'auth is back again');
	});
	await t.test('no session was lost, and no ticket was refused', async () => {
		assert.deepEqual(clients.filter((client) => client.end), []);
		const stats = (await stack.json('routerctl', 'stats'))[0];
		assert.equal(stats.tickets_bad_total, 0);
	});
});

test('the own key is changed', async (t) => {
	const stack = await startStack(t, { auth: [], logLevel: 'info' });
	const made = async () => stack.canary((await stack.json('authctl', 'token', '--sub', 'ann'))[0].token);
	const login = async () => {
		const answer = await request(stack.edges[0], {
			method: 'POST',
			target: '/api/login',
			upgrade: false,
			headers: { 'Content-Type': 'application/json' },
			body: JSON.stringify({ username: 'jim', password: '123456' }),
		});
		assert.equal(answer.status, 200, answer.body);
		return stack.canary(answer.json.access_token);
	};
	const before = [await made(), await login()];
	const ann = await stack.connect({ token: before[0] });
	assert.deepEqual(before.map(kidOf), ['own', 'own']);

	await rotate(stack, 'own');
	const after = [await made(), await login()];
	const isGood = async (token) => {
		const client = await stack.connect({ token });
		await client.close();
	};

	await t.test('new tokens have the new kid', () => {
		assert.notEqual(kidOf(after[0]), 'own');
		assert.equal(kidOf(after[1]), kidOf(after[0]));
	});
	await t.test('tokens of before and of after are good', async () => {
		for (const token of [...before, ...after])
			await isGood(token);
		await ann.heartbeat();
	});
	await t.test('they are, too, when auth was started anew, or reads its keys again', async () => {
		await stack.auth.stop();
		await stack.startAuth();
		for (const token of [...before, ...after])
			await eventually(() => isGood(token).then(() => true, () => false), 'the edge has reached auth');
		const from = stack.auth.lines.length;
		stack.auth.signal('SIGHUP');
		await stack.auth.log(/ keys_loaded count=2/, { from });
		for (const token of [...before, ...after])
			await isGood(token);
	});
	await t.test('and after another change', async () => {
		await rotate(stack, 'own');
		const newest = await made();
		assert.notEqual(kidOf(newest), kidOf(after[0]));
		for (const token of [...before, ...after, newest])
			await isGood(token);
	});
	await t.test('a token with the old kid and another secret is not', async () => {
		const forged = stack.token({ sub: 'ann' }, { secret: Buffer.alloc(32, 'x') });
		assert.equal((await request(stack.edges[0], { headers: { Authorization: `Bearer ${forged}` } })).status, 401);
	});
});
