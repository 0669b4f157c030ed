/* Tokens that change on a live connection, and what ends it for good. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AT, chat, settle, start } from './world.js';

const exception = (id, code, more = {}) => ({ event: 'exception', id, data: { status: 'error', code, message: 'no', retry: 'no', ...more } });
const renewed = (id, identity = 1) => ({ event: 'ack', id, data: { identity, expires_in_ms: 3600000 } });
const identity = (user, more = {}) => ({
  event: 'identity',
  data: {
    user, identity: 2, auth: { expires_in_ms: 3600000, swap: 'rebind' },
    resume: { epoch: 'k3f9aaaa', u: 3, s: 5, recovered: false, missed: 0, ...more },
  },
});
const tokenOf = (sub) => `x.${Buffer.from(JSON.stringify({ sub })).toString('base64url')}.y`;

/* Shows a token; the id under which it was said. */
async function show(world, client, token) {
  const asked = client.reauthenticate(token);
  asked.catch(() => {});
  await settle();
  const [frame] = world.socket.take('reauth');
  assert.deepEqual(frame, { event: 'reauth', id: frame.id, data: { token } });
  return { asked, id: frame.id };
}

test('a token of the same user replaces the one that there is, also for the next connection', async (t) => {
  const { world, client, heard } = await start(t);
  await assert.rejects(client.reauthenticate('T2'), { code: 'not_open', retry: 'after' });
  world.socket.ready();
  const { asked, id } = await show(world, client, 'T2');
  world.socket.hear(renewed(id));
  assert.deepEqual(await asked, { user: '42', identity: 1, expires_in_ms: 3600000 });
  assert.deepEqual(heard, [['renewed', { identity: 1, expires_in_ms: 3600000 }]]);
  world.socket.end(1006);
  await world.pass(500);
  assert.equal(world.socket.protocols[1], 'bearer.T2');
  await assert.rejects(client.reauthenticate(''), TypeError);
});

test('until the answer nothing else is said, and then all of it', async (t) => {
  const { world, client } = await start(t);
  world.socket.ready();
  world.socket.take('heartbeat');
  world.socket.hear(chat(11));
  const { id } = await show(world, client, 'T2');
  assert.deepEqual(world.socket.take('heartbeat').map(({ data }) => data), [{ u: 11, s: 5 }], 'what was taken is acknowledged before');
  client.send(7, 'x').catch(() => {});
  client.watch([7]);
  assert.equal(client.typing(7), false);
  world.socket.hear(chat(12));
  world.socket.hear(chat(14));
  world.page.hide();
  await world.pass(5000);
  assert.deepEqual(world.socket.said, []);
  world.socket.hear(renewed(id));
  await world.pass(0);
  assert.deepEqual(world.socket.said.map(({ event }) => event).sort(), ['chat', 'heartbeat', 'sync', 'watch']);
});

