/*
 * What an edge that somebody took over cannot do with tickets and sessions.  Each attempt is refused, is counted
 * where no honest edge would make it, and leaves everybody where he was.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRecorder } from './record.js';
import { eventually, startStack } from './stack.js';
import { alter, idOf, mint, readTicket, READ_ONLY } from './tickets.js';

const NOT_PERMITTED = 1404;
const [FORBIDDEN, KICKED, RATE_LIMITED, RETRY, UNAUTHORIZED, TOKEN_EXPIRED, REVOKED] = [4003, 4009, 4129, 4200, 4401, 4230, 4404];
const API_SESSIONS_PER_USER = 16;

const stats = async (stack) => (await stack.json('routerctl', 'stats'))[0];
const idsOf = async (stack, uid) => ((await stack.json('routerctl', 'user', uid))[0]?.sessions ?? []).map(({ session }) => session);

/* Who is there, how, and how far: what no refused attempt may change. */
async function digest(stack) {
	const { sessions, users_online, users_known, unacked_rows, system_head, sessions_rebound_total, pushes_total, messages_stored_total } = await stats(stack);
	const who = await stack.json('routerctl', 'who');
	const users = await Promise.all(who.map(async ({ user }) => {
		const [{ seq, sessions: list }] = await stack.json('routerctl', 'user', user);
		return [user, seq, list.map(({ session, device, edge, dialect, away }) => [session, device, edge, dialect, away])];
	}));
	return { sessions, users_online, users_known, unacked_rows, system_head, sessions_rebound_total, pushes_total, messages_stored_total, users };
}

/* Attempts, each {do(), refused?: code, violations?, bad?}: of `violations_total` and `tickets_bad_total`. */
async function refuse(t, stack, attempts) {
	for (const [what, { attempt, violations = 0, bad = 0, isStill = true }] of Object.entries(attempts)) {
		await t.test(what, async () => {
			const before = { ...(await stats(stack)), digest: await digest(stack) };
			await attempt();
			await eventually(async () => {
				const now = await stats(stack);
				return now.violations_total - before.violations_total >= violations && now.tickets_bad_total - before.tickets_bad_total >= bad;
			}, 'it is counted');
			const after = await stats(stack);
			assert.equal(after.violations_total - before.violations_total, violations, 'violations');
			assert.equal(after.tickets_bad_total - before.tickets_bad_total, bad, 'tickets that auth did not make');
			if (isStill)
				assert.deepEqual(await digest(stack), before.digest);
		});
	}
}

/* An edge that says open or rebind, and what comes back. */
function opener(evil) {
	const answer = (nonce, from) => Promise.race(['opened', 'open_refused'].map((is) =>
		evil.next(is, { from, test: (line) => line.nonce === nonce })));
	return {
		open(ticket, nonce, ...more) {
			const from = evil.seen.length;
			evil.say('open', ticket, nonce, ...(more.length > 0 ? more : ['dev']));
			return answer(nonce, from);
		},
		rebind(session, ticket, nonce, device = 'dev') {
			const from = evil.seen.length;
			evil.say('rebind', session, ticket, nonce, device);
			return answer(nonce, from);
		},
	};
}

/* A taken edge with a session of eve's, an honest one with ann's, and a client; nothing is counted yet. */
async function start(t, options) {
	const stack = await startStack(t, options);
	const victim = await startRecorder(stack, [stack.token({ sub: 'ann' })]);
	const evil = await startRecorder(stack, [stack.token({ sub: 'eve' })]);
	return { stack, victim, evil, ann: victim.sessions[0], eve: evil.sessions[0], ...opener(evil) };
}

const isRefused = (answer, code) => assert.deepEqual([answer.is, answer.code], ['open_refused', code]);

