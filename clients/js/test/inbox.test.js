import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inbox } from '../src/inbox.js';
import { Memory } from '../src/memory.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

function inbox(listeners) {
  const seen = { handled: [], failed: [], waits: [] };
  const box = new Inbox({
    listeners,
    handled: (entry) => seen.handled.push(entry.n),
    failed: (error) => seen.failed.push(error.message),
    wait: async (ms) => { seen.waits.push(ms); },
  });
  return { box, seen };
}
const entries = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => ({ n: from + i }));

test('the next entry is told when the one before was taken', async () => {
  const open = [];
  const { box, seen } = inbox((entry) => [() => new Promise((resolve) => open.push([entry.n, resolve]))]);
  box.push(entries(1, 3), 10);
  await turn();
  assert.deepEqual(open.map(([n]) => n), [1]);
  assert.equal(box.bytes, 30);
  assert.equal(box.isIdle, false);
  assert.deepEqual(seen.handled, []);
  for (const n of [1, 2, 3]) {
    open.at(-1)[1]();
    await turn();
    assert.deepEqual(seen.handled.at(-1), n);
  }
  assert.equal(box.isIdle, true);
  assert.equal(box.bytes, 0);
});

test('a listener that fails hears the same again, and others do not', async () => {
  let fails = 3;
  const heard = { good: [], bad: [] };
  const { box, seen } = inbox((entry) => [
    () => { heard.good.push(entry.n); },
    () => {
      heard.bad.push(entry.n);
      if (entry.n === 2 && fails-- > 0)
        throw new Error('not now');
    },
  ]);
  box.push(entries(1, 3));
  while (seen.handled.length < 3)
    await turn();
  assert.deepEqual(heard.good, [1, 2, 3]);
  assert.deepEqual(heard.bad, [1, 2, 2, 2, 2, 3]);
  assert.deepEqual(seen.failed, ['not now', 'not now', 'not now']);
  assert.deepEqual(seen.waits, [1000, 2000, 4000]);
});

test('without anything to wait for, thousands are told at once', () => {
  const { box, seen } = inbox(() => []);
  box.push(entries(1, 5000));
  assert.equal(seen.handled.length, 5000);
  assert.equal(box.size, 0);
});

test('entries pushed by a listener come after those that wait', async () => {
  const { box, seen } = inbox((entry) => [() => entry.n === 1 && box.push(entries(10, 10))]);
  box.push(entries(1, 2));
  await turn();
  assert.deepEqual(seen.handled, [1, 2, 10]);
});

test('after stop nobody is told', async () => {
  const { box, seen } = inbox((entry) => [() => entry.n === 2 && box.stop()]);
  box.push(entries(1, 4));
  box.push(entries(5, 5));
  await turn();
  assert.deepEqual(seen.handled, [1]);
});

test('the newest position is what a slow storage gets', async () => {
  const written = [];
  const open = [];
  const storage = { get: () => null, set: (key, text) => new Promise((resolve) => { written.push(JSON.parse(text).u); open.push(resolve); }) };
  const memory = new Memory({ storage }, assert.fail);
  for (let u = 1; u <= 5; u++)
    memory.save('key', { user: '1', epoch: 'k', u, s: 0 });
  open.shift()();
  await turn();
  assert.deepEqual(written, [1, 5]);
});

test('a storage that fails is told and does no other harm', async () => {
  const failed = [];
  const memory = new Memory({ storage: { getItem: () => null, setItem: () => { throw new Error('full'); } } }, (error) => failed.push(error.message));
  memory.save('key', { user: '1', epoch: 'k', u: 1, s: 0 });
  assert.deepEqual(failed, ['full']);
});
