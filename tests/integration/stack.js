/*
 * stack: real edges, auth and router in a directory of their own, on ports that the kernel chooses.
 *
 *	const stack = await startStack(t, { edges: 2 });
 *	const ann = await stack.connect({ sub: 'ann', edge: 1 });
 *
 * t.after stops them and then looks at what they left: every process must have drained with 0 (unless the
 * test killed it), without a report of a sanitizer, and no token of the test may be in any log line.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from './client.js';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const BUILD = path.resolve(process.env.POSTERN_BUILD ?? path.join(ROOT, 'build/asan'));
export const LONG = process.env.POSTERN_LONG === '1';
/* Ten times the slowest thing that a healthy stack does; a test that fails by it has found something. */
export const DEADLINE_MS = 30000;

const SANITIZERS = {
	ASAN_OPTIONS: 'exitcode=99:detect_stack_use_after_return=1',
	UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1:exitcode=99',
	TSAN_OPTIONS: 'exitcode=99:halt_on_error=0',
};
const REPORT = /ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed/;
const ISSUER = 'postern';

/* Rejects when the promise takes longer than ms. */
export function within(promise, ms, what) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/* Asks until the answer is truthy.  Resolves with it; each question takes the time that it takes. */
export async function eventually(ask, what, ms = DEADLINE_MS) {
	const end = performance.now() + ms;
	for (;;) {
		const answer = await ask();
		if (answer)
			return answer;
		if (performance.now() > end)
			throw new Error(`not within ${ms} ms: ${what}`);
		await new Promise((resolve) => setImmediate(resolve));
	}
}

/* Runs work(i) for i in 0..n-1, at most `width` at a time. */
export async function inParallel(n, width, work) {
	const results = new Array(n);
	let next = 0;
	const lane = async () => {
		while (next < n) {
			const i = next++;
			results[i] = await work(i);
		}
	};
	await Promise.all(Array.from({ length: Math.min(width, n) }, lane));
	return results;
}

export function quantile(numbers, q) {
	const sorted = [...numbers].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
}

/* A daemon: its process, and its log lines as they come. */
class Daemon {
	/* wrap: a command that becomes the program after it. */
	constructor(name, program, args, env, wrap = []) {
		this.name = name;
		this.lines = [];
		this.waiting = new Set();
		this.killed = false;
		const [command, ...rest] = [...wrap, path.join(BUILD, 'bin', program), ...args];
		this.child = spawn(command, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] });
		this.ended = new Promise((resolve) => {
			this.child.on('error', (error) => resolve({ code: null, signal: null, error }));
			this.child.on('close', (code, signal) => resolve({ code, signal }));
		});
		this.ended.then((how) => (this.how = how));
		for (const stream of [this.child.stdout, this.child.stderr])
			this.#read(stream);
	}

	#read(stream) {
		let rest = '';
		stream.setEncoding('utf8');
		stream.on('data', (text) => {
			const lines = (rest + text).split('\n');
			rest = lines.pop();
			for (const line of lines) {
				this.lines.push(line);
				for (const wait of this.waiting)
					wait(line);
			}
		});
		stream.on('end', () => rest && this.lines.push(rest));
	}

	get pid() {
		return this.child.pid;
	}

	/* Resolves with the match of the first line that matches, from line `from` on. */
	log(regex, { from = 0, ms = DEADLINE_MS } = {}) {
		for (const line of this.lines.slice(from)) {
			const match = regex.exec(line);
			if (match)
				return Promise.resolve(match);
		}
		const found = new Promise((resolve, reject) => {
			const wait = (line) => {
				const match = regex.exec(line);
				if (match) {
					this.waiting.delete(wait);
					resolve(match);
				}
			};
			this.waiting.add(wait);
			this.ended.then((how) => {
				this.waiting.delete(wait);
				reject(new Error(`${this.name} ended with ${JSON.stringify(how)}\n${this.tail()}`));
			});
		});
		return within(found, ms, `${this.name} logs ${regex}\n${this.tail()}`);
	}

	tail(n = 30) {
		return this.lines.slice(-n).join('\n');
	}

	signal(name) {
		this.child.kill(name);
	}

	async kill(signal = 'SIGKILL') {
		this.killed = true;
		this.child.kill(signal);
		await within(this.ended, DEADLINE_MS, `${this.name} is gone`);
	}

	/* SIGTERM, and the end that follows. */
	async stop() {
		if (this.how)
			return this.how;
		this.child.kill('SIGCONT');
		this.child.kill('SIGTERM');
		try {
			return await within(this.ended, DEADLINE_MS, `${this.name} drains after SIGTERM\n${this.tail()}`);
		} catch (error) {
			this.child.kill('SIGKILL');
			throw error;
		}
	}

	descriptors() {
		return readdirSync(`/proc/${this.pid}/fd`).length;
	}

	/* Bytes that are this process's own (private, resident). */
	memory() {
		const text = readFileSync(`/proc/${this.pid}/smaps_rollup`, 'utf8');
		const kib = (name) => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)[1]);
		return (kib('Private_Dirty') + kib('Private_Clean')) * 1024;
	}
}

