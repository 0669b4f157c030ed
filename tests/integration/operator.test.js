/* What an operator can do with the inbox: wait for it, look at it, empty it, copy it and put it back. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
	chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, rmdirSync, statSync, writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BUILD, DEADLINE_MS, eventually, startStack, within } from './stack.js';

const push = (stack, ...args) => stack.run('routerctl', 'push', '--event', 'news', '--json', ...args);
const inbox = async (stack, uid) => (await stack.json('routerctl', 'inbox', uid))[0];
const state = ({ stdout }) => JSON.parse(stdout).state;

/* A user whom the router knows and who has left. */
async function met(stack, sub) {
	const client = await stack.connect({ sub, dev: 'd1' });
	await client.close();
	await eventually(async () => !(await stack.json('routerctl', 'who')).some(({ user }) => user === sub), `${sub} has left`);
}

test('an operator', async (t) => {
	const stack = await startStack(t, { router: ['--inbox-rows', '1000'] });

	await t.test('is told how far a push came', async () => {
		await met(stack, 'ann');
		const cases = [[[], 3, 'stored'], [['--wait', 'accepted'], 0, 'stored'],
			[['--wait', 'acked', '--timeout', '100ms'], 3, 'stored']];
		for (const [args, code, want] of cases) {
			const answer = await push(stack, '--user', 'ann', '--data', '1', ...args);
			assert.deepEqual([answer.code, state(answer)], [code, want], args.join(' '));
		}
		/* Without its pongs a client that says nothing acknowledges nothing. */
		const silent = await stack.connect({ sub: 'ann', dev: 'd1', autoPong: false });
		const unacked = await push(stack, '--user', 'ann', '--data', '2', '--wait', 'acked', '--timeout', '100ms');
		assert.deepEqual([unacked.code, state(unacked)], [4, 'timed_out']);
		const acked = push(stack, '--user', 'ann', '--data', '"last"', '--wait', 'acked', '--timeout', '1min');
		const last = await silent.next((frame) => frame.data === 'last');
		silent.send('heartbeat', { u: last.seq });
		assert.deepEqual([(await acked).code, state(await acked)], [0, 'acked']);
		await silent.close();
	});

	await t.test('sends an id once, also over a killed router', async () => {
		const first = await push(stack, '--user', 'ann', '--data', '3', '--id', 'once');
		assert.equal(first.code, 3);
		await stack.router.kill();
		assert.equal((await push(stack, '--user', 'ann', '--data', '3', '--id', 'once')).code, 1);
		await stack.startRouter();
		const again = await push(stack, '--user', 'ann', '--data', '3', '--id', 'once');
		assert.deepEqual([again.code, state(again)], [0, 'duplicate']);
		assert.equal(JSON.parse(again.stdout).seq, JSON.parse(first.stdout).seq);
		assert.equal((await push(stack, '--user', 'ann', '--data', '4', '--id', 'once')).code, 5);
	});

	await t.test('sees who has most, and empties an inbox', async () => {
		await met(stack, 'bob');
		for (let i = 0; i < 20; i++)
			await push(stack, '--user', 'bob', '--data', String(i));
		const [top, ...rest] = await stack.json('routerctl', 'top', '--count', '1');
		assert.deepEqual([top.user, top.unacked, top.sessions, rest], ['bob', 20, 0, []]);
		assert.equal((await inbox(stack, 'bob')).unacked, 20);
		assert.equal((await stack.run('routerctl', 'inbox', 'bob', '--purge')).code, 64);
		const [purged] = await stack.json('routerctl', 'inbox', 'bob', '--purge', '--yes');
		assert.equal(purged.purged, true);
		const after = await inbox(stack, 'bob');
		assert.deepEqual([after.head, after.floor, after.unacked], [20, 21, 0]);
		assert.equal((await stack.run('routerctl', 'inbox', 'nobody')).code, 5);
	});

	await t.test('copies the store while it is written, and puts the copy back', async () => {
		const { POSTERN_STATE: dir } = stack.env;
		const copy = path.join(stack.dir, 'copy.db');
		let more = true;
		const writing = (async () => {
			for (let i = 0; more; i++)
				assert.equal((await push(stack, '--user', 'bob', '--data', `"${'x'.repeat(20000)}${i}"`, '--wait', 'accepted')).code, 0);
		})();
		for (let i = 0; i < 3; i++) {
			rmSync(copy, { force: true });
			assert.equal((await stack.json('routerctl', 'backup', copy))[0].bytes, statSync(copy).size);
		}
		more = false;
		await writing;
		assert.equal(statSync(copy).mode & 0o777, 0o600);
		assert.deepEqual(readdirSync(dir).filter((name) => name.includes('backup')), [], 'nothing is left of it');
		assert.equal((await stack.run('routerctl', 'backup', copy)).code, 1, 'the file is there already');

		const { head } = await inbox(stack, 'bob');
		await push(stack, '--user', 'bob', '--data', '"lost"', '--wait', 'accepted');
		assert.equal((await stack.router.stop()).code, 0);
		for (const name of ['inbox.db-wal', 'inbox.db-shm'])
			rmSync(path.join(dir, name), { force: true });
		writeFileSync(path.join(dir, 'inbox.db'), readFileSync(copy));
		await assert.rejects(stack.startRouter());
		assert.deepEqual(stack.router.how, { code: 78, signal: null });
		stack.router.killed = true;
		await stack.router.log(/store_refused .*accept-loss/);
		stack.options.router.push('--accept-loss');
		await stack.startRouter();
		const back = await inbox(stack, 'bob');
		assert.ok(back.unacked > 0 && back.head <= head, `${back.head} of ${head}`);
		const bob = await stack.connect({ sub: 'bob', dev: 'd2' });
		const got = await bob.next((frame) => frame.seq === back.head);
		assert.equal(got.event, 'news', 'no row is damaged');
		await bob.close();
	});
});

