/* The client against the scripted server of world.js. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client } from '../src/client.js';
import { AT, chat, makeWorld, settle, start } from './world.js';

test('the token travels as a subprotocol, the device in the address, and no position when there is none', async (t) => {
  const { world } = await start(t, { device: 'd-1' });
  assert.deepEqual(world.socket.protocols, ['postern.v1', 'bearer.T']);
  assert.equal(world.socket.url.href, 'ws://host/ws?dev=d-1');
});

test('it goes on where it was, and says at once that it acknowledges by itself', async (t) => {
  const { world, client, heard } = await start(t, { device: 'd', position: { epoch: 'k3f9aaaa', u: 9, s: 5 } });
  assert.equal(world.socket.url.search, '?dev=d&e=k3f9aaaa&u=9&s=5');
  world.socket.ready({ resume: { missed: 1 } });
  assert.deepEqual(world.socket.take('heartbeat'), [{ event: 'heartbeat', data: { u: 9, s: 5 } }]);
  world.socket.hear(chat(10));
  assert.equal(client.position.u, 10);
  world.socket.end(1006);
  await world.pass(600);
  assert.equal(world.sockets.length, 2);
  assert.equal(world.socket.url.search, '?dev=d&e=k3f9aaaa&u=10&s=5');
  world.socket.ready();
  world.socket.hear(chat(10));
  assert.deepEqual(heard.map(([name, { seq }]) => [name, seq]), [['message', 10]], 'once');
});

test('messages, pushes and what is gone are told with all that is known about them', async (t) => {
  const { world, heard } = await start(t);
  world.socket.ready();
  world.socket.hear(chat(11));
  world.socket.hear({ event: 'chat', seq: 12, mid: 'x', carbon: true, data: { fromUser: 42, toUser: 'ann', content: 'c' } });
  world.socket.hear({ event: 'news', st: 's', seq: 6, mid: 'y', ts: 2, data: [1] });
  world.socket.hear({ event: 'gone', seq: 13, data: { reason: 'expired' } });
  const epoch = 'k3f9aaaa';
  assert.deepEqual(heard, [
    ['message', { from: '7', to: '42', text: 't11', carbon: false, epoch, stream: 'u', seq: 11, mid: 'm11', ts: 1 }],
    ['message', { from: '42', to: 'ann', text: 'c', carbon: true, epoch, stream: 'u', seq: 12, mid: 'x', ts: undefined }],
    ['push', { event: 'news', data: [1], epoch, stream: 's', seq: 6, mid: 'y', ts: 2 }],
    ['gone', { reason: 'expired', epoch, stream: 'u', seq: 13, mid: undefined, ts: undefined }],
  ]);
});

test('what the application has not taken is not acknowledged, and a gap is asked for', async (t) => {
  const { world, client } = await start(t, { position: AT });
  let take = null;
  client.on('message', () => new Promise((resolve) => { take = resolve; }));
  world.socket.ready();
  world.socket.take('heartbeat');
  world.socket.hear(chat(11));
  world.socket.hear(chat(13));
  client.watch([7]);
  await world.pass(5000);
  assert.equal(world.socket.take('watch').length, 1, 'other things go on');
  assert.deepEqual(world.socket.take('heartbeat'), []);
  assert.deepEqual(world.socket.take('sync'), [], 'it would acknowledge, too');
  take();
  await world.pass(1000);
  assert.deepEqual(world.socket.take('sync').map(({ data }) => data), [{ e: 'k3f9aaaa', u: 11 }]);
  assert.deepEqual(world.socket.take('heartbeat').map(({ data }) => data), [{ u: 11, s: 5 }]);
});

test('acknowledgements are few', async (t) => {
  const { world } = await start(t);
  world.socket.ready();
  world.socket.take('heartbeat');
  for (let seq = 11; seq <= 60; seq++)
    world.socket.hear(chat(seq));
  await world.pass(999);
  assert.deepEqual(world.socket.take('heartbeat'), []);
  await world.pass(1);
  assert.deepEqual(world.socket.take('heartbeat').map(({ data }) => data), [{ u: 60, s: 5 }]);
  for (let seq = 61; seq <= 160; seq++)
    world.socket.hear(chat(seq));
  await world.pass(250);
  assert.deepEqual(world.socket.take('heartbeat').map(({ data }) => data), [{ u: 160, s: 5 }]);
  world.socket.hear(chat(161));
  world.page.hide();
  assert.deepEqual(world.socket.take('heartbeat').map(({ data }) => data), [{ u: 161, s: 5 }], 'the page may not come back');
});

test('a send is answered; its number is the position, and its carbon is not told again', async (t) => {
  const { world, client, heard } = await start(t);
  const early = client.send(7, 'before there is a connection');
  world.socket.ready();
  const [first] = world.socket.take('chat');
  assert.deepEqual(first.data, { toUserId: '7', message: 'before there is a connection' });
  assert.match(first.mid, /^[0-9a-f]{32}$/);
  const data = { mid: first.mid, state: 'delivered', devices: 2, seq: 11 };
  world.socket.hear({ event: 'ack', id: first.id, data });
  assert.deepEqual(await early, data);
  assert.equal(client.position.u, 11);
  world.socket.hear({ event: 'chat', seq: 11, mid: first.mid, carbon: true, data: { fromUser: 42, toUser: 7, content: '' } });
  const second = client.send(7, 'again');
  const [{ mid }] = world.socket.take('chat');
  world.socket.hear({ event: 'chat', seq: 12, mid, carbon: true, data: { fromUser: 42, toUser: 7, content: '' } });
  assert.equal((await second).seq, 12);
  const self = client.send(42, 'to myself');
  const [own] = world.socket.take('chat');
  world.socket.hear({ event: 'ack', id: own.id, data: { mid: own.mid, state: 'delivered', devices: 1, seq: 13 } });
  await self;
  world.socket.hear(chat(13, { mid: own.mid }));
  assert.deepEqual(heard.map(([name, { seq }]) => [name, seq]), [['message', 13]]);
});

test('a message is one message over refusals, connections and lost answers', async (t) => {
  const { world, client, states } = await start(t);
  const send = client.send(7, 'x');
  const mids = [];
  const said = () => {
    const frames = world.socket.take('chat');
    mids.push(...frames.map(({ mid }) => mid));
    return frames;
  };
  world.socket.ready();
  const [{ id }] = said();
  world.socket.hear({ event: 'exception', id, data: { code: 1503, message: 'away', retry: 'after', after_ms: 1000 } });
  assert.deepEqual(states.at(-1), { state: 'open', delayed: true });
  await world.pass(999);
  assert.equal(said().length, 0);
  await world.pass(1);
  assert.equal(said().length, 1);
  await world.pass(10000);
  assert.equal(said().length, 1, 'the answer was lost');
  world.socket.end(1006);
  await world.pass(500);
  world.socket.ready();
  assert.equal(said().length, 1, 'on the next connection');
  world.socket.hear({ event: 'ack', id, data: { mid: mids[0], state: 'duplicate', first: 'stored', devices: 0, seq: 9 } });
  assert.equal((await send).first, 'stored');
  assert.equal(new Set(mids).size, 1);
  assert.equal(client.pending, 0);
});

test('a send that cannot be done says why, and whether it may have arrived', async (t) => {
  const { world, client } = await start(t, { maxQueue: 2 });
  const sends = [client.send(7, 'a', { timeoutMs: 5000 }), client.send(7, 'b', { timeoutMs: 700 })];
  await assert.rejects(client.send(7, 'c'), { name: 'PosternError', code: 'queue_full' });
  await Promise.all([assert.rejects(sends[1], { code: 'timeout', maybeSent: false }), world.pass(700)]);
  world.socket.ready();
  await Promise.all([assert.rejects(sends[0], { code: 'timeout', maybeSent: true }), world.pass(5000)]);
  const full = client.send(7, 'd');
  const { id } = world.socket.take('chat').at(-1);
  world.socket.hear({ event: 'exception', id, data: { status: 'error', code: 1103, message: 'inbox full', retry: 'after', after_ms: 1000 } });
  await assert.rejects(full, { code: 1103, retry: 'after', afterMs: 1000, maybeSent: false });
  const left = client.send(7, 'e');
  client.close();
  await assert.rejects(left, { code: 'stopped', maybeSent: true });
  await assert.rejects(client.send(7, 'f'), { code: 'stopped', maybeSent: false });
});

test('many sends at once keep to what the server allows', async (t) => {
  const { world, client } = await start(t);
  world.socket.ready();
  const sends = Array.from({ length: 200 }, (_, i) => client.send(7, `${i}`));
  assert.ok(world.socket.take('chat').length <= 30);
  const texts = new Set();
  for (let i = 0; i < 200 && client.pending > 0; i++) {
    for (const { id, mid, data } of world.socket.take('chat')) {
      texts.add(data.message);
      world.socket.hear({ event: 'ack', id, data: { mid, state: 'stored', devices: 0 } });
    }
    await world.pass(100);
    assert.ok(world.socket.said.length <= 4);
    /* Those of the first burst. */
    if (i === 0)
      for (let id = 1; id <= 32; id++)
        world.socket.hear({ event: 'ack', id, data: { mid: 'x', state: 'stored', devices: 0 } });
  }
  await Promise.all(sends);
});

