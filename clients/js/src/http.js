/* http: what is asked of the gateway besides the socket. */
import { PosternError } from './codes.js';

const ANSWER_MS = 10000;

export function httpUrl(socket, path) {
  const url = new URL(path, socket);
  url.protocol = url.protocol === 'wss:' ? 'https:' : 'http:';
  return url;
}

/*
 * {ok, status, said}: said is the JSON of the answer, or {} where there is none.  Rejects when nobody
 * answered.
 */
export async function ask(env, socket, path, { method = 'GET', token }) {
  const controller = new AbortController();
  const timer = env.setTimer(() => controller.abort(), ANSWER_MS);
  try {
    const headers = { Authorization: `Bearer ${token}` };
    const answer = await env.fetch(httpUrl(socket, path), { method, headers, cache: 'no-store', signal: controller.signal });
    const said = await answer.json().catch(() => null);
    return { ok: answer.ok, status: answer.status, said: said ?? {} };
  } finally {
    env.clearTimer(timer);
  }
}

/* The same for who needs a yes: what was said, else a PosternError with the code and name of the refusal. */
export async function demand(env, socket, path, how) {
  const { ok, status, said } = await ask(env, socket, path, how);
  if (ok)
    return said;
  const { code = status, name, message = 'refused', retry, after_ms: afterMs } = said;
  throw Object.assign(new PosternError(code, message, { retry, afterMs }), name && { reason: name });
}