test('an evil edge cannot rebind', async (t) => {
	const { stack, victim, evil, ann, eve, rebind } = await start(t);
	const fresh = (sub) => evil.verify(stack.token({ sub }));
	await refuse(t, stack, {
		"another link's session": {
			violations: 1,
			attempt: async () => {
				const { ticket, nonce } = await fresh('eve');
				isRefused(await rebind(ann.session, ticket, nonce), FORBIDDEN);
			},
		},
		'a session that never was': {
			violations: 1,
			attempt: async () => {
				const { ticket, nonce } = await fresh('eve');
				isRefused(await rebind('00000000deadbeef', ticket, nonce), FORBIDDEN);
			},
		},
		"its own session with another edge's ticket": {
			violations: 1,
			attempt: async () => {
				const { ticket, nonce } = await victim.verify(stack.token({ sub: 'ann' }));
				isRefused(await rebind(eve.session, ticket, nonce), FORBIDDEN);
			},
		},
		'its own session with the ticket that opened it': {
			violations: 1,
			attempt: async () => isRefused(await rebind(eve.session, eve.ticket, eve.nonce), FORBIDDEN),
		},
		'its own session with a ticket that somebody wrote': {
			bad: 1,
			violations: 1,
			attempt: async () => {
				const { ticket, nonce } = await fresh('eve');
				isRefused(await rebind(eve.session, alter(ticket, { uid: 'bob' }), nonce), UNAUTHORIZED);
			},
		},
		'its own session with a ticket that is over': {
			attempt: async () => {
				const { ticket, nonce } = await fresh('bob');
				const { issuedAt } = readTicket(ticket);
				const over = mint(stack, ticket, { issuedAt: issuedAt - 60000n, presentBy: issuedAt - 50000n });
				isRefused(await rebind(eve.session, over, nonce), RETRY);
			},
		},
	});
	await t.test('and the sessions are those of their users still', async () => {
		victim.say('send', ann.session, 'eve', 'the real ann');
		await evil.next('deliver', { test: (line) => line.text.includes('the real ann') && line.text.includes('"fromUser":"ann"') });
		assert.deepEqual(await idsOf(stack, 'eve'), [eve.session]);
	});
	await t.test('what an honest edge does works: one step, the old one gone, the new one there', async () => {
		const { ticket, nonce } = await fresh('bob');
		const opened = await rebind(eve.session, ticket, nonce);
		assert.equal(opened.is, 'opened');
		assert.notEqual(opened.session, eve.session);
		assert.deepEqual([await idsOf(stack, 'eve'), await idsOf(stack, 'bob')], [[], [opened.session]]);
		evil.say('send', opened.session, 'ann', 'as bob');
		await victim.next('deliver', { test: (line) => line.text.includes('as bob') && line.text.includes('"fromUser":"bob"') });
		assert.equal((await stats(stack)).sessions_rebound_total, 1);
		isRefused(await rebind(eve.session, ticket, nonce), RETRY);
	});
});

test('an evil edge cannot open', async (t) => {
	const { stack, victim, evil, eve, open } = await start(t);
	const fresh = () => evil.verify(stack.token({ sub: 'eve' }));
	await refuse(t, stack, {
		"with another edge's ticket": {
			violations: 1,
			attempt: async () => {
				const { ticket, nonce } = await victim.verify(stack.token({ sub: 'ann' }));
				isRefused(await open(ticket, nonce), FORBIDDEN);
			},
		},
		'with a ticket of its own life before': {
			violations: 1,
			attempt: async () => {
				const { ticket, nonce } = await fresh();
				const { edgeEpoch } = readTicket(ticket);
				isRefused(await open(mint(stack, ticket, { edgeEpoch: edgeEpoch ^ 1n }), nonce), FORBIDDEN);
			},
		},
		'with a ticket that was used': {
			violations: 1,
			attempt: async () => isRefused(await open(eve.ticket, eve.nonce), FORBIDDEN),
		},
		"with the nonce of another upgrade": {
			violations: 1,
			attempt: async () => {
				const { ticket } = await fresh();
				isRefused(await open(ticket, '0123456789abcdef'), FORBIDDEN);
			},
		},
		'with a ticket that nobody showed in time': {
			attempt: async () => {
				const { ticket, nonce } = await fresh();
				const { issuedAt } = readTicket(ticket);
				isRefused(await open(mint(stack, ticket, { issuedAt: issuedAt - 60000n, presentBy: issuedAt - 50000n }), nonce), RETRY);
			},
		},
		'with a ticket whose token is over': {
			attempt: async () => {
				const { ticket, nonce } = await fresh();
				const end = readTicket(ticket).issuedAt - 1000n;
				isRefused(await open(mint(stack, ticket, { sessionEnd: end, ceiling: end }), nonce), TOKEN_EXPIRED);
			},
		},
	});
	await t.test('a session of its own that it closed', async () => {
		const { ticket, nonce } = await fresh();
		const { session } = await open(ticket, nonce);
		evil.say('close', session, 1000);
		await eventually(async () => !(await idsOf(stack, 'eve')).includes(session), 'it is closed');
		const answer = await open(ticket, nonce);
		assert.equal(answer.is, 'open_refused');
		assert.equal((await open(ticket, nonce, 'dev', 'reopen')).is, 'open_refused');
	});
});