test('another user: nothing of the one before is sent, told or filed as his', async (t) => {
  const kept = new Map([['postern.position.7', JSON.stringify({ user: '7', epoch: 'k3f9aaaa', u: 2, s: 5 })]]);
  const storage = { get: async (key) => kept.get(key), set: async (key, text) => { kept.set(key, text); } };
  const { world, client, heard } = await start(t, { storage, token: tokenOf('42'), device: 'd' });
  world.socket.ready();
  let take;
  client.on('message', ({ seq }) => seq === 11 && new Promise((resolve) => { take = resolve; }));
  world.socket.hear(chat(11));
  world.socket.hear(chat(12));
  client.watch([9]);
  await world.pass(0);
  const before = client.send(9, 'said before');
  const [{ id: n, mid }] = world.socket.take('chat');
  const { asked, id } = await show(world, client, tokenOf('7'));
  const waiting = [client.send(9, 'waits'), before];
  world.socket.hear(exception(n, 1409, { retry: 'now' }));
  world.socket.said = [];
  world.socket.hear(identity('7', { missed: 1 }));
  for (const [i, maybeSent] of [[0, false], [1, false]])
    await assert.rejects(waiting[i], { name: 'PosternError', code: 'other_user', maybeSent });
  world.socket.hear(renewed(id, 2));
  assert.deepEqual(await asked, { user: '7', identity: 2, expires_in_ms: 3600000 });
  take();
  await world.pass(10000);
  assert.deepEqual([client.user, client.pending], ['7', 0]);
  assert.deepEqual(world.socket.take('chat'), []);
  assert.deepEqual(world.socket.take('watch'), []);
  assert.deepEqual(world.socket.take('heartbeat').map(({ data }) => data), [{ u: 0, s: 0 }]);
  for (const n of [1, 0]) {
    world.socket.hear({ event: 'heartbeat', data: { user: 7, time: 1 } });
    assert.equal(world.socket.take('heartbeat').length, n, 'once more, when the server knows of whom it is');
  }
  assert.deepEqual(world.socket.take('sync'), [], 'what follows what the storage knows of him is on its way');
  world.socket.hear(chat(3, { mid, carbon: true, data: { fromUser: 7, toUser: 9, content: 'of another device' } }));
  await settle();
  assert.deepEqual(heard.filter(([name]) => name === 'message').map(([, { from, to, seq }]) => [from, to, seq]), [['7', '42', 11], ['7', '9', 3]]);
  assert.deepEqual(heard.findIndex(([name]) => name === 'identity') > 0, true);
  assert.deepEqual(client.position, { epoch: 'k3f9aaaa', u: 3, s: 5 });
  assert.deepEqual(JSON.parse(kept.get('postern.position.7')), { user: '7', epoch: 'k3f9aaaa', u: 3, s: 5 });
  assert.equal(JSON.parse(kept.get('postern.position.42')).u, 10, 'nothing was taken since');
  const after = client.send(9, 'as 7');
  const [{ id: last, mid: lastMid }] = world.socket.take('chat');
  assert.ok(last > n);
  world.socket.hear({ event: 'ack', id: last, data: { mid: lastMid, state: 'stored', devices: 0, seq: 4 } });
  assert.equal((await after).seq, 4);
  world.socket.end(1006);
  await world.pass(500);
  assert.equal(world.socket.protocols[1], `bearer.${tokenOf('7')}`);
  assert.equal(world.socket.url.search, '?dev=d&e=k3f9aaaa&u=4&s=5');
});

test('what the other devices of the new user have and this one has not comes by a new connection', async (t) => {
  const storage = { get: (key) => (key.endsWith('.7') ? JSON.stringify({ user: '7', epoch: 'k3f9aaaa', u: 1, s: 5 }) : null), set: () => {} };
  const { world, client, states } = await start(t, { storage, token: tokenOf('42'), device: 'd' });
  world.socket.ready();
  const { asked, id } = await show(world, client, tokenOf('7'));
  world.socket.hear(identity('7'));
  world.socket.hear(renewed(id, 2));
  assert.equal((await asked).user, '7');
  assert.equal(states.at(-1).name, 'behind');
  await world.pass(500);
  assert.equal(world.socket.url.search, '?dev=d&e=k3f9aaaa&u=1&s=5');
  assert.equal(world.socket.protocols[1], `bearer.${tokenOf('7')}`);
  world.socket.ready({ user: '7', resume: { u: 3, s: 5, missed: 2 } });
  world.socket.hear(chat(2));
  world.socket.hear(chat(3));
  assert.equal(client.position.u, 3);
  const again = await show(world, client, tokenOf('7'));
  world.socket.hear(renewed(again.id));
  await world.pass(1000);
  assert.equal(world.sockets.length, 2, 'once');
});

test('a position in the storage that is somebody else\'s is not used', async (t) => {
  const storage = { get: () => JSON.stringify({ user: '42', epoch: 'k3f9aaaa', u: 1, s: 1 }), set: () => {} };
  const { world, client } = await start(t, { storage, device: 'd' });
  world.socket.ready();
  await show(world, client, 'T2');
  world.socket.hear(identity('7', { missed: 1 }));
  world.socket.hear(chat(3));
  assert.deepEqual(world.socket.take('sync'), []);
  assert.deepEqual(client.position, { epoch: 'k3f9aaaa', u: 3, s: 5 });
});

