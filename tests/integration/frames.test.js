import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startStack } from './stack.js';

const deep = (n) => `{"event":"chat","data":${'['.repeat(n)}${']'.repeat(n)}}`;
const chat = (data) => ({ text: JSON.stringify({ event: 'chat', data }) });

/* What is sent, and the exception that answers it while the connection lives on. */
const SURVIVED = {
	'not JSON': [{ text: 'hello' }, 1002],
	'nothing': [{ text: '' }, 1002],
	'half an object': [{ text: '{"event":"chat"' }, 1002],
	'a number': [{ text: '7' }, 1002],
	'an array': [{ text: '[]' }, 1002],
	'two objects': [{ text: '{"event":"heartbeat","data":{}}{"event":"heartbeat","data":{}}' }, 1002],
	'no event': [{ text: '{"data":{}}' }, 1002],
	'an event that is a number': [{ text: '{"event":7,"data":{}}' }, 1002],
	'an empty event': [{ text: '{"event":"","data":{}}' }, 1003],
	'an event of 65 characters': [{ text: `{"event":"${'e'.repeat(65)}","data":{}}` }, 1003],
	'an event with a blank': [{ text: '{"event":"a b","data":{}}' }, 1003],
	'a duplicate key': [{ text: '{"event":"chat","event":"heartbeat","data":{}}' }, 1002],
	'too deep': [{ text: deep(40) }, 1002],
	'ten thousand deep': [{ text: deep(10000) }, 1002],
	'a lone surrogate': [{ text: '{"event":"chat","data":{"toUserId":"bob","message":"\\ud800"}}' }, 1002],
	'a number of 10,000 digits': [{ text: `{"event":"chat","data":{"toUserId":${'9'.repeat(10000)},"message":"x"}}` }, 1002],
	'an unknown event': [{ text: '{"event":"nonsense","data":{}}' }, 1003],
	'a chat without data': [{ text: '{"event":"chat"}' }, 1004],
	'a chat whose data is text': [chat('text'), 1004],
	'a chat to nobody': [chat({ message: 'x' }), 1004],
	'a chat without a message': [chat({ toUserId: 'bob' }), 1004],
	'a message that is a number': [chat({ toUserId: 'bob', message: 7 }), 1004],
	'a recipient that is an object': [chat({ toUserId: {}, message: 'x' }), 1004],
	'a recipient with a float': [{ text: '{"event":"chat","data":{"toUserId":1.5,"message":"x"}}' }, 1004],
	'a negative recipient': [chat({ toUserId: -1, message: 'x' }), 1004],
	'a recipient with a blank': [chat({ toUserId: 'a b', message: 'x' }), 1004],
	'a recipient of 129 characters': [chat({ toUserId: 'u'.repeat(129), message: 'x' }), 1004],
	'a mid with a blank': [{ text: '{"event":"chat","mid":"a b","data":{"toUserId":"bob","message":"x"}}' }, 1004],
	'a message over 16 KiB': [chat({ toUserId: 'bob', message: 'x'.repeat(16385) }), 1005],
	'a watch of 101 users': [{ text: JSON.stringify({ event: 'watch', data: { users: Array.from({ length: 101 }, (_, i) => `u${i}`) } }) }, 1302],
	'a heartbeat at a number that is text': [{ text: '{"event":"heartbeat","data":{"u":"1"}}' }, 1004],
	'a heartbeat beyond what was sent': [{ text: '{"event":"heartbeat","data":{"u":999999999}}' }, 1004],
	'a sync without an epoch': [{ text: '{"event":"sync","data":{"u":1}}' }, 1004],
	'a sync at a negative number': [{ text: '{"event":"sync","data":{"e":"00000000","u":-1}}' }, 1004],
	'a push without the scope': [{ text: '{"event":"push","data":{"event":"news","data":1}}' }, 1404],
};

