/*
 * world: auth, router and edges as processes on loopback, with their state on disk.  What ends is
 * started again, as scripts/up does it: after 100 ms, then twice as long, as long as it does not stay.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const DELAY_MS = 100;
const DELAY_MAX_MS = 5000;
const STABLE_MS = 10000;
const READY_MS = 60000;
const REPORT = /ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed/;
const SANITIZERS = {
	ASAN_OPTIONS: 'exitcode=99:detect_stack_use_after_return=1:verify_asan_link_order=0',
	UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1:exitcode=99',
	TSAN_OPTIONS: 'exitcode=99:halt_on_error=0',
};
const RAISED = ['--msgs-per-second', '1000000', '--msgs-burst', '1000000', '--max-connections', '20000'];

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const living = new Set();
/* The kernel ends them too if this process is killed. */
process.on('exit', () => {
	for (const child of living)
		child.kill('SIGKILL');
});

/* One daemon over its lives.  on(what, daemon, detail): 'ready', 'died', 'sanitizer'. */
class Daemon {
	constructor(world, name, program, args, env = {}) {
		Object.assign(this, { world, name, program, args, env: { ...world.env, ...env } });
		this.log = createWriteStream(path.join(world.dir, `${name}.log`), { flags: 'a' });
		this.delay = DELAY_MS;
		this.expected = null; /* the signal that we sent, or the exit code that a fault brings: explains its end */
		this.stopping = false;
		this.isReady = false;
		this.restarts = 0;
		this.waiting = [];
		this.start();
	}

	start() {
		const { world } = this;
		const program = path.join(world.build, 'bin', this.program);
		this.startedAt = performance.now();
		this.expected = null;
		const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...this.args()],
			{ env: this.env, stdio: ['ignore', 'ignore', 'pipe'] });
		this.child = child;
		living.add(child);
		let rest = '';
		child.stderr.setEncoding('utf8').on('data', (text) => {
			this.log.write(text);
			const lines = (rest + text).split('\n');
			rest = lines.pop();
			for (const line of lines)
				this.#line(line);
		});
		this.ended = new Promise((resolve) => child.on('close', (code, signal) => {
			living.delete(child);
			resolve({ code, signal });
			this.#closed(code, signal);
		}));
	}

	#line(line) {
		const port = / listening address=127\.0\.0\.1:(\d+)/.exec(line);
		if (port)
			this.port = Number(port[1]);
		if (REPORT.test(line))
			this.world.on('sanitizer', this, line);
		if (!/ ready( |$)/.test(line) || this.isReady)
			return;
		this.isReady = true;
		this.world.on('ready', this, { ms: Math.round(performance.now() - this.startedAt) });
		for (const resolve of this.waiting.splice(0))
			resolve();
	}

	#closed(code, signal) {
		this.isReady = false;
		this.world.on('died', this, { code, signal, expected: this.expected });
		if (this.stopping)
			return;
		if (performance.now() - this.startedAt > STABLE_MS)
			this.delay = DELAY_MS;
		setTimeout(() => {
			if (this.stopping)
				return;
			this.restarts++;
			this.start();
		}, this.delay);
		this.delay = Math.min(this.delay * 2, DELAY_MAX_MS);
	}

	get pid() {
		return this.child.pid;
	}

	signal(name) {
		if (name === 'SIGKILL' || name === 'SIGTERM')
			this.expected = name;
		this.child.kill(name);
	}

	/* Resolves when it runs and has said that it is ready, by now or after its next start. */
	async ready() {
		if (this.isReady)
			return;
		let timer;
		const late = new Promise((_, reject) => {
			timer = setTimeout(() => reject(new Error(`${this.name} is not ready after ${READY_MS} ms`)), READY_MS);
		});
		await Promise.race([new Promise((resolve) => this.waiting.push(resolve)), late]).finally(() => clearTimeout(timer));
	}

	/* Ends it for good; resolves with {code, signal}. */
	async stop(ms = 60000) {
		this.stopping = true;
		if (!living.has(this.child))
			return this.ended;
		this.signal('SIGCONT');
		this.signal('SIGTERM');
		const timer = setTimeout(() => this.child.kill('SIGKILL'), ms);
		const how = await this.ended;
		clearTimeout(timer);
		this.log.end();
		return how;
	}

	/* What it has of the machine; null while it is not there. */
	usage() {
		try {
			const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
			const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1].split(' ');
			return {
				rss: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024,
				threads: Number(/Threads:\s+(\d+)/.exec(status)[1]),
				fds: readdirSync(`/proc/${this.pid}/fd`).length,
				cpu_ms: (Number(stat[11]) + Number(stat[12])) * 10,
			};
		} catch {
			return null;
		}
	}
}

export class World {
	/* on(what, daemon, detail) is told of each start, end and report. */
	constructor({ build, dir, edges, drainMs = 2000, on }) {
		Object.assign(this, { build: path.resolve(build), dir, on });
		const run = path.join(dir, 'run');
		const state = path.join(dir, 'state');
		mkdirSync(run);
		mkdirSync(state);
		this.store = path.join(state, 'inbox.db');
		this.env = { PATH: process.env.PATH, ...SANITIZERS, POSTERN_RUN: run, POSTERN_STATE: state };
		this.diskFaults = path.join(dir, 'disk-faults');
		this.disk('');
		const shim = path.join(this.build, 'bin/disk_shim.so');
		if (!existsSync(shim))
			throw new Error(`there is no ${shim}: build all targets`);
		this.auth = new Daemon(this, 'auth', 'postern-auth', () => ['--asks-per-second', '1000000']);
		this.router = new Daemon(this, 'router', 'postern-router',
			() => ['--page', '127.0.0.1:0', '--inbox-rows', '10000000'],
			{ LD_PRELOAD: shim, POSTERN_DISK_FAULTS: this.diskFaults });
		this.edges = Array.from({ length: edges }, (_, i) => new Daemon(this, `edge${i}`, 'postern-edge', function () {
			return ['--listen', `127.0.0.1:${this?.port ?? 0}`, '--drain', `${drainMs}ms`, ...RAISED];
		}));
		this.daemons = [this.auth, this.router, ...this.edges];
	}

	/* What is wrong with the router's disk, in disk_shim.c's words; '': nothing. */
	disk(words) {
		writeFileSync(this.diskFaults, words);
	}

	async ready() {
		await Promise.all(this.daemons.map((daemon) => daemon.ready()));
	}

	/* Edges first; resolves with a list of what did not end with 0. */
	async stop() {
		this.disk('');
		const problems = [];
		for (const group of [this.edges, [this.router], [this.auth]])
			await Promise.all(group.map(async (daemon) => {
				const { code, signal } = await daemon.stop();
				if (code !== 0)
					problems.push(`${daemon.name} ended with ${signal ?? code}`);
			}));
		return problems;
	}
}