test('what the server says against a token is told to who gave it', async (t) => {
  const { world, client, heard, states } = await start(t);
  world.socket.ready();
  for (const [code, retry] of [[1401, 'reauth'], [1404, 'no'], [1503, 'after'], [1301, 'after']]) {
    const { asked, id } = await show(world, client, 'T2');
    world.socket.hear(exception(id, code, { retry, after_ms: 700 }));
    await assert.rejects(asked, { code, retry, afterMs: 700 });
  }
  assert.deepEqual(world.socket.take('reauth'), [], 'it is not said again');
  assert.equal(client.user, '42');
  const { asked, id } = await show(world, client, 'T7');
  world.socket.hear(exception(id, 1403));
  await assert.rejects(asked, { code: 1403 });
  world.socket.end(4403, 'identity_mismatch');
  await world.pass(60000);
  assert.deepEqual(states.at(-1), { state: 'stopped', delayed: false, code: 4403, name: 'identity_mismatch' });
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(heard, []);
});

test('one question at a time; without an answer, or with the connection gone, it is over', async (t) => {
  const { world, client } = await start(t);
  world.socket.ready();
  const first = await show(world, client, 'T2');
  const second = client.reauthenticate('T3');
  await settle();
  assert.deepEqual(world.socket.take('reauth'), []);
  world.socket.hear(renewed(first.id));
  await settle();
  assert.equal(world.socket.take('reauth')[0].data.token, 'T3');
  await Promise.all([assert.rejects(second, { code: 'not_open' }), world.pass(21000)]);
  assert.equal(world.sockets[0].closed, 1000, 'nobody knows whose it is');
  assert.equal(world.sockets.length, 2);
  world.socket.ready();
  const third = await show(world, client, 'T4');
  client.close();
  await assert.rejects(third.asked, { code: 'not_open' });
});

test('before the token ends another is asked for: 1401 once more, 1503 again, a provider that fails again', async (t) => {
  const asked = [];
  let fails = 0;
  const token = async ({ reason }) => {
    asked.push(reason);
    if (fails-- > 0)
      throw new Error('the login is away');
    return `T${asked.length}`;
  };
  const { world, heard } = await start(t, { token });
  const said = () => world.socket.take('reauth').map(({ id, data }) => [id, data.token]);
  world.socket.ready();
  world.socket.hear({ event: 'auth.expiring', data: { expires_in_ms: 60000 } });
  await settle();
  assert.deepEqual(said(), [['r1', 'T2']]);
  world.socket.hear(exception('r1', 1401, { retry: 'reauth' }));
  await world.pass(0);
  assert.deepEqual(said(), [['r2', 'T3']]);
  world.socket.hear(exception('r2', 1503, { retry: 'after', after_ms: 900 }));
  await world.pass(899);
  assert.deepEqual(said(), []);
  await world.pass(1);
  assert.deepEqual(said(), [['r3', 'T4']]);
  world.socket.hear(renewed('r3'));
  assert.deepEqual(asked, ['connect', 'expiring', 'unauthorized', 'unauthorized']);
  assert.deepEqual(heard.map(([name]) => name), ['renewed']);
  fails = 1;
  world.socket.hear({ event: 'auth.expiring', data: { expires_in_ms: 60000 } });
  await world.pass(4999);
  assert.equal(heard.at(-1)[0], 'error');
  assert.deepEqual(said(), []);
  await world.pass(1);
  assert.deepEqual(said(), [['r4', 'T6']]);
  world.socket.hear(renewed('r4'));
  world.socket.hear({ event: 'auth.expiring', data: { expires_in_ms: 60000 } });
  await settle();
  assert.deepEqual(said(), [['r5', 'T7']]);
  world.socket.hear(exception('r5', 1401, { retry: 'reauth' }));
  await world.pass(0);
  assert.deepEqual(said(), [['r6', 'T8']]);
  world.socket.hear(exception('r6', 1401, { retry: 'reauth' }));
  await world.pass(30000);
  assert.deepEqual(said(), [], 'the provider has no better one');
  assert.equal(heard.at(-1)[1].error.code, 1401);
});

