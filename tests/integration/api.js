/* Requests to the HTTP API of an edge. */
import { request } from './stack.js';

/* POST with a token (null: none) and a body, which becomes JSON: as of request(). */
export function post(edge, target, token, body, headers = {}) {
	return request(edge, {
		method: 'POST',
		target,
		upgrade: false,
		body: body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body),
		headers: {
			...(body === undefined ? { 'Content-Length': '0' } : { 'Content-Type': 'application/json' }),
			...(token !== null && { Authorization: `Bearer ${token}` }),
			...headers,
		},
	});
}

/* The token of a demo user. */
export async function logIn(stack, edge, username = 'jim') {
	const { json } = await post(edge, '/api/login', null, { username, password: '123456' });
	return stack.canary(json.access_token);
}
