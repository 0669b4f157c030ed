/*
 * client: an ordinary client (npm ws) that keeps what it receives until a test asks for it.
 */
import WebSocket from 'ws';

const WAIT_MS = 30000;

function query({ dev, at }) {
	const words = Object.entries({ dev, e: at?.epoch, u: at?.u, s: at?.s }).filter(([, value]) => value !== undefined);
	return words.length > 0 ? `?${new URLSearchParams(words)}` : '';
}

export class Client {
	/*
	 * how: 'protocol' (a browser), 'header' (an app, native frames) or 'plain' (no subprotocol, as Nest's ws).
	 * at: {epoch, u, s}, the position from which it resumes.
	 */
	constructor(base, { token, how = 'protocol', dev, at, target, headers = {}, autoPong = true, secure = false } = {}) {
		const url = `${secure ? 'wss' : 'ws'}://${base}${target ?? `/ws${query({ dev, at })}`}`;
		const bearer = { Authorization: `Bearer ${token}` };
		const options = { autoPong, perMessageDeflate: false, rejectUnauthorized: false };
		this.native = how !== 'plain';
		if (how === 'protocol')
			this.ws = new WebSocket(url, ['postern.v1', `bearer.${token}`], { ...options, headers });
		else if (how === 'header')
			this.ws = new WebSocket(url, ['postern.v1'], { ...options, headers: { ...bearer, ...headers } });
		else
			this.ws = new WebSocket(url, { ...options, headers: { ...bearer, ...headers } });
		this.frames = [];
		this.waiting = [];
		this.received = 0;
		this.pings = 0;
		this.handshake = new Promise((resolve, reject) => {
			this.ws.on('open', resolve);
			this.ws.on('error', reject);
			this.ws.on('unexpected-response', (_, response) => {
				reject(Object.assign(new Error(`HTTP ${response.statusCode}`), { status: response.statusCode }));
			});
		});
		this.handshake.catch(() => {});
		this.closed = new Promise((resolve) => {
			this.ws.on('close', (code, reason) => {
				this.end = { code, reason: reason.toString() };
				for (const { reject } of this.waiting.splice(0))
					reject(new Error(`closed with ${code} ${reason}`));
				resolve(this.end);
			});
		});
		this.ws.on('ping', () => this.pings++);
		this.ws.on('message', (data, binary) => this.#take(data, binary));
	}

	#take(data, binary) {
		const frame = binary ? { binary: data } : JSON.parse(data.toString());
		this.received++;
		const i = this.waiting.findIndex(({ wanted }) => wanted(frame));
		if (i >= 0)
			this.waiting.splice(i, 1)[0].resolve(frame);
		else
			this.frames.push(frame);
	}

	/* The 101, and on the native shape `ready`, kept in this.ready. */
	async opened() {
		await this.handshake;
		if (this.native)
			this.ready = await this.next('ready');
		return this;
	}

	/*
	 * The first frame, received already or to come, that is wanted: an event's name or a function.  It is taken
	 * out; others stay.
	 */
	next(what, ms = WAIT_MS) {
		const wanted = typeof what === 'function' ? what : (frame) => frame.event === what;
		const i = this.frames.findIndex(wanted);
		if (i >= 0)
			return Promise.resolve(this.frames.splice(i, 1)[0]);
		if (this.end)
			return Promise.reject(new Error(`closed with ${this.end.code} ${this.end.reason}`));
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => {
				this.waiting.splice(this.waiting.indexOf(entry), 1);
				reject(new Error(`no ${what} in ${ms} ms; have ${JSON.stringify(this.frames).slice(0, 2000)}`));
			}, ms);
			const settle = (then) => (value) => {
				clearTimeout(timer);
				then(value);
			};
			const entry = { wanted, resolve: settle(resolve), reject: settle(reject) };
			this.waiting.push(entry);
		});
	}

	send(event, data, siblings = {}) {
		this.ws.send(JSON.stringify({ event, data, ...siblings }));
	}

	raw(data, options) {
		this.ws.send(data, options);
	}

	/* Sends a chat; resolves with its ack or exception. */
	async chat(to, message, siblings = {}) {
		const id = siblings.id ?? Math.floor(Math.random() * 1e9);
		const reply = this.next((f) => (f.event === 'ack' || f.event === 'exception') && f.id === id);
		this.send('chat', { toUserId: to, message }, { ...siblings, id });
		return reply;
	}

	/*
	 * Sends a heartbeat, with a position or without; resolves with the answer and how long it took in ms.  Rejects
	 * when it is refused.
	 */
	async heartbeat(position = {}) {
		const started = performance.now();
		const reply = this.next((frame) => frame.event === 'heartbeat' || frame.data?.code === 1301);
		this.send('heartbeat', position);
		const frame = await reply;
		if (frame.event !== 'heartbeat')
			throw new Error('the heartbeat was refused: rate limited');
		return { ...frame, ms: performance.now() - started };
	}

	close(code = 1000) {
		this.ws.close(code);
		return this.closed;
	}

	drop() {
		this.ws.terminate();
	}
}