test('it comes back as the close code says', async (t) => {
  const table = [
    [4202, 'drain;after=350;resume=1', 500],
    [4200, 'retry;after=2500;resume=1', 2500],
    [4100, 'overload', 1000],
    [4131, 'router_away;after=7000', 7000],
    [1006, '', 500],
  ];
  for (const [code, reason, waitMs] of table) {
    const { world, client, states } = await start(t);
    world.socket.ready();
    world.socket.end(code, reason);
    assert.equal(states.at(-1).state, 'waiting');
    assert.equal(states.at(-1).waitMs, waitMs, reason);
    await world.pass(waitMs - 1);
    assert.equal(world.sockets.length, 1);
    await world.pass(1);
    assert.equal(world.sockets.length, 2);
    client.close();
  }
});

test('it stops where coming back would be wrong', async (t) => {
  for (const [code, name] of [[4001, 'bad_protocol'], [4004, 'session_limit'], [4409, 'replaced'], [4403, 'identity_mismatch']]) {
    const { world, client, states } = await start(t, { token: async () => 'T' });
    world.socket.ready();
    const send = client.send(7, 'x');
    world.socket.end(code, name);
    await assert.rejects(send, { code: 'stopped', maybeSent: true });
    assert.deepEqual(states.at(-1), { state: 'stopped', delayed: false, code, name });
    await world.pass(100000);
    assert.equal(world.sockets.length, 1);
  }
});

