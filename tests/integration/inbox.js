/* inbox: what tests of the store have in common. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { eventually, within } from './stack.js';

export const FAST = ['--msgs-per-second', '100000', '--msgs-burst', '100000'];

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const isChat = (frame) => frame.event === 'chat';
export const storeFile = (stack, suffix = '') => path.join(stack.env.POSTERN_STATE, `inbox.db${suffix}`);

export const away = (stack, uid) =>
	eventually(async () => !(await stack.json('routerctl', 'who')).some((line) => line.user === uid), `${uid} has left`);

/* Known to the router from here on, with nobody connected.  Resolves with his position. */
export async function known(stack, uid, options = {}) {
	const client = await stack.connect({ sub: uid, ...options });
	await client.close();
	await away(stack, uid);
	return client.ready.data.resume;
}

/* With the same mid until there is an ack: 1503 says nothing about the message, and that it may be tried again. */
export async function sendUntilAcked(from, to, mid, siblings = {}) {
	for (let refused = 0; ; refused++) {
		const answer = await from.chat(to, mid, { mid, ...siblings });
		if (answer.event === 'ack')
			return { ...answer, refused };
		assert.equal(answer.data.code, 1503, JSON.stringify(answer));
		await sleep(50);
	}
}

export async function take(client, n) {
	const frames = [];
	for (let i = 0; i < n; i++)
		frames.push(await client.next((frame) => isChat(frame) || frame.event === 'gone'));
	return frames;
}

/* Everything that was sent before is there: an answer to what is said now comes behind it. */
export async function quiet(client) {
	await client.heartbeat();
	assert.deepEqual(client.frames.filter((frame) => isChat(frame) || frame.event === 'gone'), []);
}

/* The router ends by itself, with this code. */
export async function ends(router, code) {
	router.killed = true;
	const how = await within(router.ended, 30000, `the router ends\n${router.tail()}`);
	assert.equal(how.code, code, router.tail());
}

/* A start that is refused, with a line that says so. */
export async function refusesToStart(stack, line) {
	stack.startRouter().catch(() => {});
	await ends(stack.router, 78);
	assert.match(stack.router.lines.join('\n'), line);
}

export async function startRouterWith(stack, ...extra) {
	const { router } = stack.options;
	stack.options.router = [...(router ?? []), ...extra];
	await stack.startRouter();
	stack.options.router = router;
}

export async function stats(stack) {
	return (await stack.json('routerctl', 'stats'))[0];
}

/* Resident bytes, shared ones too. */
export const rss = (daemon) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))[1]) * 1024;
