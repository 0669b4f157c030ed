import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { BUILD, eventually, inParallel, startStack } from './stack.js';

const PEERS = 500;

/* NNG's greeting on a unix socket, of a peer that speaks REQ (0x30): half a frame may follow it. */
const greeting = (protocol) => Buffer.from([0, 0x53, 0x50, 0, 0, protocol, 0, 0]);
const HALF_FRAME = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0x40, 1, 2, 3]);

const REQ = 0x30;
const SUB = 0x21;
const PAIR1 = 0x11;

/* Connects, writes bytes if any, and leaves at once. */
const visit = (file, bytes) => new Promise((resolve) => {
	const socket = net.connect(file, () => {
		if (bytes)
			socket.write(bytes, () => socket.destroy());
		else
			socket.destroy();
	});
	socket.on('error', () => {});
	socket.on('close', resolve);
});

test('peers that connect and close at once, or leave after half a frame, kill no socket', async (t) => {
	const stack = await startStack(t, { logLevel: 'info' });
	const run = stack.env.POSTERN_RUN;
	const link = path.join(run, 'router/link');
	const sockets = {
		'auth/auth.sock': [stack.auth, REQ],
		'ctl/authctl.sock': [stack.auth, REQ],
		'router/router.sock': [stack.router, REQ],
		'router/system.sock': [stack.router, SUB],
		'trust/trust.sock': [stack.router, REQ],
		'ctl/routerctl.sock': [stack.router, REQ],
	};
	/* Two of the 64 link sockets stand for all: one that the edge has leased is among them or not. */
	for (const name of readdirSync(link).slice(0, 2))
		sockets[`router/link/${name}`] = [stack.router, PAIR1];

	for (const [name, [daemon, protocol]] of Object.entries(sockets)) {
		await t.test(name, async () => {
			const file = path.join(run, name);
			const before = daemon.descriptors();
			await inParallel(PEERS, 20, () => visit(file));
			await inParallel(PEERS, 20, () => visit(file, greeting(protocol).subarray(0, 4)));
			await inParallel(PEERS, 20, () => visit(file, Buffer.concat([greeting(protocol), HALF_FRAME])));
			await eventually(() => daemon.descriptors() <= before, `${daemon.name} has its ${before} descriptors back`);
		});
	}

	await t.test('good peers are served afterwards, on each of them', async () => {
		assert.equal((await stack.run('authctl', 'token', '--sub', '7')).code, 0);
		assert.equal((await stack.run('routerctl', 'stats')).code, 0);
		const edge = await stack.startEdge();
		const ann = await stack.connect({ edge: 0, sub: 'ann' });
		const bob = await stack.connect({ edge, sub: 'bob' });
		assert.equal((await ann.chat('bob', 'still here')).data.state, 'delivered');
		assert.equal((await bob.next('chat')).data.content, 'still here');
		assert.equal((await stack.run('routerctl', 'push', '--all', '--event', 'news', '--data', '1')).code, 0);
		await Promise.all([ann.next('news'), bob.next('news')]);
		await stack.auth.kill();
		await stack.startAuth();
		const late = await eventually(async () => {
			const client = stack.client({ edge, sub: 'late' });
			return client.opened().then(() => client, () => null);
		}, 'a restarted auth serves');
		assert.equal((await late.chat('ann', 'hi')).data.state, 'delivered');
	});
});

test('the daemons define what NNG must find in them to survive such peers', () => {
	for (const program of ['postern-edge', 'postern-auth', 'postern-router']) {
		const symbols = execFileSync('nm', ['-D', path.join(BUILD, 'bin', program)]).toString();
		for (const name of ['sendmsg', 'getsockopt'])
			assert.match(symbols, new RegExp(` T ${name}$`, 'm'), program);
	}
});