test('an evil edge cannot write tickets', async (t) => {
	const { stack, evil, eve, open } = await start(t);
	const late = 1n << 50n;
	const forgeries = {
		'for another user': { uid: 'ann' },
		'with another scope': { flags: 3n },
		'with a later end': { sessionEnd: late },
		'with a later ceiling': { ceiling: late },
		'with more time to show it': { presentBy: late },
		'for another edge': { edgeId: 1n },
		'of another token': { tokenHash: 1n },
	};
	const attempts = Object.entries(forgeries).map(([what, change]) => [what, {
		bad: 1,
		violations: 1,
		attempt: async () => {
			const { ticket, nonce } = await evil.verify(stack.token({ sub: 'eve' }));
			isRefused(await open(alter(ticket, change), nonce), UNAUTHORIZED);
		},
	}]);
	await refuse(t, stack, Object.fromEntries(attempts));
	assert.deepEqual(await idsOf(stack, 'eve'), [eve.session]);
});

test('an evil edge cannot extend', async (t) => {
	const { stack, victim, evil, ann, eve } = await start(t);
	const endOf = async () => {
		const [{ sessions }] = await stack.json('routerctl', 'user', 'eve');
		return sessions[0].ends_in_ms;
	};
	const longer = readTicket(eve.ticket).sessionEnd + 3600000n;
	const before = await endOf();
	/* What the router has taken comes before the answer to this. */
	const settled = async () => {
		const from = evil.seen.length;
		evil.say('send', eve.session, 'eve', 'x');
		await evil.next('result', { from });
	};
	await refuse(t, stack, {
		'a session with a ticket that it wrote': {
			bad: 1,
			violations: 1,
			isStill: false,
			attempt: async () => {
				evil.say('renew', eve.session, alter(eve.ticket, { sessionEnd: longer }));
				await settled();
			},
		},
		"a session with another edge's ticket": {
			violations: 1,
			isStill: false,
			attempt: async () => {
				evil.say('renew', eve.session, ann.ticket);
				await settled();
			},
		},
		"another edge's session": {
			violations: 1,
			isStill: false,
			attempt: async () => {
				evil.say('renew', ann.session, eve.ticket);
				await settled();
			},
		},
		'a session with the ticket of another of its own': {
			violations: 1,
			isStill: false,
			attempt: async () => {
				const { ticket } = await evil.verify(stack.token({ sub: 'eve' }));
				evil.say('renew', eve.session, ticket);
				await settled();
			},
		},
		'a session with an authentic ticket that it was given before': {
			isStill: false,
			attempt: async () => {
				evil.say('renew', eve.session, mint(stack, eve.ticket, { sessionEnd: longer, ceiling: longer }));
				await settled();
			},
		},
		'a ticket at auth that it wrote, or that is of another edge or over': {
			attempt: async () => {
				const { issuedAt } = readTicket(eve.ticket);
				for (const ticket of [alter(eve.ticket, { ceiling: longer }), ann.ticket, mint(stack, eve.ticket, { sessionEnd: issuedAt - 1n }), '00'])
					assert.equal((await evil.extend(ticket)).is, 'denied');
			},
		},
		'a token by the ticket of a session of another': {
			attempt: async () => assert.equal((await evil.verify(stack.token({ sub: 'eve' }), ann.ticket)).is, 'denied'),
		},
	});
	assert.ok((await endOf()) <= before);
	await t.test('beyond the end of the token', async () => {
		const granted = await evil.extend(eve.ticket);
		assert.equal(granted.is, 'granted');
		const [first, second] = [readTicket(eve.ticket), readTicket(granted.ticket)];
		assert.equal(second.ceiling, first.ceiling);
		assert.ok(second.sessionEnd <= first.ceiling);
		assert.equal(second.session, first.session);
	});
	assert.equal(victim.all('shut').length, 0);
});

