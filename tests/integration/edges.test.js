import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { assertRefused, eventually, inParallel, request, startStack, within } from './stack.js';

const bearer = (token) => ({ Authorization: `Bearer ${token}` });

test('kill -9 of an edge: its users are offline within 2 s', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const stays = await stack.connect({ edge: 0, sub: 'stays' });
	const lost = await inParallel(50, 10, (i) => stack.connect({ edge: 1, sub: `lost${i}` }));
	await stays.chat('lost7', 'we know each other');
	stays.send('watch', { users: ['lost7'] });
	/* For 5 s after its start the router may say `unknown`. */
	await stays.next((frame) => frame.event === 'presence' && frame.data.state === 'online');
	assert.equal((await stack.json('routerctl', 'who')).length, 51);

	const started = performance.now();
	await stack.edges[1].kill();
	await eventually(async () => (await stack.json('routerctl', 'who')).length === 1, 'only the other user is there', 20000);
	console.log(`users of a killed edge are offline after ${(performance.now() - started).toFixed(0)} ms (limit 2000 ms)`);
	await stays.next((frame) => frame.event === 'presence' && frame.data.state === 'offline');
	await Promise.all(lost.map((client) => within(client.closed, 20000, 'the socket is closed')));
	assert.equal((await stays.chat('lost7', 'kept')).data.state, 'stored');

	await t.test('and a new edge takes its place', async () => {
		const edge = await stack.startEdge();
		const back = await stack.connect({ edge, sub: 'lost7' });
		await back.next((frame) => frame.data.content === 'kept');
		assert.equal((await stays.chat('lost7', 'welcome back')).data.state, 'delivered');
		await back.next((frame) => frame.data.content === 'welcome back');
		assert.equal((await stack.json('routerctl', 'edges')).length, 2);
	});
});

test('kill -9 of the router: sockets stay and chat works afterwards', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const ann = await stack.connect({ edge: 0, sub: 'ann' });
	const bob = await stack.connect({ edge: 1, sub: 'bob' });
	const plain = await stack.connect({ edge: 1, sub: 'paul', how: 'plain' });
	await stack.router.kill();
	assert.equal((await ann.heartbeat()).data.user, 'ann');
	const away = await ann.chat('bob', 'into the void');
	assert.equal(away.data.code, 1503);
	assertRefused(await request(stack.edges[0], { headers: bearer(stack.token({ sub: 'new' })) }), 503, 4131);
	await eventually(async () => (await request(stack.edges[0], { target: '/readyz', upgrade: false })).status === 503, 'not ready');
	assert.equal((await request(stack.edges[0], { target: '/healthz', upgrade: false })).status, 200);

	const started = performance.now();
	await stack.startRouter();
	await eventually(async () => (await stack.json('routerctl', 'who')).length === 3, 'the sessions are open again');
	console.log(`sessions are open again ${(performance.now() - started).toFixed(0)} ms after the router's start (limit 2000 ms)`);
	assert.equal((await ann.chat('bob', 'back again')).data.state, 'delivered');
	assert.equal((await bob.next('chat')).data.content, 'back again');
	assert.equal((await bob.chat('paul', 'you too')).data.state, 'delivered');
	assert.equal((await plain.next('chat')).data.content, 'you too');
	assert.ok(![ann, bob].some(({ frames }) => frames.some(({ event }) => event === 'reset')), 'the numbers go on');
	assert.equal(ann.end ?? bob.end ?? plain.end, undefined, 'no socket was closed');
	const late = await stack.connect({ edge: 0, sub: 'late' });
	assert.equal((await late.chat('ann', 'hi')).data.state, 'delivered');
	const pushed = await stack.run('routerctl', 'push', '--all', '--event', 'news', '--data', '1');
	assert.equal(pushed.code, 0, pushed.stderr);
	await Promise.all([ann, bob, plain, late].map((client) => client.next('news')));
});

