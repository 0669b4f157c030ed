import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILD, LONG, eventually, inParallel, startStack } from './stack.js';

/* A sanitizer's memory is no measure: scripts/test gives this test a release build when it has one. */
const SANITIZED = /asan|tsan/.test(BUILD);
const CONNECTIONS = SANITIZED ? 1000 : 10000;
const MINUTES = LONG && !SANITIZED ? 10 : 0;

test(`${CONNECTIONS} idle connections on one edge`, async (t) => {
	const stack = await startStack(t, { logLevel: 'info' });
	const [edge] = stack.edges;
	/* Pools and tables exist after the first ones. */
	const warm = await inParallel(100, 50, (i) => stack.connect({ sub: `w${i}` }));
	await Promise.all(warm.map((client) => client.close()));
	await eventually(async () => (await stack.json('routerctl', 'who')).length === 0, 'the first ones have left');
	const empty = edge.descriptors();
	const before = edge.memory();
	const clients = await inParallel(CONNECTIONS, 50, (i) => stack.connect({ sub: `i${i}` }));
	const each = (edge.memory() - before) / CONNECTIONS;
	console.log(`${CONNECTIONS} idle connections: ${each.toFixed(0)} bytes each in the edge (goal 2500)${SANITIZED ? ', with a sanitizer' : ''}`);
	if (!SANITIZED)
		assert.ok(each < 25000, 'ten times the goal');

	if (MINUTES > 0) {
		const at = () => [stack.edges[0], stack.auth, stack.router].map((d) => ({ memory: d.memory(), fds: d.descriptors() }));
		const start = at();
		await new Promise((resolve) => setTimeout(resolve, MINUTES * 60000));
		const end = at();
		console.log(`after ${MINUTES} minutes: ${JSON.stringify({ start, end })}`);
		for (const [i, { memory, fds }] of end.entries()) {
			assert.ok(memory < start[i].memory * 1.02 + (1 << 20), 'no process grew');
			assert.equal(fds, start[i].fds);
		}
		assert.ok(clients.every((client) => client.end === undefined), 'nobody was closed');
		assert.ok(clients.every((client) => client.pings > 10), 'each was pinged');
	}
	for (const client of clients)
		client.drop();
	await eventually(() => edge.descriptors() <= empty, 'their descriptors are back');
	await eventually(async () => (await stack.json('routerctl', 'who')).length === 0, 'nobody is present');
});