test('an evil edge cannot act for a user whose ticket it does not have, nor beyond a ticket', async (t) => {
	const { stack, victim, evil, ann, eve, open } = await start(t);
	const bob = await stack.connect({ sub: 'bob' });
	const result = async (...words) => {
		const from = evil.seen.length;
		evil.say(...words);
		return evil.next('result', { from });
	};
	const reader = await evil.verify(stack.token({ sub: 'rita', scope: 'read-only' }));
	assert.equal(readTicket(reader.ticket).flags & READ_ONLY, READ_ONLY);
	const { session: reading } = await open(reader.ticket, reader.nonce);
	await refuse(t, stack, {
		'send by the session of another link': {
			violations: 1,
			attempt: async () => evil.say('send', ann.session, 'bob', 'forged'),
		},
		'send by a session that it guesses': {
			violations: 1,
			attempt: async () => evil.say('send', idOf(BigInt(`0x${ann.session}`) + 1n), 'bob', 'forged'),
		},
		'push by the session of another link': {
			violations: 1,
			attempt: async () => evil.say('push', ann.session, '*', 'news', '"forged"'),
		},
		'push with a ticket without the scope, to all and to one': {
			attempt: async () => {
				for (const to of ['*', 'bob'])
					assert.equal((await result('push', eve.session, to, 'news', '"forged"')).code, NOT_PERMITTED);
			},
		},
		'send or push with a ticket that is for reading': {
			attempt: async () => {
				assert.equal((await result('send', reading, 'bob', 'forged')).code, NOT_PERMITTED);
				assert.equal((await result('push', reading, 'bob', 'news', '"forged"')).code, NOT_PERMITTED);
			},
		},
	});
	victim.say('send', ann.session, 'bob', 'the real ann');
	assert.deepEqual((await bob.next('chat')).data, { fromUser: 'ann', content: 'the real ann' });
	await bob.heartbeat();
	assert.ok(!bob.frames.some((frame) => JSON.stringify(frame).includes('forged')));
	await t.test('with the scopes the same is done', async () => {
		const pusher = await evil.verify(stack.token({ sub: 'pia', scope: 'push' }));
		const { session } = await open(pusher.ticket, pusher.nonce);
		assert.equal((await result('push', session, 'bob', 'news', '"allowed"')).code, 0);
		assert.equal((await bob.next('news')).data, 'allowed');
	});
});

test('a session of one HTTP request hears nothing, is seen by nobody, and there are few', async (t) => {
	const { stack, victim, evil, ann, open } = await start(t);
	const call = async (sub) => {
		const { ticket, nonce } = await evil.verify(stack.token({ sub }));
		return open(ticket, nonce, 'api', 'api');
	};
	const { session } = await call('bob');
	assert.ok(!(await stack.json('routerctl', 'who')).some(({ user }) => user === 'bob'));
	victim.say('send', ann.session, 'bob', 'kept for bob');
	const kept = await victim.next('result');
	assert.deepEqual([kept.state, kept.devices], [3, 0], 'it counts as no device');
	evil.say('send', session, 'ann', 'by HTTP');
	await victim.next('deliver', { test: (line) => line.text.includes('by HTTP') && line.text.includes('"fromUser":"bob"') });
	assert.equal(evil.received('kept for bob'), false);
	evil.say('close', session);
	const answers = [];
	for (let i = 0; i <= API_SESSIONS_PER_USER; i++)
		answers.push(await call('carl'));
	assert.deepEqual(answers.map(({ is }) => is), [...Array(API_SESSIONS_PER_USER).fill('opened'), 'open_refused']);
	assert.equal(answers.at(-1).code, RATE_LIMITED);
});