test('goaway: it comes back in its slot', async (t) => {
  const { world, heard } = await start(t);
  world.socket.ready();
  world.socket.hear({ event: 'goaway', data: { reason: 'drain', reconnect_after_ms: 4000, close_in_ms: 3800, resumable: true } });
  assert.equal(heard.at(-1)[0], 'goaway');
  await world.pass(3000);
  world.socket.end(4202, 'drain;after=100;resume=1');
  world.page.wake();
  await world.pass(999);
  assert.equal(world.sockets.length, 1, 'nobody may hurry it');
  await world.pass(1);
  assert.equal(world.sockets.length, 2);
});

test('a refused upgrade is explained by /auth/check', async (t) => {
  const { world, states } = await start(t, { token: 'T' });
  world.socket.end(1006);
  await settle();
  assert.deepEqual(world.checks, [['http://host/auth/check', 'Bearer T', 'GET']]);
  assert.equal(states.at(-1).state, 'waiting', 'nobody was there');
  await world.pass(500);
  world.answer = { code: 4202, name: 'drain', after_ms: 3000 };
  world.socket.end(1006);
  await settle();
  assert.deepEqual([states.at(-1).name, states.at(-1).waitMs], ['drain', 3000]);
  await world.pass(3000);
  world.answer = 204;
  world.socket.end(1006);
  await settle();
  assert.equal(states.at(-1).state, 'waiting');
  await world.pass(states.at(-1).waitMs);
  world.answer = { code: 4401, name: 'unauthorized', after_ms: 0 };
  world.socket.end(1006);
  await settle();
  assert.deepEqual(states.at(-1), { state: 'stopped', delayed: false, code: 4401, name: 'unauthorized' });
});

