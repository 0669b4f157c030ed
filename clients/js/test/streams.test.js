import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Streams } from '../src/streams.js';

const E = 'k3f9aaaa';
const u = (seq) => ({ event: 'chat', seq, data: {} });
const s = (seq) => ({ event: 'news', st: 's', seq, data: {} });
const gone = (seq) => ({ event: 'gone', seq, data: { reason: 'expired' } });
const at = (position) => new Streams({ epoch: E, ...position });
/* What the application gets: the numbers of frames; places in brackets. */
const numbers = (entries) => entries.map(({ kind, frame, position }) =>
  kind === 'frame' ? `${frame.st ?? 'u'}${frame.seq}` : `[${kind} ${position.u} ${position.s}]`);
const resume = (more) => ({ epoch: E, u: 10, s: 5, recovered: true, missed: 0, ...more });

test('the next number is delivered, an old one is dropped, and each entry says the position after it', () => {
  const streams = at({ u: 3, s: 7 });
  const [entry] = streams.frame(u(4), 0);
  assert.deepEqual(entry.position, { epoch: E, u: 4, s: 7 });
  assert.deepEqual(streams.frame(u(4), 0), []);
  assert.deepEqual(streams.frame(u(1), 0), []);
  assert.deepEqual(streams.frame(s(7), 0), []);
  assert.deepEqual(numbers(streams.frame(s(8), 0)), ['s8']);
  assert.deepEqual(streams.resumable, { epoch: E, u: 4, s: 8 });
});

test('in whatever order frames come, all are delivered in order and once', () => {
  const orders = (list) => (list.length < 2 ? [list]
    : list.flatMap((one, i) => orders([...list.slice(0, i), ...list.slice(i + 1)]).map((rest) => [one, ...rest])));
  let n = 0;
  for (const order of orders([1, 2, 3, 4, 5])) {
    for (let place = 0; place <= 5; place++) { /* one of them may be an ack */
      const streams = at({ u: 0, s: 0 });
      const out = [];
      for (const seq of [...order, ...order])
        out.push(...(seq === place ? streams.ack(seq, 0) : streams.frame(u(seq), 0)));
      const want = [1, 2, 3, 4, 5].map((seq) => (seq === place ? `[place ${seq} 0]` : `u${seq}`));
      assert.deepEqual(numbers(out), want, `${order} with ${place}`);
      assert.equal(streams.syncAt(), Infinity);
      n++;
    }
  }
  assert.equal(n, 720);
});

test('a gap is asked for at once, then again after a while, and at last the connection is stuck', () => {
  const streams = at({ u: 3, s: 7 });
  assert.equal(streams.syncAt(), Infinity);
  assert.deepEqual(streams.frame(u(5), 100), []);
  assert.equal(streams.syncAt(), 100);
  assert.deepEqual(streams.sync(100), { e: E, u: 3 });
  assert.equal(streams.sync(101), null);
  assert.deepEqual(streams.sync(10100), { e: E, u: 3 });
  assert.deepEqual(streams.sync(20100), { e: E, u: 3 });
  assert.equal(streams.sync(30100), 'stuck');
  assert.equal(streams.syncAt(), Infinity);
  assert.deepEqual(numbers(streams.frame(u(4), 30101)), ['u4']);
});

test('64 frames are held, and what does not fit comes again with the sync', () => {
  const streams = at({ u: 0, s: 0 });
  for (let seq = 2; seq <= 200; seq++)
    assert.deepEqual(streams.frame(u(seq), 0), []);
  const out = numbers(streams.frame(u(1), 1));
  assert.equal(out.length, 65);
  assert.equal(out.at(-1), 'u65');
  for (let seq = 1; seq <= 200; seq++)
    out.push(...numbers(streams.frame(u(seq), 2)));
  assert.deepEqual(out, Array.from({ length: 200 }, (_, i) => `u${i + 1}`));
});

test('the number of an ack ahead of a replay is held as a place; its carbon is dropped or takes it', () => {
  const streams = at({ u: 0, s: 0 });
  assert.deepEqual(streams.ack(3, 0), []);
  assert.equal(streams.syncAt(), 3000, 'the replay may be on its way');
  assert.deepEqual(numbers(streams.frame(u(1), 10)), ['u1']);
  assert.deepEqual(numbers(streams.frame(u(2), 20)), ['u2', '[place 3 0]']);
  assert.deepEqual(streams.frame(u(3), 30), []);
  streams.ack(5, 40);
  assert.deepEqual(streams.frame(u(5), 40), []);
  assert.deepEqual(numbers(streams.frame(u(4), 50)), ['u4', 'u5']);
  assert.equal(streams.syncAt(), Infinity);
});

test('a place that never comes within reach is forgotten after three times', () => {
  const streams = at({ u: 0, s: 0 });
  streams.ack(500, 0);
  for (const now of [3000, 13000, 23000])
    assert.deepEqual(streams.sync(now), { e: E, u: 0 });
  assert.equal(streams.sync(33000), null);
  assert.equal(streams.syncAt(), Infinity);
});

