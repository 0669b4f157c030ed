/* Compiled, never run: the types must fit what docs/CLIENTS.md shows. */
import { connect, logOut, PosternError, refreshToken, type Ack, type Client, type Message } from 'postern-client';

const kept: Message[] = [];
const client: Client = connect('wss://gateway.example/ws', {
  token: async ({ reason }) => (await fetch(`/token?why=${reason}`)).text(),
  onAuth: ({ code, name }) => (code === 4409 ? null : prompt(name)),
  storage: localStorage,
  WebSocket,
});
const off: () => void = client.on('message', async (message) => {
  kept.push(message);
  const seq: number = message.seq;
  console.log(message.from, message.text, message.carbon, seq);
});
client.on('push', ({ event, data }) => console.log(event, data));
client.on('state', ({ state, delayed, waitMs }) => console.log(state === 'open' && delayed, waitMs));
client.on('reset', ({ reason }) => console.log(reason));
client.watch([7, 'ann']);

async function say(text: string): Promise<Ack | null> {
  try {
    return await client.send(7, text, { timeoutMs: 30000 });
  } catch (error) {
    if (error instanceof PosternError && error.maybeSent)
      return null;
    throw error;
  }
}
say('hello').then((ack) => {
  off();
  console.log(ack?.state, client.position?.u);
});
client.on('identity', ({ user, auth }) => console.log(user, auth.expires_in_ms));
client.on('renewed', ({ expires_in_ms: ms }) => console.log(ms));
async function become(token: string): Promise<string> {
  const { user, identity } = await client.reauthenticate(await refreshToken('/ws', token));
  return `${user} ${identity}`;
}
become('T').catch(() => logOut('/ws', 'T', { fetch }));
connect('ws://host', { token: 'T', ticket: true });
/* Self-made storages, synchronous or not. */
connect('ws://host', { token: 'T', storage: { get: () => null, set: () => undefined } });
connect('ws://host', { token: 'T', storage: { get: async () => undefined, set: async () => {} } });
// @ts-expect-error a token is needed
connect('ws://host', {});
// @ts-expect-error no such event
client.on('mesage', () => {});
