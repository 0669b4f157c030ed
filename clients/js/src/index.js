/*
 * postern-client: one user's connection to Postern, for browsers and Node.
 *
 *	const client = connect('wss://example.org/ws', { token, storage: localStorage });
 *	client.on('message', (message) => show(message));
 *	await client.send(7, 'hello');
 */
import { Client } from './client.js';
import { httpEnv, realEnv } from './env.js';
import { socketUrl } from './frames.js';
import { demand } from './http.js';

export { CLOSES, EXCEPTIONS, PosternError } from './codes.js';

/* docs/CLIENTS.md has the options.  Listeners that are added before the next await miss nothing. */
export function connect(url, options = {}) {
  return new Client(url, options, realEnv(options));
}

const post = (url, path, token, options) =>
  demand(httpEnv(options), socketUrl(url, globalThis.location?.href), path, { method: 'POST', token });

/* A new token of the same login, for one that is still good.  url: as for connect(). */
export async function refreshToken(url, token, options) {
  return (await post(url, '/auth/refresh', token, options)).access_token;
}

/* Ends the login of this token everywhere: its connections are closed with 4410. */
export async function logOut(url, token, options) {
  await post(url, '/auth/logout', token, options);
}