test('a copy has its name when it is whole', async (t) => {
	const stack = await startStack(t);
	await met(stack, 'ann');
	assert.equal((await push(stack, '--user', 'ann', '--data', '1', '--wait', 'accepted')).code, 0);
	const copies = () => readdirSync(stack.dir).filter((name) => name.startsWith('copy'));
	/* The router stands still meanwhile, so it is not complete before the signal is there. */
	const end = async (signal) => {
		const file = path.join(stack.dir, 'copy.db');
		stack.router.signal('SIGSTOP');
		const child = spawn(path.join(BUILD, 'bin/routerctl'), ['backup', file], { env: stack.env, stdio: 'ignore' });
		const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
		await eventually(() => existsSync(`${file}.part`), 'it has begun');
		child.kill(signal);
		stack.router.signal('SIGCONT');
		return ended;
	};

	await t.test('an interrupted one leaves nothing, here and in the router', async () => {
		for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
			assert.deepEqual(await end(signal), { code: 1, signal: null }, signal);
			assert.deepEqual(copies(), []);
		}
	});
	await t.test('a killed one leaves a part, which is not taken for the copy', async () => {
		assert.equal((await end('SIGKILL')).signal, 'SIGKILL');
		assert.deepEqual(copies(), ['copy.db.part']);
		const again = await stack.run('routerctl', 'backup', path.join(stack.dir, 'copy.db'));
		assert.equal(again.code, 1);
		assert.match(again.stderr, /copy\.db\.part: File exists/);
		rmSync(path.join(stack.dir, 'copy.db.part'));
	});
	await t.test('what has its name already is left alone', async () => {
		const there = path.join(stack.dir, 'there');
		writeFileSync(there, 'of value');
		assert.equal((await stack.run('routerctl', 'backup', there)).code, 1);
		assert.equal(readFileSync(there, 'utf8'), 'of value');
		assert.ok(!existsSync(`${there}.part`));
	});
});