test('an evil edge cannot open again what was ended for good, not even after a restart of the router', async (t) => {
	const stack = await startStack(t);
	const users = ['kicked', 'revoked', 'loser', 'lives'];
	const tokens = users.map((sub) => stack.token({ sub }));
	const evil = await startRecorder(stack, tokens);
	const { open } = opener(evil);
	const of = Object.fromEntries(users.map((user, i) => [user, evil.sessions[i]]));
	const jti = JSON.parse(Buffer.from(tokens[2].split('.')[1], 'base64url')).jti;

	assert.equal((await stack.run('routerctl', 'kick', 'kicked', '--yes')).code, 0);
	assert.equal((await stack.run('authctl', 'revoke', '--user', 'revoked', '--yes')).code, 0);
	assert.equal((await stack.run('authctl', 'revoke', '--jti', jti, '--yes')).code, 0);
	const ends = { kicked: KICKED, revoked: REVOKED, loser: REVOKED };
	for (const [user, code] of Object.entries(ends))
		assert.equal((await evil.next('shut', { test: (line) => line.session === of[user].session })).code, code);
	const refuseAll = async (...more) => {
		for (const user of Object.keys(ends)) {
			const answer = await open(of[user].ticket, of[user].nonce, 'dev', ...more);
			assert.equal(answer.is, 'open_refused', user);
			/* With a new lease it shows its tokens anew, and who was kicked may come back by that. */
			assert.ok(!(await idsOf(stack, user)).includes(of[user].session), user);
		}
	};
	await t.test('before', async () => {
		await refuseAll('reopen');
	});
	await t.test('after kill -9', async () => {
		await stack.router.kill();
		await stack.startRouter();
		await eventually(async () => {
			evil.say('hello', 'again');
			await stack.json('routerctl', 'stats');
			return (await stack.json('routerctl', 'edges')).length === 2;
		}, 'it has a link again');
		await evil.next('link_up', { from: evil.seen.findLastIndex(({ is }) => is === 'lease') });
		for (const [user, code] of Object.entries(ends))
			isRefused(await open(of[user].ticket, of[user].nonce, 'dev', 'reopen'), code);
		await refuseAll('reopen');
		const { is, session } = await open(of.lives.ticket, of.lives.nonce, 'dev', 'reopen');
		assert.deepEqual([is, session], ['opened', of.lives.session], 'one that was not ended comes back');
		assert.equal((await open(of.lives.ticket, of.lives.nonce, 'dev', 'reopen')).is, 'open_refused', 'once');
	});
	await t.test('nor get tickets for it', async () => {
		for (const user of ['revoked', 'loser']) {
			assert.equal((await evil.extend(of[user].ticket)).is, 'denied');
			assert.equal((await evil.verify(tokens[users.indexOf(user)])).is, 'denied');
		}
		assert.equal((await evil.verify(tokens[0])).is, 'granted', 'who was kicked may come back');
	});
});

test('what an edge says of a close is noted, and no more than that', async (t) => {
	const stack = await startStack(t, { edges: 0 });
	const evil = await startRecorder(stack, Array.from({ length: 3 }, () => stack.token({ sub: 'eve' })));
	const codes = [4201, 999999, ''];
	for (const [i, code] of codes.entries())
		evil.say('close', evil.sessions[i].session, code);
	await eventually(async () => (await stats(stack)).sessions === 0, 'they are closed');
	const closed = (await stack.json('routerctl', 'why', 'eve')).filter(({ kind }) => kind === 'closed').map(({ detail }) => detail);
	assert.deepEqual(evil.sessions.map(({ session }) => /code=(\d+)/.exec(closed.find((line) => line.includes(session)))?.[1]),
		['4201', undefined, undefined]);
	assert.equal((await stats(stack)).violations_total, 0);
});