test('a fresh token is asked for once, and the next time when that one was good', async (t) => {
  const asked = [];
  const { world, states } = await start(t, { token: async ({ reason }) => { asked.push(reason); return `T${asked.length}`; } });
  world.answer = { code: 4401, name: 'unauthorized', after_ms: 0 };
  world.socket.end(1006);
  await world.pass(1000);
  assert.deepEqual(asked, ['connect', 'unauthorized']);
  assert.deepEqual(world.socket.protocols, ['postern.v1', 'bearer.T2']);
  world.socket.ready();
  await world.pass(11000);
  world.socket.end(4230, 'token_expired;resume=1');
  await world.pass(1000);
  assert.deepEqual(asked, ['connect', 'unauthorized', 'token_expired']);
  world.socket.end(1006);
  await world.pass(1000);
  assert.equal(states.at(-1).state, 'stopped', 'the fresh one was refused');
});

test('onAuth decides', async (t) => {
  const asked = [];
  let fails = true;
  const onAuth = async (why) => {
    asked.push(why);
    if (fails)
      throw new Error('the login is away');
    return asked.length === 2 ? 'T2' : null;
  };
  const { world, states, heard } = await start(t, { onAuth });
  world.socket.ready();
  world.socket.end(4409, 'replaced');
  await settle();
  assert.equal(heard.at(-1)[0], 'error');
  fails = false;
  await world.pass(1000);
  assert.deepEqual(world.socket.protocols[1], 'bearer.T', 'nobody to ask is not a no');
  world.socket.end(4404, 'revoked');
  await world.pass(2000);
  assert.deepEqual(world.socket.protocols[1], 'bearer.T2');
  world.socket.ready();
  await world.pass(10000);
  world.socket.end(4404, 'revoked');
  await settle();
  assert.equal(states.at(-1).state, 'stopped');
  assert.deepEqual(asked.map(({ code, name }) => [code, name]), [[4409, 'replaced'], [4404, 'revoked'], [4404, 'revoked']]);
});

test('a token that ends is renewed on the connection, also where the server does not know how', async (t) => {
  let n = 0;
  const { world, heard } = await start(t, { token: () => `T${++n}` });
  world.socket.ready();
  world.socket.hear({ event: 'auth.expiring', data: { expires_in_ms: 60000 } });
  await settle();
  assert.deepEqual(world.socket.take('reauth'), [{ event: 'reauth', id: 'r1', data: { token: 'T2' } }]);
  world.socket.hear({ event: 'exception', id: 'r1', data: { code: 1003, message: 'unknown event', retry: 'no' } });
  assert.deepEqual(heard, []);
  world.socket.end(1006);
  await world.pass(500);
  assert.equal(world.socket.protocols[1], 'bearer.T2');
});

test('a silent server is asked, then left', async (t) => {
  const { world } = await start(t, { position: AT });
  world.socket.ready();
  world.socket.take('heartbeat');
  await world.pass(25000);
  assert.equal(world.socket.take('heartbeat').length, 1);
  await world.pass(10500);
  assert.equal(world.sockets[0].closed, 1000);
  assert.equal(world.sockets.length, 2);
});

