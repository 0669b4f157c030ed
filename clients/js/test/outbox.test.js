import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox, Pace } from '../src/outbox.js';

const outbox = (more) => new Outbox({ max: 1000, maxBytes: 1e6, random: () => 1, ...more });
const item = (mid) => ({ mid, to: '7', bytes: 100 });
const takeAll = (box, now) => {
  const out = [];
  for (let one; (one = box.take(now)); )
    out.push(one.mid);
  return out;
};
const UNAVAILABLE = { code: 1503, retry: 'after', after_ms: 1000 };

test('each is said once, in order, and 32 are under way', () => {
  const box = outbox();
  for (let i = 0; i < 40; i++)
    box.add(item(`m${i}`), 0);
  const said = takeAll(box, 0);
  assert.deepEqual(said, Array.from({ length: 32 }, (_, i) => `m${i}`));
  assert.equal(box.acked(1).mid, 'm0');
  assert.equal(box.acked(1), null, 'a second answer');
  assert.deepEqual(takeAll(box, 1), ['m32']);
  assert.equal(box.size, 39);
});

test('it is bounded in messages and in bytes', () => {
  const box = outbox({ max: 2 });
  box.add(item('a'), 0);
  box.add(item('b'), 0);
  assert.throws(() => box.add(item('c'), 0), { code: 'queue_full' });
  box.take(0);
  box.acked(1);
  box.add(item('c'), 0);
  const small = outbox({ maxBytes: 150 });
  small.add(item('a'), 0);
  assert.throws(() => small.add(item('b'), 0), { code: 'queue_full' });
  assert.throws(() => outbox({ max: 3 }).add(item('a'), 0) ?? box.add(item('c'), 0), { code: 'mid_in_use' });
});

test('a refusal that passes: the same again when the server said, before what came later', () => {
  const box = outbox();
  for (const mid of ['a', 'b'])
    box.add(item(mid), 0);
  takeAll(box, 0);
  assert.equal(box.refused(1, UNAVAILABLE, 0), null);
  assert.equal(box.refused(2, UNAVAILABLE, 1), null);
  assert.equal(box.isDelayed, true);
  box.add(item('c'), 0);
  assert.equal(box.take(1000), null);
  assert.equal(box.nextAt(true, 0), 1001);
  assert.deepEqual(takeAll(box, 1001), ['a', 'b', 'c']);
  assert.equal(box.acked(1).tries, 2);
  assert.equal(box.isDelayed, false);
});

test('a refusal that says something about the message ends it', () => {
  const box = outbox();
  for (const [i, code] of [1101, 1102, 1103, 1404, 1410, 1999].entries()) {
    box.add(item(`m${i}`), 0);
    box.take(0);
    assert.equal(box.refused(i + 1, { code, retry: 'after' }, 0).mid, `m${i}`, code);
  }
  assert.equal(box.size, 0);
});

test('an answer that does not come is asked for again; so is everything after a new connection', () => {
  const box = outbox();
  box.add(item('a'), 0);
  box.add(item('b'), 0);
  assert.deepEqual(takeAll(box, 0), ['a', 'b']);
  assert.equal(box.nextAt(true, 0), 10000);
  assert.deepEqual(box.expire(10000), []);
  assert.deepEqual(takeAll(box, 10000), ['a', 'b']);
  box.acked(2);
  box.disconnected();
  assert.deepEqual(takeAll(box, 10001), ['a']);
  assert.equal(box.acked(1).tries, 3);
});

test('a send may not wait longer than the server knows its mid', () => {
  for (const timeoutMs of [0, -1, NaN, 540001, Infinity])
    assert.throws(() => outbox().add(item('a'), 0, timeoutMs), RangeError);
  outbox().add(item('a'), 0, 540000);
});

test('at its deadline a message is given up', () => {
  const box = outbox();
  box.add(item('a'), 0, 50);
  box.add(item('b'), 0, 60);
  box.take(0);
  assert.equal(box.nextAt(false, 0), 50);
  assert.deepEqual(box.expire(59).map(({ mid, tries }) => [mid, tries]), [['a', 1]]);
  assert.deepEqual(box.expire(60).map(({ mid, tries }) => [mid, tries]), [['b', 0]]);
  assert.equal(box.nextAt(true, 0), Infinity);
});

test('its own carbon is an answer, once', () => {
  const box = outbox();
  box.add(item('a'), 0);
  box.take(0);
  const { own, item: done } = box.carbon('a');
  assert.deepEqual([own, done.mid], [true, 'a']);
  assert.deepEqual(box.carbon('a'), { own: true });
  assert.deepEqual(box.carbon('of another device'), { own: false });
  assert.equal(box.acked(1), null);
});

test('the pace stays below what the server allows', () => {
  const pace = new Pace();
  pace.limit({ msgs_per_s: 20, burst: 40 });
  let server = 40;
  let last = 0;
  let said = 0;
  for (let now = 0; now <= 60000; now += 1) {
    server = Math.min(40, server + ((now - last) * 20) / 1000);
    last = now;
    while (pace.may(now)) {
      pace.spend(now);
      said++;
      server--;
      assert.ok(server >= 0);
    }
  }
  assert.ok(said > 1000, `${said} in a minute`);
  assert.ok(pace.nextAt(60000) > 60000);
});