test('a second router leaves a store alone, and so does one that may not write', async (t) => {
	const stack = await startStack(t);
	const run = path.join(stack.dir, 'elsewhere');
	const other = await stack.run('postern-router', '--run', run, '--page', 'off');
	assert.equal(other.code, 78);
	assert.match(other.stderr, /store_refused .*another process/);
	assert.equal((await stack.run('routerctl', 'stats')).code, 0);
	const key = path.join(stack.env.POSTERN_STATE, 'inbox.db.key');
	assert.ok(existsSync(key));
	assert.equal((await stack.router.stop()).code, 0);
	renameSync(key, `${key}.away`);
	assert.equal((await stack.run('postern-router', '--run', run, '--page', 'off')).code, 78);
	renameSync(`${key}.away`, key);
	chmodSync(key, 0o644);
	assert.equal((await stack.run('postern-router', '--run', run, '--page', 'off')).code, 78);
	chmodSync(key, 0o600);
	await within(stack.startRouter(), DEADLINE_MS, 'with its key it starts');
});

const why = async (stack, uid) => (await stack.json('routerctl', 'why', uid)).map(({ kind, detail }) => `${kind} ${detail}`);

test('an operator is told why sessions ended', async (t) => {
	const stack = await startStack(t);
	const has = async (uid, pattern) => eventually(async () => (await why(stack, uid)).some((line) => pattern.test(line)), `${uid}: ${pattern}`);

	assert.deepEqual(await why(stack, 'ann'), []);
	const [desk, phone] = [await stack.connect({ sub: 'ann', dev: 'desk' }), await stack.connect({ sub: 'ann', dev: 'phone' })];
	await desk.close(1000);
	await has('ann', /^opened .*device=desk/);
	await has('ann', /^closed .*device=desk .*code=1000/);
	/* 1102 until all who lived before the router's start have had the time to come back */
	const { code } = (await phone.chat('nobody', 'hello')).data;
	assert.ok([1101, 1102].includes(code), code);
	await has('ann', new RegExp(`^refused .*to=nobody .*code=${code}`));
	for (let i = 0; i < 3; i++)
		phone.raw('no frame');
	assert.equal((await phone.closed).code, 4001);
	await has('ann', /^closed .*device=phone .*code=4001/);
	const kicked = await stack.connect({ sub: 'ann', dev: 'tablet' });
	assert.equal((await stack.run('routerctl', 'kick', 'ann', '--yes')).code, 0);
	assert.equal((await kicked.closed).code, 4009);
	await has('ann', /^kicked .*device=tablet .*code=4009/);
	const revoked = await stack.connect({ sub: 'ann', dev: 'watch' });
	assert.equal((await stack.run('authctl', 'revoke', '--user', 'ann', '--yes')).code, 0);
	assert.equal((await revoked.closed).code, 4404);
	await has('ann', /^revoked .*device=watch .*code=4404/);

	const lines = await stack.json('routerctl', 'why', 'ann');
	assert.ok(lines.length <= 16);
	assert.deepEqual(lines.map(({ at_ms: at }) => at), lines.map(({ at_ms: at }) => at).sort((a, b) => a - b));
	assert.match((await stack.run('routerctl', 'why', 'ann')).stdout, /^20\d\d-\S+Z {2}opened /m);
	assert.deepEqual(await why(stack, 'bob'), []);
	assert.equal((await stack.run('routerctl', 'why')).code, 64);

	await t.test('and what the codes mean, without a router', async () => {
		assert.equal((await stack.router.stop()).code, 0);
		const one = await stack.run('routerctl', 'explain', '4409');
		assert.equal(one.code, 0);
		assert.match(one.stdout, /^4409 replaced/);
		assert.equal((await stack.json('routerctl', 'explain', 'kicked'))[0].code, 4009);
		assert.ok((await stack.json('routerctl', 'explain')).length > 30);
		assert.equal((await stack.run('routerctl', 'explain', '9999')).code, 5);
		assert.equal((await stack.run('routerctl', 'why', 'ann')).code, 1);
	});
});