test('in the background, where timers are late, nobody is called dead', async (t) => {
  const { world } = await start(t);
  world.socket.ready();
  for (let minute = 0; minute < 10; minute++) {
    world.socket.take('heartbeat');
    await world.pass(60000, { jump: true });
    assert.equal(world.socket.take('heartbeat').length, 1);
    world.socket.hear({ event: 'heartbeat', data: { user: 42, time: 1 } });
  }
  assert.equal(world.sockets.length, 1);
});

test('a page that is looked at again, or has a network again, does not wait', async (t) => {
  const { world, client } = await start(t);
  for (let i = 0; i < 6; i++) {
    world.socket.end(1006);
    await world.pass(500 * 2 ** i);
  }
  assert.equal(world.sockets.length, 7);
  world.socket.end(1006);
  await world.pass(10);
  world.page.wake();
  await world.pass(0);
  assert.equal(world.sockets.length, 8);
  world.socket.ready();
  world.socket.take('heartbeat');
  world.page.wake();
  await world.pass(0);
  assert.equal(world.socket.take('heartbeat').length, 1, 'an open one is asked');
  world.page.doubt();
  await world.pass(5000);
  assert.equal(client.state, 'waiting', 'and left without an answer');
  client.close();
  assert.equal(world.page, null);
});

test('a connection that never becomes ready is given up', async (t) => {
  const { world } = await start(t);
  await world.pass(15600);
  assert.equal(world.sockets.length, 2);
});

test('device and position are kept; those of another user are not used', async (t) => {
  const kept = new Map();
  const storage = { get: async (key) => kept.get(key), set: async (key, text) => { kept.set(key, text); } };
  const token = `x.${Buffer.from('{"sub":"42"}').toString('base64url')}.y`;
  const first = await start(t, { storage, token });
  first.world.socket.ready();
  first.world.socket.hear(chat(11));
  await settle();
  first.client.close();
  assert.deepEqual(JSON.parse(kept.get('postern.position.42')), { user: '42', epoch: 'k3f9aaaa', u: 11, s: 5 });
  const second = await start(t, { storage, token });
  assert.equal(second.client.device, first.client.device);
  assert.equal(second.world.socket.url.search, `?dev=${first.client.device}&e=k3f9aaaa&u=11&s=5`);
  second.world.socket.ready({ user: '43', resume: { u: 900, s: 5 } });
  second.world.socket.hear(chat(900));
  await second.world.pass(0);
  assert.deepEqual(second.heard, [], 'nothing is told that was asked for with a position of another user');
  assert.equal(second.world.sockets.length, 2);
  assert.equal(second.world.socket.url.search, `?dev=${first.client.device}`);
  second.world.socket.ready({ user: '43', resume: { u: 900, s: 5 } });
  assert.deepEqual(second.client.position, { epoch: 'k3f9aaaa', u: 900, s: 5 });
  second.world.socket.end(1006);
  await second.world.pass(2000);
  second.world.socket.ready({ user: '44' });
  assert.equal(second.states.at(-1).name, 'identity_mismatch');
});

test('after a reset the position is the one that it names', async (t) => {
  const { world, client, heard } = await start(t, { position: { epoch: 'k3f9aaaa', u: 9, s: 5 } });
  world.socket.ready({ resume: { epoch: 'k3fbbbbb', u: 3, s: 1, recovered: false } });
  assert.deepEqual(world.socket.take('heartbeat')[0].data, { u: 0, s: 0 }, 'no number of another epoch');
  world.socket.hear({ event: 'reset', data: { reason: 'epoch_changed', epoch: 'k3fbbbbb', u: 3, s: 1 } });
  assert.deepEqual(heard, [['reset', { reason: 'epoch_changed', epoch: 'k3fbbbbb', u: 3, s: 1 }]]);
  world.socket.hear(chat(4));
  assert.deepEqual(client.position, { epoch: 'k3fbbbbb', u: 4, s: 1 });
});

