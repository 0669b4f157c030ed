/* refreshToken and logOut: what is asked, and what comes of each answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logOut, refreshToken } from '../src/index.js';

function gateway(status, body) {
  const asked = [];
  const fetch = async (url, { method, headers }) => {
    asked.push([method, String(url), headers.Authorization]);
    return new Response(body, { status });
  };
  return { asked, fetch };
}

test('a token is refreshed at the address of the socket', async () => {
  const { asked, fetch } = gateway(200, '{"access_token":"T2"}');
  assert.equal(await refreshToken('wss://host:1/ws', 'T', { fetch }), 'T2');
  assert.deepEqual(asked, [['POST', 'https://host:1/auth/refresh', 'Bearer T']]);
});

test('a log out has an empty answer', async () => {
  const { asked, fetch } = gateway(204, null);
  assert.equal(await logOut('http://host', 'T', { fetch }), undefined);
  assert.deepEqual(asked, [['POST', 'http://host/auth/logout', 'Bearer T']]);
});

test('a refusal has the code of the server, and its advice', async () => {
  const body = '{"code":4401,"name":"unauthorized","message":"the token is missing or invalid","retry":"reauth","after_ms":0}';
  await assert.rejects(refreshToken('ws://host', 'T', gateway(401, body)), { name: 'PosternError', code: 4401, retry: 'reauth', reason: 'unauthorized' });
  await assert.rejects(logOut('ws://host', 'T', gateway(404, 'not found')), { name: 'PosternError', code: 404, retry: 'no' });
});

test('nobody there is an error of fetch', async () => {
  const fetch = async () => { throw new TypeError('fetch failed'); };
  await assert.rejects(refreshToken('ws://host', 'T', { fetch }), TypeError);
});
