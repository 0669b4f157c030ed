import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, quantile, startStack, within } from './stack.js';

test('a client that does not read is closed with 4108, and others do not notice', async (t) => {
	const stack = await startStack(t, { logLevel: 'info', edge: ['--msgs-per-second', '10000', '--msgs-burst', '10000'] });
	const slow = await stack.connect({ sub: 'slow' });
	const bob = await stack.connect({ sub: 'bob' });
	slow.ws._socket.pause();
	const before = stack.edges[0].memory();
	const times = [];
	let sent = 0;
	/* 64 KiB each, by the operator, until the edge's cap and the kernel's buffers are full. */
	const data = JSON.stringify('x'.repeat(60000));
	for (; sent < 400; sent++) {
		const pushed = await stack.run('routerctl', 'push', '--user', 'slow', '--event', 'bulk', '--data', data);
		times.push((await bob.heartbeat()).ms);
		if (pushed.code === 5)
			break;
		assert.equal(pushed.code, 0, pushed.stderr);
	}
	assert.ok(sent < 400, 'the session is ended');
	const grown = stack.edges[0].memory() - before;
	console.log(`slow reader cut off after ${sent} pushes of 60 kB; the edge grew by ${(grown / 1024).toFixed(0)} KiB; ` +
		`another client's heartbeat p99 ${quantile(times, 0.99).toFixed(1)} ms`);
	assert.ok(grown < 64 << 20, `${grown} bytes`);
	slow.ws._socket.resume();
	const { code } = await within(slow.closed, 30000, 'the slow one is closed');
	/* The close frame is behind what the kernel had taken; it comes when it fits, else the socket just ends. */
	assert.ok(code === 4108 || code === 1006, `${code}`);
	await eventually(async () => (await stack.json('routerctl', 'edges'))[0].slow_closed === 1, 'it is counted');
});