test('an application that does not take what comes is not sent more', async (t) => {
  const { world, client, states } = await start(t);
  let release;
  const gate = new Promise((resolve) => { release = resolve; });
  let n = 0;
  client.on('message', () => (n++, gate));
  world.socket.ready();
  for (let seq = 11; seq <= 11 + 4200 && !world.socket.closed; seq++)
    world.socket.hear(chat(seq));
  assert.equal(world.socket.closed, 1000);
  assert.equal(states.at(-1).name, 'congested');
  await world.pass(60000);
  assert.equal(world.sockets.length, 1);
  release();
  for (let i = 0; i < 20000 && n < 4097; i++)
    await new Promise((resolve) => setImmediate(resolve));
  await world.pass(1);
  assert.equal(world.sockets.length, 2);
  assert.equal(world.socket.url.searchParams.get('u'), String(10 + 4097));
});

test('watched users are said again on each connection, and when the server could not take them', async (t) => {
  const { world, client, heard } = await start(t);
  client.watch([7, 'ann']);
  world.socket.ready();
  await world.pass(0);
  assert.deepEqual(world.socket.take('watch'), [{ event: 'watch', id: 'w', data: { users: ['7', 'ann'] } }]);
  world.socket.hear({ event: 'exception', id: 'w', data: { code: 1503, retry: 'after', after_ms: 1000 } });
  await world.pass(1000);
  assert.equal(world.socket.take('watch').length, 1);
  world.socket.hear({ event: 'presence', data: { user: '7', state: 'online', devices: 1 } });
  assert.deepEqual(heard, [['presence', { user: '7', state: 'online', devices: 1 }]]);
  world.socket.end(1006);
  await world.pass(500);
  world.socket.ready();
  await world.pass(0);
  assert.equal(world.socket.take('watch').length, 1);
  assert.throws(() => client.watch(Array.from({ length: 101 }, (_, i) => i)), { code: 1302 });
});

test('a listener may close the client at any moment', async (t) => {
  for (const name of ['ready', 'state', 'message', 'reset', 'presence']) {
    const { world, client, states } = await start(t);
    client.on(name, () => client.close());
    world.socket.ready();
    for (const frame of [chat(11), { event: 'reset', data: { reason: 'ahead', epoch: 'k', u: 1, s: 1 } }, { event: 'presence', data: {} }]) {
      if (!world.socket.closed)
        world.socket.hear(frame);
    }
    await world.pass(100000);
    assert.equal(states.at(-1).state, 'stopped', name);
    assert.equal(world.sockets.length, 1, name);
    assert.equal(world.timers.size, 0, name);
  }
});

test('a frame that makes no sense costs itself', async (t) => {
  const { world, client, heard } = await start(t);
  world.socket.ready();
  world.socket.onmessage({ data: 'no JSON' });
  world.socket.onmessage({ data: 'null' });
  world.socket.onmessage({ data: new Uint8Array(3) });
  world.socket.hear({ event: 'goaway' });
  world.socket.hear({ event: 'toString', data: 1 });
  assert.deepEqual(heard.map(([name]) => name), ['error', 'error', 'error']);
  world.socket.hear(chat(11));
  assert.equal(client.position.u, 11);
});

test('options that cannot be right are refused at once', () => {
  const { env } = makeWorld();
  for (const options of [{}, { token: 1 }, { token: 'T', device: 'a b' }, { token: 'T', device: '' }])
    assert.throws(() => new Client('ws://host', options, env), TypeError);
  assert.throws(() => new Client('ftp://host', { token: 'T' }, env), TypeError);
});

test('few frames may be as full as many', async (t) => {
  const { world, client } = await start(t);
  client.on('message', () => new Promise(() => {}));
  world.socket.ready();
  for (let seq = 11; seq < 1000 && !world.socket.closed; seq++)
    world.socket.hear(chat(seq, { data: { fromUser: 7, content: 'x'.repeat(60000) } }));
  assert.equal(world.socket.closed, 1000);
  await world.pass(60000);
  assert.equal(world.sockets.length, 1);
});
