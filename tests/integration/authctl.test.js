/* What an operator does with authctl: users and their passwords, and what audit.log says of it. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmdirSync, statSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BUILD, DEADLINE_MS, eventually, request, startStack, within } from './stack.js';

const REVOKED = 4404;

const login = (edge, username, password) =>
	request(edge, { method: 'POST', target: '/api/login', upgrade: false, body: JSON.stringify({ username, password }),
		headers: { 'Content-Type': 'application/json' } });

/* authctl with a password on its standard input. */
function withPassword(stack, password, ...args) {
	return new Promise((resolve) => {
		const child = execFile(path.join(BUILD, 'bin/authctl'), [...args, '--password', '-'], { env: stack.env },
			(error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
		child.stdin.end(password);
	});
}

async function opens(stack, edge, username, password) {
	const answer = await login(edge, username, password);
	assert.equal(answer.status, 200, answer.body);
	return stack.canary(answer.json.access_token);
}

test('users with passwords', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const [edge] = stack.edges;
	let token;

	await t.test('one that is added can log in, and has a number of his own', async () => {
		const added = await withPassword(stack, 'sesame opens\n', 'user', 'add', 'mary');
		assert.equal(added.code, 0, added.stderr);
		assert.equal(added.stdout, 'added user=3\n');
		token = await opens(stack, edge, 'mary', 'sesame opens');
		const mary = await stack.connect({ token });
		assert.equal(mary.ready.data.user, '3');
		await mary.close();
		assert.equal((await login(edge, 'mary', 'sesame open')).status, 401);
	});

	await t.test('others may write to him before he ever came', async () => {
		assert.equal((await withPassword(stack, 'p', 'user', 'add', 'new', '--uid', 'shop:new')).code, 0);
		const jim = await stack.connect({ sub: '1' });
		assert.equal((await jim.chat('shop:new', 'welcome')).data.state, 'stored');
		await jim.close();
	});

	await t.test('a name and a user id are given once', async () => {
		for (const args of [['mary'], ['jim'], ['other', '--uid', '3'], ['other', '--uid', '1']]) {
			const refused = await withPassword(stack, 'p', 'user', 'add', ...args);
			assert.equal(refused.code, 5, args.join(' '));
			assert.match(refused.stderr, /is another user's/);
		}
	});

	await t.test('passwords that are none are refused, and none is taken from the command line', async () => {
		for (const password of ['', '\n', 'x'.repeat(257), 'two\nlines\n']) {
			const refused = await withPassword(stack, password, 'user', 'add', 'other');
			assert.equal(refused.code, 1, JSON.stringify(password));
			assert.match(refused.stderr, /1 to 256 bytes on one line/);
		}
		const word = await stack.run('authctl', 'user', 'add', 'other', '--password', 'sesame');
		assert.equal(word.code, 64);
		assert.ok(!word.stderr.includes('sesame'));
		assert.equal((await stack.run('authctl', 'user', 'remove', 'mary')).code, 64, '--yes is missing');
	});

	await t.test('another password ends the one before, and says that tokens stay', async () => {
		const changed = await withPassword(stack, 'another', 'user', 'passwd', 'mary');
		assert.equal(changed.code, 0, changed.stderr);
		assert.match(changed.stdout, /still good.*authctl revoke --user 3 --yes/);
		assert.equal((await login(edge, 'mary', 'sesame opens')).status, 401);
		await opens(stack, edge, 'mary', 'another');
		await (await stack.connect({ token })).close();
		assert.equal((await withPassword(stack, 'p', 'user', 'passwd', 'nobody')).code, 5);
		assert.equal((await withPassword(stack, 'p', 'user', 'passwd', 'jim')).code, 5);
	});

	await t.test('who is removed can do nothing any more, at once and on all edges', async () => {
		const open = await Promise.all([0, 1].map((at) => stack.connect({ edge: at, token })));
		const bob = await stack.connect({ edge: 1, sub: 'bob' });
		const removed = await stack.run('authctl', 'user', 'remove', 'mary', '--yes');
		assert.equal(removed.code, 0, removed.stderr);
		for (const client of open)
			assert.equal((await client.closed).code, REVOKED);
		assert.equal((await login(edge, 'mary', 'another')).status, 401);
		for (const at of [0, 1])
			await assert.rejects(stack.connect({ edge: at, token }), { status: 401 });
		assert.equal((await bob.heartbeat()).event, 'heartbeat');
		assert.equal((await stack.run('authctl', 'user', 'remove', 'mary', '--yes')).code, 5);
		const [again] = await withPassword(stack, 'p', 'user', 'add', 'mary', '--json').then(({ stdout }) => [JSON.parse(stdout)]);
		assert.equal(again.uid, '4', 'a number is not given twice');
	});

	await t.test('users stay over a restart', async () => {
		await stack.auth.stop();
		await stack.startAuth();
		await opens(stack, edge, 'mary', 'p');
	});
});

/* authctl on a terminal of its own (util-linux's script), typing answers[i] at the i-th prompt. */
function onTerminal(stack, line, answers) {
	const child = spawn('script', ['-qec', `${path.join(BUILD, 'bin/authctl')} ${line}`, '/dev/null'],
		{ env: { ...stack.env, SHELL: '/bin/sh' }, stdio: ['pipe', 'pipe', 'inherit'] });
	let shown = '';
	let typed = 0;
	child.stdout.setEncoding('utf8').on('data', (text) => {
		shown += text;
		if (typed < answers.length && shown.split(' for ').length > typed + 1)
			child.stdin.write(answers[typed++]);
	});
	const ended = new Promise((resolve, reject) => child.on('error', reject).on('close', (code) => resolve({ code, shown })));
	return within(ended, DEADLINE_MS, `authctl ${line} ends`);
}

test('a password is asked for twice and not shown', async (t) => {
	const stack = await startStack(t);
	const added = await onTerminal(stack, 'user add mary', ['open sesame\n', 'open sesame\n']);
	assert.equal(added.code, 0, added.shown);
	assert.match(added.shown, /New password for mary: \r\nThe same again for mary: \r\nadded user=3/);
	assert.ok(!added.shown.includes('sesame'));
	await opens(stack, stack.edges[0], 'mary', 'open sesame');
	const different = await onTerminal(stack, 'user passwd mary', ['one\n', 'two\n']);
	assert.equal(different.code, 1);
	assert.match(different.shown, /not the same/);
	const interrupted = await onTerminal(stack, 'user passwd mary', ['\x03']);
	assert.notEqual(interrupted.code, 0);
	const ended = await onTerminal(stack, 'user passwd mary', ['\x04']);
	assert.equal(ended.code, 1);
	assert.match(ended.shown, /1 to 256 bytes on one line/);
	await opens(stack, stack.edges[0], 'mary', 'open sesame');
});

test('the list of users comes in pages', async (t) => {
	const stack = await startStack(t);
	const N = 530; // more than a page
	const names = Array.from({ length: N }, (_, i) => `u${String(i).padStart(4, '0')}`);
	/* One after the other, in one process: a hash takes its time. */
	for (let i = 0; i < N; i += 10)
		await Promise.all(names.slice(i, i + 10).map(async (name) =>
			assert.equal((await withPassword(stack, 'p', 'user', 'add', name)).code, 0)));
	const lines = await stack.json('authctl', 'user', 'list');
	assert.deepEqual(lines.map(({ username }) => username), ['jim', 'john', ...names]);
	assert.equal(new Set(lines.map(({ uid }) => uid)).size, N + 2);
	assert.deepEqual(lines.filter(({ demo }) => demo).map(({ username }) => username), ['jim', 'john']);
});

test('without the router a user is added and removed, and the exit code says what is due', async (t) => {
	const stack = await startStack(t);
	assert.equal((await stack.router.stop()).code, 0);
	const added = await withPassword(stack, 'p', 'user', 'add', 'mary');
	assert.equal(added.code, 3, added.stderr);
	assert.match(added.stdout, /added user=3; the router is away/);
	assert.equal((await stack.run('authctl', 'user', 'remove', 'mary', '--yes')).code, 3);
	await stack.startRouter();
	await eventually(async () => (await stack.run('routerctl', 'inbox', '3')).code === 0, 'the router knows of him');
});

test('auth starts without audit.log, and then refuses operators alone', async (t) => {
	const stack = await startStack(t);
	const file = path.join(stack.env.POSTERN_STATE, 'audit.log');

	await stack.auth.stop();
	unlinkSync(file);
	mkdirSync(file);
	await stack.startAuth();
	await stack.auth.log(/error auth audit_unwritable /i);
	const refused = await stack.run('authctl', 'user', 'list');
	assert.equal(refused.code, 1);
	assert.match(refused.stderr, /audit\.log cannot be written/);
	assert.equal((await stack.run('authctl', 'ping')).code, 0);
	rmdirSync(file);
	assert.deepEqual((await stack.json('authctl', 'user', 'list')).map(({ username }) => username), ['jim', 'john']);
});

test('what authctl was told is in audit.log, and no secret is', async (t) => {
	const stack = await startStack(t);
	const file = path.join(stack.env.POSTERN_STATE, 'audit.log');
	const read = (at = file) => readFileSync(at, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
	const token = (await stack.run('authctl', 'token', '--sub', '7', '--scope', 'push')).stdout.trim();

	const { jti } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

	await withPassword(stack, 'open sesame', 'user', 'add', 'mary');
	await withPassword(stack, 'sesame street', 'user', 'passwd', 'mary');
	await stack.run('authctl', 'check', token);
	await stack.run('authctl', 'revoke', '--token', token, '--yes');
	await stack.run('authctl', 'user', 'list');
	await stack.run('authctl', 'user', 'remove', 'mary', '--yes');
	await stack.run('authctl', 'user', 'remove', 'mary', '--yes');
	await stack.run('authctl', 'keys', 'list');
	await stack.run('routerctl', 'kick', '7', '--yes');

	await t.test('each command before it is done, with its uid, and how it went', () => {
		const lines = read();
		for (const line of lines) {
			assert.equal(line.uid, process.getuid());
			assert.ok(['auth', 'router'].includes(line.daemon));
			assert.ok(Number.isSafeInteger(line.id) && line.id > 0);
			assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
		}
		for (const ended of lines.filter(({ result }) => result !== 'begun')) {
			const pair = lines.filter(({ daemon, id }) => daemon === ended.daemon && id === ended.id);
			assert.deepEqual(pair.map(({ command, result }) => [command, result]), [[ended.command, 'begun'], [ended.command, ended.result]]);
		}
		const ours = lines.filter(({ daemon }) => daemon === 'auth').map(({ command, args, result }) => [command, args, result]);
		assert.deepEqual(ours, [
			['token', { sub: '7', scope: 'push', ttl_s: '3600' }, 'begun'], ['token', { jti }, 'ok'],
			['user add', { username: 'mary' }, 'begun'], ['user add', { uid: '3' }, 'ok'],
			['user passwd', { username: 'mary' }, 'begun'], ['user passwd', { uid: '3' }, 'ok'],
			['check', {}, 'begun'],
			['revoke', { token: 'given' }, 'begun'], ['revoke', { uid: '7' }, 'ok'],
			['user list', {}, 'begun'],
			['user remove', { username: 'mary' }, 'begun'], ['user remove', { uid: '3' }, 'ok'],
			['user remove', { username: 'mary' }, 'begun'],
			['user remove', { why: 'there is no such user' }, 'refused'],
			['keys list', {}, 'begun'],
		]);
		assert.deepEqual(lines.filter(({ daemon }) => daemon === 'router').map(({ command }) => command)[0], 'kick');
	});
	await t.test('no token, password or hash', () => {
		const text = readFileSync(file, 'utf8');
		for (const secret of ['sesame', '$y$', token.slice(-20), 'eyJ'])
			assert.ok(!text.includes(secret), secret);
		assert.equal(statSync(file).mode & 0o777, 0o640);
	});
	await t.test('SIGHUP lets go of a file that was moved', async () => {
		const moved = `${file}.1`;
		const n = read().length;
		renameSync(file, moved);
		stack.auth.signal('SIGHUP');
		await eventually(async () => {
			await stack.run('authctl', 'keys', 'list');
			try {
				return read().length > 0;
			} catch {
				return false;
			}
		}, 'auth writes a new file');
		assert.ok(read(moved).length >= n);
	});
	await t.test('what cannot be recorded is refused, and edges are served', async () => {
		unlinkSync(file);
		mkdirSync(file);
		const refused = await withPassword(stack, 'p', 'user', 'add', 'late');
		assert.equal(refused.code, 1);
		assert.match(refused.stderr, /audit\.log cannot be written/);
		assert.equal((await stack.run('authctl', 'token', '--sub', '7')).code, 1);
		await (await stack.connect({ sub: 'ann' })).close();
		rmdirSync(file);
		assert.deepEqual((await stack.json('authctl', 'user', 'list')).map(({ username }) => username), ['jim', 'john']);
	});
});
