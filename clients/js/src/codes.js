/*
 * codes: the tables of docs/PROTOCOL.md, compared with proto/codes.h by a test.
 */

export const EXCEPTIONS = Object.freeze({
  1000: 'internal',
  1002: 'bad frame',
  1003: 'unknown event',
  1004: 'bad data',
  1005: 'too large',
  1101: 'recipient unknown',
  1102: 'recipient offline',
  1103: 'inbox full',
  1301: 'rate limited',
  1302: 'too many watches',
  1401: 'token invalid',
  1402: 'token expired',
  1403: 'identity mismatch',
  1404: 'not permitted',
  1409: 'identity changed in flight',
  1410: 'mid reused with another body',
  1503: 'auth or router away',
});

export const CLOSES = Object.freeze({
  4001: 'bad_protocol',
  4003: 'forbidden',
  4004: 'session_limit',
  4009: 'kicked',
  4100: 'overload',
  4108: 'slow_consumer',
  4129: 'rate_limited',
  4131: 'router_away',
  4200: 'retry',
  4201: 'heartbeat_lost',
  4202: 'drain',
  4203: 'rebalance',
  4205: 'out_of_sync',
  4230: 'token_expired',
  4401: 'unauthorized',
  4403: 'identity_mismatch',
  4404: 'revoked',
  4409: 'replaced',
  4410: 'logged_out',
});

/*
 * code: a number of EXCEPTIONS or CLOSES, or one of the client's own words: "queue_full", "mid_in_use",
 * "timeout", "stopped", "not_open", "other_user".  maybeSent: there was no answer, so the message may have arrived or not.
 */
export class PosternError extends Error {
  constructor(code, message, { retry = 'no', afterMs = 0, maybeSent = false } = {}) {
    super(message);
    this.name = 'PosternError';
    this.code = code;
    this.retry = retry;
    this.afterMs = afterMs;
    this.maybeSent = maybeSent;
  }
}