test('1409 is said again by itself, and counts as not sent', async (t) => {
  const { world, client, states } = await start(t, { position: AT });
  world.socket.ready();
  world.socket.take('heartbeat');
  const send = client.send(7, 'x');
  client.watch([7]);
  await world.pass(0);
  const [{ id, mid }] = world.socket.take('chat');
  world.socket.take('watch');
  world.socket.hear(exception(id, 1409, { retry: 'now' }));
  const [again] = world.socket.take('chat');
  assert.deepEqual([again.id, again.mid], [id, mid]);
  world.socket.hear(exception('w', 1409, { retry: 'now' }));
  world.socket.hear({ event: 'exception', data: { code: 1409, retry: 'now' } });
  await world.pass(1000);
  assert.equal(world.socket.take('watch').length, 1);
  assert.equal(world.socket.take('heartbeat').length, 1);
  assert.equal(states.some(({ delayed }) => delayed), false);
  world.socket.hear({ event: 'ack', id, data: { mid, state: 'stored', devices: 0, seq: 11 } });
  await send;
});

test('what ended for good is reported with its reason, and nobody is asked for a token', async (t) => {
  for (const [code, name] of [[4404, 'revoked'], [4409, 'replaced'], [4410, 'logged_out'], [4403, 'identity_mismatch']]) {
    const asked = [];
    const { world, states } = await start(t, { token: ({ reason }) => { asked.push(reason); return 'T'; } });
    world.socket.ready();
    world.socket.end(code, name);
    await world.pass(100000);
    assert.deepEqual(states.at(-1), { state: 'stopped', delayed: false, code, name });
    assert.deepEqual(asked, ['connect']);
    assert.equal(world.sockets.length, 1);
  }
  const { world, states } = await start(t, { onAuth: () => assert.fail('a token does not help') });
  world.socket.ready();
  world.socket.end(4403, 'identity_mismatch');
  await settle();
  assert.equal(states.at(-1).state, 'stopped');
});

test('with one-time tickets the token is in no upgrade', async (t) => {
  const { world, client, states } = await start(t, { ticket: true, device: 'd' });
  assert.equal(world.sockets.length, 0, 'nobody was there');
  assert.equal(states.at(-1).name, 'no_token');
  world.answer = { ticket: 'once', expires_in_ms: 30000 };
  world.ok = true;
  await world.pass(500);
  assert.deepEqual(world.checks.at(-1), ['http://host/auth/ticket', 'Bearer T', 'POST']);
  assert.deepEqual(world.socket.protocols, ['postern.v1']);
  assert.equal(world.socket.url.search, '?dev=d&ticket=once');
  world.socket.ready();
  world.socket.end(1006);
  world.answer = { ticket: 'twice', expires_in_ms: 30000 };
  await world.pass(1000);
  assert.equal(world.socket.url.searchParams.get('ticket'), 'twice', 'each connection has its own');
  world.socket.ready();
  world.ok = false;
  world.answer = { code: 4131, name: 'router_away', message: 'm', retry: 'after', after_ms: 7000 };
  world.socket.end(1006);
  await world.pass(2000);
  assert.deepEqual([states.at(-1).name, states.at(-1).waitMs], ['router_away', 7000]);
  world.answer = { code: 4401, name: 'unauthorized', message: 'm', retry: 'reauth', after_ms: 0 };
  await world.pass(7000);
  assert.deepEqual(states.at(-1), { state: 'stopped', delayed: false, code: 4401, name: 'unauthorized' });
  assert.equal(client.state, 'stopped');
});
