/*
 * postern-client: one user's connection to Postern, for browsers and Node.
 *
 *	const client = connect('wss://example.org/ws', { token, storage: localStorage });
 *	client.on('message', (message) => show(message));
 *	await client.send(7, 'hello');
 */
import { Client } from './client.js';
import { realEnv } from './env.js';

export { CLOSES, EXCEPTIONS, PosternError } from './codes.js';

/* docs/CLIENTS.md has the options.  Listeners that are added before the next await miss nothing. */
export function connect(url, options = {}) {
  return new Client(url, options, realEnv(options));
}