/* What is sent, and the code of the close that answers it. */
const CLOSED = {
	'a binary frame': [{ data: Buffer.from('{"event":"heartbeat","data":{}}'), options: { binary: true } }, 1003],
	'bad UTF-8': [{ data: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), options: { binary: false } }, 1007],
	'half a character, and an empty last piece': [{ pieces: [Buffer.from([0x22, 0xe2, 0x82]), Buffer.alloc(0)] }, 1007],
	'a frame over 64 KiB': [{ text: `{"event":"chat","data":{"toUserId":"bob","message":"${'x'.repeat(70000)}"}}` }, 1009],
	'a megabyte in pieces': [{ pieces: Array.from({ length: 64 }, () => 'x'.repeat(16384)) }, 1009],
};

function send(client, { text, data, options, pieces }) {
	if (pieces)
		pieces.forEach((piece, i) => client.raw(piece, { binary: false, fin: i === pieces.length - 1 }));
	else
		client.raw(text ?? data, options ?? { binary: false });
}

test('bad frames', async (t) => {
	const stack = await startStack(t);
	const bob = await stack.connect({ sub: 'bob' });

	for (const how of ['protocol', 'plain']) {
		for (const [what, [frame, code]] of Object.entries(SURVIVED)) {
			await t.test(`${what}: exception ${code} (${how}), and the next good frame works`, async () => {
				const ann = await stack.connect({ sub: 'ann', how });
				send(ann, frame);
				const { data } = await ann.next('exception');
				assert.equal(data.code, code, JSON.stringify(data));
				assert.equal(data.status, 'error');
				assert.match(data.retry, /^(no|now|after|reauth)$/);
				ann.send('chat', { toUserId: 'bob', message: what });
				assert.equal((await bob.next('chat')).data.content, what);
				assert.equal((await ann.heartbeat()).data.user, 'ann');
				await ann.close();
			});
		}
		for (const [what, [frame, code]] of Object.entries(CLOSED)) {
			await t.test(`${what}: closed with ${code} (${how})`, async () => {
				const ann = await stack.connect({ sub: 'ann', how });
				ann.ws.on('error', () => {}); /* the edge may close while we still send */
				send(ann, frame);
				assert.equal((await ann.closed).code, code);
				assert.ok(!ann.frames.some(({ event }) => event === 'exception'), 'no exception before');
			});
		}
	}

	await t.test('an exception echoes the id and never the payload', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		const canary = 'do-not-echo-me';
		ann.send('chat', { toUserId: 7.5, message: canary }, { id: 'abc' });
		const exception = await ann.next('exception');
		assert.equal(exception.id, 'abc');
		assert.equal(exception.data.field, 'toUserId');
		assert.ok(!JSON.stringify(exception).includes(canary));
		await ann.close();
	});

	await t.test('the third bad frame within ten seconds closes with 4001', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		for (let i = 0; i < 3; i++)
			ann.raw('not JSON');
		const { code, reason } = await ann.closed;
		assert.equal(code, 4001);
		assert.match(reason, /^bad_protocol/);
	});

	await t.test('a pong between two pieces of a character is no part of it', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		const text = Buffer.from(JSON.stringify({ event: 'chat', data: { toUserId: 'bob', message: '\u20ac' } }));
		const half = text.indexOf(0xe2) + 1;
		ann.raw(text.subarray(0, half), { binary: false, fin: false });
		ann.ws.pong('-');
		ann.raw(text.subarray(half), { binary: false, fin: true });
		assert.equal((await bob.next('chat')).data.content, '\u20ac');
		await ann.close();
	});

	await t.test('a good frame in many pieces is one frame', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		const text = JSON.stringify({ event: 'chat', data: { toUserId: 'bob', message: 'y'.repeat(9000) } });
		for (let i = 0; i < text.length; i += 100)
			ann.raw(text.slice(i, i + 100), { binary: false, fin: i + 100 >= text.length });
		assert.equal((await bob.next('chat')).data.content.length, 9000);
		await ann.close();
	});

	await t.test('a message of 16 KiB of escapes and every plane of UTF-8 arrives as it was', async () => {
		const ann = await stack.connect({ sub: 'ann' });
		const message = '"\\\n\u0001\u007f\u00e9\u20ac\uffff\u{1F600}\u{10FFFF}'.repeat(600).slice(0, 5000);
		ann.send('chat', { toUserId: 'bob', message });
		assert.equal((await bob.next('chat')).data.content, message);
		await ann.close();
	});
});
