/* The small pure modules. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Acks } from '../src/acks.js';
import { CLOSES, EXCEPTIONS } from '../src/codes.js';
import { socketUrl, withPosition } from '../src/frames.js';
import { httpUrl } from '../src/http.js';
import { Liveness } from '../src/liveness.js';
import { readPosition, subjectOf } from '../src/memory.js';
import { Backoff, judge, readReason } from '../src/reconnect.js';

test('the codes are those of the server', () => {
  const source = readFileSync(new URL('../../../proto/codes.h', import.meta.url), 'utf8');
  const rows = [...source.matchAll(/X\((\d+), [A-Z_]+, "([^"]+)", "([a-z]+)"\)/g)];
  assert.ok(rows.length > 30);
  const server = Object.fromEntries(rows.map(([, code, name]) => [code, name]));
  assert.deepEqual({ ...EXCEPTIONS, ...CLOSES }, server);
  for (const [, code, , retry] of rows.filter(([, code]) => code >= 4000)) {
    const { what } = judge(Number(code));
    assert.equal(what, { no: 'stop', after: 'retry', reauth: 'reauth' }[retry], code);
  }
});

test('a reason says its name and how long to wait', () => {
  assert.deepEqual(readReason('drain;after=350;resume=1'), { name: 'drain', afterMs: 350 });
  assert.deepEqual(readReason('retry;resume=1'), { name: 'retry', afterMs: 0 });
  assert.deepEqual(readReason(''), { name: '', afterMs: 0 });
  assert.deepEqual(readReason(undefined), { name: '', afterMs: 0 });
  assert.deepEqual(readReason('x;after=-5;after=1e3'), { name: 'x', afterMs: 0 });
  assert.equal(readReason('x;after=999999999').afterMs, 600000);
});

test('the range of a code decides, also of one that is not known', () => {
  assert.deepEqual(judge(4099), { what: 'stop', leastMs: 0 });
  assert.deepEqual(judge(4199), { what: 'retry', leastMs: 1000 });
  assert.deepEqual(judge(4299), { what: 'retry', leastMs: 0 });
  assert.deepEqual(judge(4499), { what: 'reauth', leastMs: 0 });
  assert.deepEqual(judge(1006), { what: 'retry', leastMs: 0 });
  assert.deepEqual(judge(1001), { what: 'retry', leastMs: 0 });
  assert.deepEqual(judge(1009), { what: 'retry', leastMs: 1000 });
});

test('waits grow to 30 s with full jitter, and begin anew after 10 stable seconds', () => {
  const most = new Backoff(() => 1);
  const waits = Array.from({ length: 9 }, () => most.next(0, 0));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  most.opened(1000);
  assert.equal(most.closed(10999), false);
  assert.equal(most.next(10999, 0) - 10999, 30000);
  most.opened(20000);
  assert.equal(most.closed(30000), true);
  assert.equal(most.next(30000, 0) - 30000, 500);
  assert.equal(most.closed(99999), false, 'it was not open');
});

test('what the server asked for is kept, but not longer than until the next connection', () => {
  const least = new Backoff(() => 0);
  assert.equal(least.next(5, 0), 5);
  assert.equal(least.next(5, 1000), 1005);
  least.asked(2000);
  least.asked(1500);
  assert.equal(least.next(5, 1000), 2000);
  assert.equal(least.soonest(5), 2000);
  assert.equal(least.soonest(2500), 2500);
  least.opened(3000);
  assert.equal(least.soonest(5), 5);
});

test('silence is broken with a question, and without an answer the connection is dead', () => {
  const live = new Liveness(25000, 0);
  assert.equal(live.look(24999, false), 'fine');
  assert.equal(live.look(25000, false), 'ask');
  assert.equal(live.look(30000, false), 'fine');
  live.heard(31000);
  assert.equal(live.look(55999, false), 'fine');
  assert.equal(live.look(56000, false), 'ask');
  assert.equal(live.nextAt(), 66000);
  assert.equal(live.look(66000, false), 'dead');
});

test('a timer that came late proves nothing', () => {
  const live = new Liveness(25000, 0);
  assert.equal(live.look(25000, false), 'ask');
  assert.equal(live.look(3600000, true), 'ask', 'the machine slept');
  live.heard(3600010);
  assert.equal(live.look(3600020, false), 'fine');
});

test('a doubt asks at once and waits for less', () => {
  const live = new Liveness(25000, 0);
  live.doubt();
  assert.equal(live.look(100, false), 'ask');
  assert.equal(live.look(5099, false), 'fine');
  assert.equal(live.look(5100, false), 'dead');
});

test('one heartbeat a second, or one for a hundred messages', () => {
  const acks = new Acks();
  assert.equal(acks.nextAt(), Infinity);
  acks.said(0);
  acks.handled();
  assert.equal(acks.nextAt(), 1000);
  for (let i = 1; i < 99; i++)
    acks.handled();
  assert.equal(acks.nextAt(), 1000);
  acks.handled();
  assert.equal(acks.nextAt(), 250);
  acks.said(250);
  assert.equal(acks.isOwed, false);
  assert.equal(acks.nextAt(), Infinity);
});

test('addresses', () => {
  assert.equal(socketUrl('http://h:8080').href, 'ws://h:8080/ws');
  assert.equal(socketUrl('https://h/gate').href, 'wss://h/gate');
  assert.equal(socketUrl('/ws', 'https://h/page').href, 'wss://h/ws');
  assert.throws(() => socketUrl('ftp://h/'), TypeError);
  const url = socketUrl('wss://h/ws?a=b');
  assert.equal(httpUrl(url, '/auth/check').href, 'https://h/auth/check');
  assert.equal(withPosition(url, 'd-1', null), 'wss://h/ws?a=b&dev=d-1');
  assert.equal(withPosition(url, 'd', { epoch: 'k', u: 3, s: 0 }), 'wss://h/ws?a=b&dev=d&e=k&u=3&s=0');
});

test('what the storage holds is checked', () => {
  const good = { user: '1', epoch: 'k', u: 3, s: 0 };
  assert.deepEqual(readPosition(JSON.stringify(good)), good);
  assert.deepEqual(readPosition({ epoch: 'k', u: 3, s: 0 }), { ...good, user: null });
  for (const bad of ['', '{', 'null', null, undefined, '[]', '{"epoch":"k","u":-1,"s":0}', '{"epoch":1,"u":1,"s":0}', '{"epoch":"k","u":1.5,"s":0}'])
    assert.equal(readPosition(bad), null, String(bad));
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  assert.equal(subjectOf(`x.${part({ sub: 'jörg' })}.y`), 'jörg');
  for (const bad of ['', 'opaque', 'a.b.c', `x.${part({})}.y`])
    assert.equal(subjectOf(bad), '', bad);
});
