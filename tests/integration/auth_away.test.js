import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { assertRefused, eventually, inParallel, quantile, request, startStack } from './stack.js';

const SOCKETS = 1000;
const ms = (number) => `${number.toFixed(1)} ms`;

/* One heartbeat on each client, at most 50 in flight; resolves with how long each took. */
const heartbeats = async (clients) => (await inParallel(clients.length, 50, (i) => clients[i].heartbeat())).map((a) => a.ms);

test('auth stopped with SIGSTOP', async (t) => {
	const stack = await startStack(t, { logLevel: 'info' });
	const [edge] = stack.edges;
	const clients = await inParallel(SOCKETS, 50, (i) => stack.connect({ sub: `s${i}` }));

	await t.test(`each of ${SOCKETS} sockets gets its heartbeat answered, and private messages go on`, async () => {
		const before = await heartbeats(clients);
		stack.auth.signal('SIGSTOP');
		try {
			/* Upgrades that hang while the heartbeats are measured. */
			const pending = Promise.all(Array.from({ length: 20 }, () =>
				request(edge, { headers: { Authorization: `Bearer ${stack.token({ sub: 'new' })}` } })));
			const during = await heartbeats(clients);
			console.log(`heartbeat p99 over ${SOCKETS} sockets: before ${ms(quantile(before, 0.99))}, ` +
				`with auth stopped ${ms(quantile(during, 0.99))}`);
			assert.equal(during.length, SOCKETS);
			assert.equal((await clients[0].chat('s1', 'auth sleeps')).event, 'ack');

			const answers = await pending;
			for (const answer of answers) {
				assertRefused(answer, 503, 4200);
				assert.ok(answer.ms > 2500 && answer.ms < 30000, `${answer.ms} ms`);
			}
			console.log(`upgrades with auth stopped: 503 after ${ms(quantile(answers.map((a) => a.ms), 0.5))} (deadline 3 s)`);
		} finally {
			stack.auth.signal('SIGCONT');
		}
	});

	await t.test('answers that come late are dropped, and the next upgrade works', async () => {
		const client = await stack.connect({ sub: 'after' });
		await client.close();
		assert.ok((await stack.json('routerctl', 'who')).every((line) => line.user !== 'new'));
	});

	await t.test('clients that leave while auth is pending leave nothing behind', async () => {
		const before = edge.descriptors();
		stack.auth.signal('SIGSTOP');
		let sockets;
		try {
			const head = (token) => 'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
				`Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer ${token}\r\n\r\n`;
			sockets = await Promise.all(Array.from({ length: 100 }, (_, i) => new Promise((resolve, reject) => {
				const socket = net.connect(edge.port, '127.0.0.1', () => socket.write(head(stack.token({ sub: `gone${i}` })), () => resolve(socket)));
				socket.on('error', reject);
			})));
			/* The edge has them all when it holds their descriptors. */
			await eventually(() => edge.descriptors() >= before + 100, 'the edge has accepted them');
			for (const [i, socket] of sockets.entries())
				i % 2 ? socket.destroy() : socket.resetAndDestroy();
		} finally {
			stack.auth.signal('SIGCONT');
		}
		await eventually(() => edge.descriptors() <= before, 'the edge has closed them');
		const client = await stack.connect({ sub: 'after' });
		const users = (await stack.json('routerctl', 'who')).map((line) => line.user);
		assert.ok(!users.some((user) => user.startsWith('gone')), 'nobody who left is present');
		await client.close();
	});

	await t.test('a kill -9 of auth is not seen by those who are connected; the next auth serves', async () => {
		await stack.auth.kill();
		assert.equal((await clients[0].chat('s1', 'auth is dead')).event, 'ack');
		assertRefused(await request(edge, { headers: { Authorization: `Bearer ${stack.token({ sub: 'new' })}` } }), 503, 4200);
		await stack.startAuth();
		await eventually(async () => {
			const answer = await request(edge, { headers: { Authorization: `Bearer ${stack.token({ sub: 'new' })}` } });
			answer.socket?.destroy();
			return answer.status === 101;
		}, 'upgrades work again');
		assert.equal((await clients[0].heartbeat()).data.user, 's0');
	});
});