test('what operators do is in audit.log before it is done', async (t) => {
	const stack = await startStack(t);
	const file = path.join(stack.env.POSTERN_STATE, 'audit.log');
	const all = (at = file) => readFileSync(at, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line))
		.filter(({ daemon }) => daemon === 'router');
	const last = (n) => all().slice(-n).map(({ command, args, result }) => [command, args, result]);

	await stack.connect({ sub: 'ann' });
	const secret = 'only-for-ann-0815';
	assert.equal((await push(stack, '--user', 'ann', '--data', `"${secret}"`, '--id', 'm1')).code, 0);
	assert.deepEqual(last(2), [['push', { user: 'ann', event: 'news', mid: 'm1', bytes: String(secret.length + 2) }, 'begun'],
		['push', { mid: 'm1' }, 'ok']]);
	assert.equal((await stack.run('routerctl', 'kick', 'ann', '--yes')).code, 0);
	assert.deepEqual(last(2), [['kick', { user: 'ann' }, 'begun'], ['kick', { sessions: '1' }, 'ok']]);
	assert.equal((await stack.run('routerctl', 'drain', '4711')).code, 5);
	assert.deepEqual(last(2).map(([command, , result]) => [command, result]), [['drain', 'begun'], ['drain', 'refused']]);
	await stack.json('routerctl', 'stats');
	assert.deepEqual(last(1), [['stats', {}, 'begun']]);
	for (const tool of ['routerctl', 'authctl'])
		assert.deepEqual(await stack.json(tool, 'ping'), [{ ok: true }]);
	assert.ok(!readFileSync(file, 'utf8').includes('ping'));
	assert.deepEqual(last(1), [['stats', {}, 'begun']]);
	assert.equal((await stack.run('routerctl', 'inbox', 'ann', '--purge', '--yes')).code, 0);
	assert.deepEqual(last(2), [['inbox', { user: 'ann', purge: 'yes' }, 'begun'], ['inbox', {}, 'ok']]);
	assert.ok(!readFileSync(file, 'utf8').includes(secret));
	for (const line of all()) {
		assert.equal(line.uid, process.getuid());
		assert.ok(Math.abs(Date.parse(line.time) - Date.now()) < 600000);
	}
	assert.equal(statSync(file).mode & 0o777, 0o640);

	await t.test('what follows on one command is no further command', async () => {
		const copy = path.join(stack.dir, 'copy.db');
		await stack.json('routerctl', 'backup', copy);
		assert.deepEqual(last(1), [['backup', {}, 'begun']]);
		const n = all().length;
		const seen = [];
		const tail = await stack.follow('routerctl', ['tail', '--json'], (line) => seen.push(line));
		await eventually(() => all().length === n + 1, 'the tail is written');
		for (let i = 0; i < 3; i++) {
			const before = seen.length;
			await stack.connect({ sub: 'bob', dev: `d${i}` });
			await eventually(() => seen.length > before, 'the tail shows it');
		}
		tail.kill();
		assert.equal(all().length, n + 1);
	});
	await t.test('a file that was moved away is left by SIGHUP', async () => {
		renameSync(file, `${file}.1`);
		await stack.json('routerctl', 'who');
		assert.equal(all(`${file}.1`).at(-1).command, 'who');
		stack.router.signal('SIGHUP');
		await eventually(() => existsSync(file), 'there is a new one');
		await stack.json('routerctl', 'edges');
		assert.deepEqual(all().map(({ command }) => command), ['edges']);
	});
	await t.test('and what cannot be written is not done', async () => {
		const carol = await stack.connect({ sub: 'carol' });
		rmSync(file);
		mkdirSync(file);
		for (const args of [['kick', 'carol', '--yes'], ['stats'], ['push', '--user', 'carol', '--data', '1']]) {
			const refused = await stack.run('routerctl', ...args);
			assert.equal(refused.code, 1, args.join(' '));
			assert.match(refused.stderr, /1503 .*audit log cannot be written/);
		}
		assert.equal((await carol.heartbeat()).event, 'heartbeat');
		rmdirSync(file);
		assert.equal((await stack.run('routerctl', 'kick', 'carol', '--yes')).code, 0);
		assert.equal((await carol.closed).code, 4009);
	});
});