class Edge extends Daemon {
	async ready() {
		this.port = Number((await this.log(/ listening address=127\.0\.0\.1:(\d+)/))[1]);
		await this.log(/ ready( |$)/);
		return this;
	}

	get base() {
		return `127.0.0.1:${this.port}`;
	}
}

class Stack {
	constructor(options) {
		this.options = options;
		this.dir = mkdtempSync(path.join(os.tmpdir(), 'pt-'));
		this.env = {
			PATH: process.env.PATH,
			...SANITIZERS,
			POSTERN_RUN: path.join(this.dir, 'run'),
			POSTERN_STATE: path.join(this.dir, 'state'),
			...options.env,
		};
		this.canaries = new Set();
		this.daemons = [];
		this.edges = [];
		this.clients = new Set();
		this.followers = new Set();
		mkdirSync(this.env.POSTERN_STATE);
		mkdirSync(this.env.POSTERN_RUN);
	}

	#daemon(kind, program, args, type = Daemon) {
		const level = this.options.logLevel ?? 'debug';
		const daemon = new type(kind, program, ['--log-level', level, ...args], this.env, this.options.wrap);
		this.daemons.push(daemon);
		return daemon;
	}

	async startAuth() {
		this.auth = this.#daemon('auth', 'postern-auth', ['--demo', ...(this.options.auth ?? [])]);
		await this.auth.log(/ ready( |$)/);
		/* The key that it made at its first start, and signs with itself. */
		const file = path.join(this.env.POSTERN_STATE, 'keys/own.secret');
		this.secret = Buffer.from(readFileSync(file, 'utf8').trim(), 'base64url');
	}

	startRouter() {
		const args = ['--page', '127.0.0.1:0', ...(this.options.router ?? [])];
		this.router = this.#daemon('router', 'postern-router', args);
		return this.router.log(/ ready( |$)/);
	}

	async startEdge(extra = []) {
		const args = ['--listen', '127.0.0.1:0', '--demo', '--web', path.join(ROOT, 'web')];
		const edge = this.#daemon(`edge${this.edges.length}`, 'postern-edge',
			[...args, ...(this.options.edge ?? []), ...extra], Edge);
		this.edges.push(edge);
		return edge.ready();
	}

	async start() {
		await Promise.all([this.startAuth(), this.startRouter()]);
		const n = this.options.edges ?? 1;
		for (let i = 0; i < n; i++)
			await this.startEdge();
		return this;
	}

	/* A token, by default a good one.  claims may override anything; undefined leaves a claim out. */
	token(claims = {}, { secret = this.secret, header = {} } = {}) {
		const now = Math.floor(Date.now() / 1000);
		const part = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
		const body = `${part({ alg: 'HS256', typ: 'JWT', kid: 'own', ...header })}.${part({
			iss: ISSUER,
			iat: now,
			exp: now + 3600,
			jti: randomBytes(8).toString('hex'),
			...claims,
		})}`;
		return this.canary(`${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`);
	}

	canary(token) {
		this.canaries.add(token);
		return token;
	}

	/* A client that is connected and ready. */
	async connect(options = {}) {
		const client = this.client(options);
		await client.opened();
		return client;
	}

	/* The same, while it is still connecting. */
	client({ edge = 0, sub = 'ann', token = this.token({ sub }), ...rest } = {}) {
		const at = typeof edge === 'number' ? this.edges[edge] : edge;
		const client = new Client(at.base, { token, ...rest });
		this.clients.add(client);
		return client;
	}

	/* Runs a control program: {code, stdout, stderr}. */
	run(program, ...args) {
		return new Promise((resolve) => {
			execFile(path.join(BUILD, 'bin', program), args, { env: this.env, maxBuffer: 1 << 26 },
				(error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
		});
	}

	/* Starts it and gives each line to take().  kill() ends it; the stack does so too. */
	follow(program, args, take) {
		const child = spawn(path.join(BUILD, 'bin', program), args, { env: this.env, stdio: ['ignore', 'pipe', 'inherit'] });
		let rest = '';
		child.stdout.setEncoding('utf8').on('data', (text) => {
			const lines = (rest + text).split('\n');
			rest = lines.pop();
			lines.forEach(take);
		});
		this.followers.add(child);
		return new Promise((resolve, reject) => child.on('spawn', () => resolve(child)).on('error', reject));
	}

	/* Runs it with --json, expects success, gives its lines as objects. */
	async json(program, ...args) {
		const { code, stdout, stderr } = await this.run(program, ...args, '--json');
		assert.equal(code, 0, `${program} ${args.join(' ')}: ${stderr}`);
		return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
	}

	async stop() {
		for (const client of this.clients)
			client.drop();
		for (const follower of this.followers)
			follower.kill();
		const problems = [];
		const groups = [this.edges, this.daemons.filter((d) => !this.edges.includes(d))];
		for (const group of groups) {
			await Promise.all(group.map(async (daemon) => {
				try {
					const how = await daemon.stop();
					if (!daemon.killed && how.code !== 0)
						problems.push(`${daemon.name} ended with ${JSON.stringify(how)}\n${daemon.tail()}`);
				} catch (error) {
					problems.push(error.message);
				}
			}));
		}
		for (const daemon of this.daemons)
			problems.push(...this.#inspect(daemon));
		rmSync(this.dir, { recursive: true, force: true });
		assert.equal(problems.join('\n'), '');
	}

	#inspect(daemon) {
		const text = daemon.lines.join('\n');
		const problems = [];
		const report = REPORT.exec(text);
		if (report)
			problems.push(`${daemon.name}: ${text.slice(report.index, report.index + 6000)}`);
		/* The signature is what makes a token one; any 20 characters of it are too many. */
		for (const token of this.canaries) {
			const signature = token.split('.').pop();
			if (signature.length >= 20 && text.includes(signature.slice(0, 20)))
				problems.push(`${daemon.name} logged a token: ${signature.slice(0, 20)}...`);
		}
		return problems;
	}
}

export async function startStack(t, options = {}) {
	const stack = new Stack(options);
	t.after(() => stack.stop());
	return stack.start();
}

/*
 * Sends a request head, byte by byte as given, over a socket of its own:
 * {status, headers, body, json, ms, rest}.  A 101 resolves with the open socket.
 */
export function request(edge, { method = 'GET', target = '/ws', headers = {}, body = '', upgrade = true, raw } = {}) {
	const fields = {
		Host: edge.base,
		...(upgrade && {
			Upgrade: 'websocket',
			Connection: 'Upgrade',
			'Sec-WebSocket-Version': '13',
			'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
		}),
		...(body && { 'Content-Length': String(Buffer.byteLength(body)) }),
		...headers,
	};
	const lines = Object.entries(fields)
		.filter(([, value]) => value !== undefined)
		.flatMap(([name, value]) => [value].flat().map((v) => `${name}: ${v}\r\n`));
	const text = raw ?? `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
	const started = performance.now();
	const answer = new Promise((resolve, reject) => {
		const socket = net.connect(edge.port, '127.0.0.1', () => socket.write(text));
		let received = Buffer.alloc(0);
		const finish = () => {
			socket.destroy();
			const parsed = parseAnswer(received);
			parsed ? resolve({ ...parsed, ms: performance.now() - started }) : reject(new Error('no HTTP answer'));
		};
		socket.on('error', () => finish());
		socket.on('end', () => finish());
		socket.on('data', (chunk) => {
			received = Buffer.concat([received, chunk]);
			const parsed = parseAnswer(received);
			if (parsed && parsed.status === 101) {
				socket.removeAllListeners('end');
				resolve({ ...parsed, ms: performance.now() - started, socket });
			}
		});
	});
	return within(answer, DEADLINE_MS, `${edge.name} answers ${method} ${target}`);
}

function parseAnswer(bytes) {
	const end = bytes.indexOf('\r\n\r\n');
	if (end < 0)
		return null;
	const [first, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
	const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]);
	const headers = {};
	for (const line of lines) {
		const colon = line.indexOf(':');
		headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
	}
	const body = bytes.subarray(end + 4).toString('utf8');
	let json;
	try {
		json = JSON.parse(body);
	} catch {
		json = undefined;
	}
	return { status, headers, body, json };
}

/* A refusal as docs/PROTOCOL.md has it. */
export function assertRefused(answer, status, code) {
	assert.equal(answer.status, status, answer.body);
	assert.equal(answer.json?.code, code, answer.body);
	assert.deepEqual(Object.keys(answer.json).sort(), ['after_ms', 'code', 'message', 'name', 'retry']);
	assert.equal(answer.headers['content-length'], String(Buffer.byteLength(answer.body)));
	assert.equal(answer.headers['cache-control'], 'no-store');
	assert.equal(answer.headers.connection?.toLowerCase(), 'close');
	if (status === 401)
		assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer/);
	if (status === 429 || status === 503)
		assert.match(answer.headers['retry-after'] ?? '', /^[1-9]\d*$/);
}
