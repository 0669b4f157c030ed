/* frames: between the wire and what an application sees or says.  Pure. */
import { PosternError } from './codes.js';

const UID = /^[A-Za-z0-9._@:-]{1,128}$/;
const MID = /^[A-Za-z0-9_.:-]{1,64}$/;
const WATCH_MAX = 100;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/* http: and ws: alike; without a path it is /ws.  base: the address of the page, if there is one. */
export function socketUrl(address, base) {
  const url = new URL(address, base);
  url.protocol = { 'http:': 'ws:', 'https:': 'wss:' }[url.protocol] ?? url.protocol;
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw new TypeError(`not an address of a WebSocket: ${address}`);
  if (url.pathname === '/')
    url.pathname = '/ws';
  url.hash = '';
  return url;
}

/* at: {epoch, u, s} or null.  ticket: a one-time ticket, or null. */
export function withPosition(socket, device, at, ticket = null) {
  const url = new URL(socket);
  url.searchParams.set('dev', device);
  if (ticket)
    url.searchParams.set('ticket', ticket);
  if (at) {
    url.searchParams.set('e', at.epoch);
    url.searchParams.set('u', at.u);
    url.searchParams.set('s', at.s);
  }
  return url.href;
}

export function uidOf(to) {
  const uid = typeof to === 'number' && !Number.isSafeInteger(to) ? '' : String(to);
  if (!UID.test(uid))
    throw new PosternError(1004, 'not a user id');
  return uid;
}

export function uidsOf(users) {
  if (users.length > WATCH_MAX)
    throw new PosternError(1302, `at most ${WATCH_MAX} users can be watched`);
  return users.map(uidOf);
}

/* The frame of a chat without its id, in two parts, and its bytes.  limits: those of `ready`. */
export function chatFrame(to, text, mid, limits) {
  if (!MID.test(mid))
    throw new PosternError(1004, 'not a message id');
  if (typeof text !== 'string')
    throw new PosternError(1004, 'the text is a string');
  const bytes = encoder.encode(text);
  /* A lone half of a character is not text; the server would refuse the frame. */
  const message = /\p{Surrogate}/u.test(text) ? decoder.decode(bytes) : text;
  const end = `,"mid":"${mid}","data":${JSON.stringify({ toUserId: to, message })}}`;
  const size = encoder.encode(end).length + 64;
  if (bytes.length > limits.chat || size > limits.frame)
    throw new PosternError(1005, `the text is longer than ${limits.chat} bytes`);
  return { end, size };
}

export function refusal({ code, message, retry, after_ms: afterMs, field }, maybeSent) {
  return Object.assign(new PosternError(code, message, { retry, afterMs, maybeSent }), field && { field });
}

/* The event and what it says, of an entry of Streams. */
export function told({ kind, frame, position }, me) {
  if (kind === 'reset')
    return ['reset', frame.data];
  const { event, data, seq, mid, ts } = frame;
  const about = { epoch: position.epoch, stream: frame.st === 's' ? 's' : 'u', seq, mid, ts };
  if (event === 'gone')
    return ['gone', { reason: data?.reason, ...about }];
  if (event !== 'chat')
    return ['push', { event, data, ...about }];
  const isMine = frame.carbon === true;
  return ['message', {
    from: isMine ? me : String(data.fromUser),
    to: isMine ? String(data.toUser) : me,
    text: data.content,
    carbon: isMine,
    ...about,
  }];
}
