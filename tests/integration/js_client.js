/* Clients of clients/js on the real stack, which keep what their application heard. */
import WebSocket from 'ws';
import { Client } from '../../clients/js/src/client.js';
import { realEnv } from '../../clients/js/src/env.js';
import { connect } from '../../clients/js/src/index.js';
import { eventually } from './stack.js';

export class Storage {
	#map = new Map();

	getItem(key) {
		return this.#map.get(key) ?? null;
	}

	setItem(key, text) {
		this.#map.set(key, text);
	}

	position() {
		const [text] = [...this.#map].filter(([key]) => key.includes('.position.')).map(([, value]) => value);
		return text && JSON.parse(text);
	}
}

/* A client that keeps what its application heard. */
export function open(t, stack, { edge = 0, sub, isHasty = false, ...more }) {
	const at = typeof edge === 'number' ? stack.edges[edge] : edge;
	const options = { token: stack.token({ sub }), WebSocket, ...more };
	/* A hasty one draws the shortest of all waits. */
	const client = isHasty ? new Client(`http://${at.base}`, options, { ...realEnv(options), random: () => 0 })
		: connect(`http://${at.base}`, options);
	const heard = { client, messages: [], pushes: [], states: [], presences: [], resets: [], identities: [], renewals: [], errors: [] };
	client.on('message', (message) => heard.messages.push(message));
	client.on('push', (push) => heard.pushes.push(push));
	client.on('state', (state) => heard.states.push(state));
	client.on('presence', (presence) => heard.presences.push(presence));
	client.on('reset', (reset) => heard.resets.push(reset));
	client.on('identity', (identity) => heard.identities.push(identity));
	client.on('renewed', (renewed) => heard.renewals.push(renewed));
	client.on('error', ({ error }) => heard.errors.push(error));
	t.after(() => client.close());
	return heard;
}

export async function opened(t, stack, options) {
	const heard = open(t, stack, options);
	await eventually(() => heard.client.state === 'open', `${options.sub} is connected`);
	return heard;
}

export const texts = (heard) => heard.messages.map((message) => message.text);
