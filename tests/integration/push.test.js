import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, inParallel, startStack } from './stack.js';

const CONNECTIONS = 5000;

test('pushes from the command line', async (t) => {
	const stack = await startStack(t, { edges: 3, logLevel: 'info' });

	await t.test(`to all reach each of ${CONNECTIONS} connections over 3 edges once`, async () => {
		const how = (i) => (i % 4 === 0 ? 'plain' : 'protocol');
		const clients = await inParallel(CONNECTIONS, 50, (i) => stack.connect({ edge: i % 3, sub: `p${i}`, how: how(i) }));
		const started = performance.now();
		const { code, stdout, stderr } = await stack.run('routerctl', 'push', '--all', '--event', 'news', '--data', '{"n":1}', '--json');
		assert.equal(code, 0, stderr);
		assert.equal(JSON.parse(stdout).devices, CONNECTIONS);
		const frames = await Promise.all(clients.map((client) => client.next('news')));
		console.log(`${CONNECTIONS} connections have the push after ${(performance.now() - started).toFixed(0)} ms`);
		for (const [i, frame] of frames.entries()) {
			assert.deepEqual(frame.data, { n: 1 });
			assert.equal(frame.seq, frames[0].seq);
			assert.equal(frame.st, how(i) === 'plain' ? undefined : 's');
		}
		await stack.run('routerctl', 'push', '--all', '--event', 'news', '--data', '{"n":2}');
		const second = await Promise.all(clients.map((client) => client.next('news')));
		assert.ok(second.every((frame) => frame.data.n === 2 && frame.seq === frames[0].seq + 1), 'each once, in order');
		const counts = await stack.json('routerctl', 'edges');
		assert.equal(counts.reduce((sum, line) => sum + line.sessions, 0), CONNECTIONS);
		await Promise.all(clients.map((client) => client.close()));
	});

	await t.test('to one user reach each device of that user and nobody else', async () => {
		const a = await stack.connect({ edge: 0, sub: '2', dev: 'a' });
		const b = await stack.connect({ edge: 2, sub: '2', dev: 'b' });
		const other = await stack.connect({ edge: 2, sub: '1' });
		const [line] = await stack.json('routerctl', 'push', '--user', '2', '--event', 'news', '--data', '"for two"');
		assert.equal(line.devices, 2);
		assert.equal((await a.next('news')).data, 'for two');
		assert.equal((await b.next('news')).data, 'for two');
		await other.heartbeat();
		assert.deepEqual(other.frames, []);
		await Promise.all([a.close(), b.close(), other.close()]);
	});

	await t.test('exit with 5 where there is nobody or the name is the server\'s own, and with 3 when it is kept', async () => {
		const code = async (...args) => (await stack.run('routerctl', 'push', '--data', '1', ...args)).code;
		assert.equal(await code('--user', 'never-seen'), 5);
		await eventually(async () => (await stack.json('routerctl', 'who')).length === 0, 'all have left');
		assert.equal(await code('--user', '2'), 3);
		for (const event of ['chat', 'gone', 'ready', 'ack', 'auth.expiring'])
			assert.equal(await code('--all', '--event', event), 5, event);
	});

	await t.test('refuse wrong arguments with a line and the usage code', async () => {
		for (const args of [['push'], ['push', '--all', '--data', 'not JSON'], ['nonsense'], []]) {
			const { code, stderr } = await stack.run('routerctl', ...args);
			assert.notEqual(code, 0, args.join(' '));
			assert.notEqual(stderr, '');
		}
	});

	await t.test('come from a client with the scope push too', async () => {
		const pusher = await stack.connect({ token: stack.token({ sub: 'svc', scope: 'push' }) });
		const one = await stack.connect({ edge: 1, sub: 'one' });
		const two = await stack.connect({ edge: 2, sub: 'two' });
		pusher.send('push', { event: 'news', data: [1] }, { id: 1 });
		assert.equal((await pusher.next('ack')).id, 1);
		assert.deepEqual((await one.next('news')).data, [1]);
		assert.deepEqual((await two.next('news')).data, [1]);
		pusher.send('push', { event: 'news', data: [2], user: 'one' }, { id: 2 });
		assert.equal((await pusher.next((f) => f.id === 2)).event, 'ack');
		assert.deepEqual((await one.next('news')).data, [2]);
		await two.heartbeat();
		assert.deepEqual(two.frames, []);
		await Promise.all([pusher.close(), one.close(), two.close()]);
	});
});

test('the operator\'s commands', async (t) => {
	const stack = await startStack(t, { edges: 2, edge: ['--msgs-per-second', '10000', '--msgs-burst', '10000'] });
	const ann = await stack.connect({ edge: 0, sub: 'ann', dev: 'phone' });
	const desk = await stack.connect({ edge: 1, sub: 'ann', dev: 'desk' });

	await t.test('who, user, edges and stats show what is there', async () => {
		const [line] = await stack.json('routerctl', 'who');
		assert.equal(line.user, 'ann');
		assert.equal(line.state, 'online');
		const [user] = await stack.json('routerctl', 'user', 'ann');
		assert.deepEqual(user.sessions.map((s) => s.device).sort(), ['desk', 'phone']);
		assert.equal((await stack.json('routerctl', 'edges')).length, 2);
		const text = (await stack.run('routerctl', 'stats')).stdout;
		assert.match(text, /sessions\D+2\b/);
		assert.equal((await stack.run('routerctl', 'user', 'never-seen')).code, 5);
	});

	await t.test('tail shows what happens, and no message\'s content', async () => {
		const lines = [];
		const tail = await stack.follow('routerctl', ['tail', '--json'], (line) => lines.push(JSON.parse(line)));
		await eventually(async () => {
			await ann.chat('ann', 'a secret between me and myself');
			return lines.some((line) => line.kind === 'sent');
		}, 'the send is shown');
		tail.kill();
		assert.ok(!JSON.stringify(lines).includes('secret'));
	});

	await t.test('kick wants --yes and closes every session of the user with 4009', async () => {
		assert.notEqual((await stack.run('routerctl', 'kick', 'ann')).code, 0);
		assert.equal(ann.end, undefined);
		assert.equal((await stack.run('routerctl', 'kick', 'ann', '--yes')).code, 0);
		assert.equal((await ann.closed).code, 4009);
		assert.equal((await desk.closed).code, 4009);
		assert.deepEqual(await stack.json('routerctl', 'who'), []);
	});

	await t.test('the page and the metrics are there', async () => {
		const port = (await stack.router.log(/ page address=127\.0\.0\.1:(\d+)/))[1];
		const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
		assert.match(metrics, /^# TYPE postern_\w+ (counter|gauge)$/m);
		const page = await fetch(`http://127.0.0.1:${port}/`);
		assert.equal(page.status, 200);
		assert.match(page.headers.get('content-type'), /text\/html/);
		const post = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' });
		assert.equal(post.status, 405);
	});
});
