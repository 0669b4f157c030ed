/* clients/js with the real stack: what an application behind it sees. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { connect } from '../../clients/js/src/index.js';
import { eventually, inParallel, startStack } from './stack.js';

const FAST = ['--msgs-per-second', '100000', '--msgs-burst', '100000'];

class Storage {
	#map = new Map();

	getItem(key) {
		return this.#map.get(key) ?? null;
	}

	setItem(key, text) {
		this.#map.set(key, text);
	}

	position() {
		const [text] = [...this.#map].filter(([key]) => key.includes('.position.')).map(([, value]) => value);
		return text && JSON.parse(text);
	}
}

/* A client that keeps what its application heard. */
function open(t, stack, { edge = 0, sub, ...options }) {
	const at = typeof edge === 'number' ? stack.edges[edge] : edge;
	const client = connect(`http://${at.base}`, { token: stack.token({ sub }), WebSocket, ...options });
	const heard = { client, messages: [], pushes: [], states: [], presences: [], resets: [], errors: [] };
	client.on('message', (message) => heard.messages.push(message));
	client.on('push', (push) => heard.pushes.push(push));
	client.on('state', (state) => heard.states.push(state));
	client.on('presence', (presence) => heard.presences.push(presence));
	client.on('reset', (reset) => heard.resets.push(reset));
	client.on('error', ({ error }) => heard.errors.push(error));
	t.after(() => client.close());
	return heard;
}

async function opened(t, stack, options) {
	const heard = open(t, stack, options);
	await eventually(() => heard.client.state === 'open', `${options.sub} is connected`);
	return heard;
}

const texts = (heard) => heard.messages.map((message) => message.text);

test('two clients talk, and each hears of the other', async (t) => {
	const stack = await startStack(t, { edges: 2 });
	const ann = await opened(t, stack, { sub: 'ann' });
	const bob = await opened(t, stack, { edge: 1, sub: '7' });
	assert.equal(bob.client.user, '7');
	const ack = await ann.client.send(7, 'hello \ud83d\ude80 \ud800 \u0000');
	assert.equal(ack.state, 'delivered');
	await eventually(() => bob.messages.length === 1, 'the message');
	const [{ from, to, text, carbon, seq, stream, mid }] = bob.messages;
	assert.deepEqual({ from, to, text, carbon, stream }, { from: 'ann', to: '7', text: 'hello \ud83d\ude80 \ufffd \u0000', carbon: false, stream: 'u' });
	assert.equal(mid, ack.mid);
	assert.equal(bob.client.position.u, seq);
	assert.equal(ann.client.position.u, ack.seq, 'what it sent moves its own position');
	assert.equal((await ann.client.send('ann', 'to myself')).state, 'delivered');
	await eventually(() => ann.messages.length === 1, 'what was sent to oneself comes as a message');

	ann.client.watch([7]);
	await eventually(() => ann.presences.some(({ user, state }) => user === '7' && state === 'online'), 'presence');
	let typing = null;
	bob.client.on('typing', (who) => (typing = who));
	assert.equal(ann.client.typing(7), true);
	assert.equal(ann.client.typing(7), false);
	await eventually(() => typing, 'typing');
	assert.deepEqual(typing, { from: 'ann' });
	await stack.run('routerctl', 'push', '--all', '--event', 'news', '--data', '{"a":1}');
	await eventually(() => ann.pushes.length === 1 && bob.pushes.length === 1, 'a push');
	assert.equal(bob.pushes[0].event, 'news');
	assert.deepEqual(bob.pushes[0].data, { a: 1 });
	assert.equal(bob.pushes[0].stream, 's');
	await assert.rejects(ann.client.send('nobody', 'x'), { code: 1101, maybeSent: false });
	await assert.rejects(ann.client.send('7', 'x'.repeat(16385)), { code: 1005 });
	await assert.rejects(ann.client.send('7', '\u0001'.repeat(16000)), { code: 1005 });
	await assert.rejects(ann.client.send('a b', 'x'), { code: 1004 });
	assert.deepEqual([...ann.errors, ...bob.errors], []);
});