test('an edge that drains closes its clients and ends with 0', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const client = await stack.connect({ edge: 0, sub: 'ann' });
	stack.edges[0].signal('SIGTERM');
	const { code, reason } = await within(client.closed, 30000, 'the client is told to go');
	assert.equal(code, 4202, reason);
	const { code: status } = await within(stack.edges[0].ended, 30000, 'the edge ends');
	assert.equal(status, 0);
	await stack.connect({ edge: 1, sub: 'ann' });
});

test('a second signal does not cut off the close frames of the first', async (t) => {
	const stack = await startStack(t, { edges: 1 });
	const client = await stack.connect({ edge: 0, sub: 'ann' });
	/* Two that arrive in one turn, as from a terminal and from its shell. */
	for (const signal of ['SIGSTOP', 'SIGTERM', 'SIGINT', 'SIGCONT'])
		stack.edges[0].signal(signal);
	const { code, reason } = await within(client.closed, 30000, 'the client is told to go');
	assert.equal(code, 4202, reason);
	const { code: status } = await within(stack.edges[0].ended, 30000, 'the edge ends');
	assert.equal(status, 0);
});

test('the PROXY listener', async (t) => {
	const stack = await startStack(t, { edge: ['--listen-proxy', '127.0.0.1:0', '--proxy-from', '127.0.0.0/8'] });
	const [edge] = stack.edges;
	const port = Number((await edge.log(/ listening_proxy address=127\.0\.0\.1:(\d+)/))[1]);
	const header = () => {
		const bytes = Buffer.alloc(28);
		Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1').copy(bytes);
		bytes.writeUInt8(0x21, 12);
		bytes.writeUInt8(0x11, 13);
		bytes.writeUInt16BE(12, 14);
		Buffer.from([203, 0, 113, 7, 127, 0, 0, 1]).copy(bytes, 16);
		bytes.writeUInt16BE(54321, 24);
		bytes.writeUInt16BE(8081, 26);
		return bytes;
	};
	const send = (to, ...parts) => within(new Promise((resolve) => {
		let text = '';
		const socket = net.connect(to, '127.0.0.1', () => parts.forEach((part) => socket.write(part)));
		socket.on('data', (data) => {
			text += data.toString('latin1');
			if (text.includes('\r\n\r\n'))
				socket.end();
		});
		socket.on('error', () => resolve(text));
		socket.on('close', () => resolve(text));
	}), 30000, 'an answer');
	const upgrade = () => 'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
		`Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer ${stack.token({ sub: '1' })}\r\n\r\n`;

	await t.test('takes a connection with a header of version 2', async () => {
		assert.match(await send(port, header(), upgrade()), /^HTTP\/1\.1 101 /);
	});
	await t.test('takes the header byte by byte, and LOCAL', async () => {
		assert.match(await send(port, ...[...header()].map((byte) => Buffer.from([byte])), upgrade()), /^HTTP\/1\.1 101 /);
		const local = header();
		local[12] = 0x20;
		assert.match(await send(port, local, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 200 /);
	});
	await t.test('refuses one without, of version 1, or broken', async () => {
		const broken = header();
		broken[13] = 0x77;
		assert.doesNotMatch(await send(port, upgrade()), / 101 /);
		assert.doesNotMatch(await send(port, 'PROXY TCP4 203.0.113.7 127.0.0.1 54321 8081\r\n', upgrade()), / 101 /);
		assert.doesNotMatch(await send(port, broken, upgrade()), / 101 /);
	});
	await t.test('the plain listener does not take the header', async () => {
		assert.doesNotMatch(await send(edge.port, header(), upgrade()), / 101 /);
	});
});

test('near its budget of memory an edge takes nobody new and keeps who is there', async (t) => {
	const stack = await startStack(t, { edges: 1 });
	const full = await stack.startEdge(['--memory-limit', '1000000']);
	assertRefused(await request(full, { headers: bearer(stack.token({ sub: 'ann' })) }), 503, 4100);
	const ann = await stack.connect({ edge: 0, sub: 'ann' });
	assert.equal((await ann.heartbeat()).data.user, 'ann');
	await eventually(async () => (await stack.json('routerctl', 'edges')).every((edge) => edge.memory_bytes > 1000000), 'the gauge tells of it');
});