test('`gone` has a number like any frame', () => {
  const streams = at({ u: 0, s: 0 });
  assert.deepEqual(numbers(streams.frame(gone(1), 0)), ['u1']);
  assert.equal(streams.position.u, 1);
});

test('a reset moves both numbers, forgets what was held, and is itself in the order', () => {
  const streams = at({ u: 3, s: 7 });
  streams.frame(u(5), 0);
  const [entry] = streams.reset({ reason: 'too_old', epoch: 'k3fbbbbb', u: 140, s: 18 }, 0);
  assert.equal(entry.kind, 'reset');
  assert.equal(entry.frame.data.reason, 'too_old');
  assert.deepEqual(entry.position, { epoch: 'k3fbbbbb', u: 140, s: 18 });
  assert.deepEqual(streams.frame(u(5), 0), []);
  assert.deepEqual(numbers(streams.frame(u(141), 0)), ['u141']);
});

test('without a position and with nothing missed, the heads are the position', () => {
  const streams = new Streams();
  assert.equal(streams.resumable, null);
  assert.deepEqual(numbers(streams.ready(resume({}), false, 0)), ['[place 10 null]', '[place 10 5]']);
  assert.deepEqual(streams.resumable, { epoch: E, u: 10, s: 5 });
  assert.deepEqual(numbers(streams.frame(u(11), 0)), ['u11']);
});

test('without a position the first frame is the first; a stream that missed nothing is known when the rest has come', () => {
  const streams = new Streams();
  assert.deepEqual(streams.ready(resume({ missed: 3 }), false, 0), []);
  assert.deepEqual(streams.ack(11, 0), [], 'the replay comes first');
  assert.deepEqual(numbers(streams.frame(s(3), 0)), ['s3']);
  assert.equal(streams.resumable, null);
  assert.deepEqual(numbers(streams.frame(s(4), 0)), ['s4']);
  assert.deepEqual(numbers(streams.frame(s(5), 0)), ['s5', '[place 10 5]', '[place 11 5]']);
  assert.deepEqual(numbers(streams.frame(u(12), 0)), ['u12']);
});

test('without a position, live frames behind the replay do not count as missed', () => {
  const streams = new Streams();
  streams.ready(resume({ missed: 2 }), false, 0);
  streams.frame(u(9), 0);
  streams.frame(u(10), 0);
  assert.equal(streams.position.s, 5);
  const other = new Streams();
  other.ready(resume({ missed: 2 }), false, 0);
  other.frame(s(6), 0); /* live on the system stream while the user's is read */
  other.frame(u(9), 0);
  assert.equal(other.position.s, 6);
  assert.deepEqual(numbers(other.frame(u(10), 0)), ['u10']);
  assert.deepEqual(other.resumable, { epoch: E, u: 10, s: 6 });
  const third = new Streams();
  third.ready(resume({ missed: 2 }), false, 0);
  third.frame(s(5), 0);
  third.frame(s(6), 0);
  assert.deepEqual(numbers(third.frame(u(10), 0)), ['u10'], 'not taken for the head that came already');
});

test('a connection lost in the first replay: what is known is asked for, and nothing is delivered twice', () => {
  const streams = new Streams();
  streams.ready(resume({ missed: 4 }), false, 0);
  assert.deepEqual(numbers(streams.frame(s(4), 0)), ['s4']);
  assert.equal(streams.resumable, null);
  assert.deepEqual(streams.ready(resume({ u: 12, s: 6, missed: 6 }), false, 0), []);
  assert.deepEqual(streams.ask, { e: E, s: 4 });
  assert.deepEqual(numbers([4, 5, 6].flatMap((n) => streams.frame(s(n), 0))), ['s5', 's6']);
  assert.equal(streams.position.u, null, 'not guessed from a count that the asking has made wrong');
  assert.deepEqual(numbers(streams.frame(u(10), 0)), ['u10']);
});

test('another epoch without a position is a reset', () => {
  const streams = new Streams();
  streams.ready(resume({ missed: 4 }), false, 0);
  streams.frame(s(4), 0);
  const entries = streams.ready(resume({ epoch: 'other000', u: 2, s: 1 }), false, 0);
  assert.deepEqual(entries.map(({ kind }) => kind), ['reset', 'place', 'place']);
  assert.deepEqual(streams.resumable, { epoch: 'other000', u: 2, s: 1 });
  assert.equal(streams.ask, null);
});

test('after a resume nothing is guessed: the server sends the rest or a reset', () => {
  const streams = at({ u: 3, s: 5 });
  assert.deepEqual(streams.ready(resume({ missed: 7 }), true, 0), []);
  assert.equal(streams.ask, null);
  assert.deepEqual(numbers(streams.frame(u(4), 0)), ['u4']);
});

test('what was held is forgotten on a new connection, where it comes again', () => {
  const streams = at({ u: 3, s: 5 });
  streams.frame(u(5), 0);
  streams.ack(6, 0);
  streams.ready(resume({ missed: 3 }), true, 100);
  assert.equal(streams.syncAt(), Infinity);
  assert.deepEqual(numbers([4, 5, 6].flatMap((n) => streams.frame(u(n), 100))), ['u4', 'u5', 'u6']);
});
