/*
 * chaos: real daemons, users who send to each other, and faults; then the whole history is judged.
 * See run.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { generator, plan, told } from './faults.js';
import { History } from './history.js';
import { Load } from './users.js';
import { sleep, World } from './world.js';

const PROGRESS_MS = 5000;
const STALL_MS = 90000; /* nothing is answered or received for so long */
const CAUGHT_UP_MS = 180000;
const BETWEEN_FAULTS_MS = 500;
const PROBLEMS_SHOWN = 20;
const RSS_BOUND = 2 ** 30;
const HERE = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);

const { values: options, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		messages: { type: 'string', default: '10000' },
		users: { type: 'string', default: '50' },
		edges: { type: 'string', default: '3' },
		faults: { type: 'string', default: '10' },
		seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
		minutes: { type: 'string', default: '10' },
		keep: { type: 'boolean', default: false },
		long: { type: 'boolean', default: false },
	},
});
const build = path.resolve(positionals[0] ?? 'build/release');
const [messages, users, edges, seed, minutes] =
	['messages', 'users', 'edges', 'seed', 'minutes'].map((name) => Number(options[name]));

/* On a disk: the router refuses a store that a power cut would empty. */
const dir = mkdtempSync('/var/tmp/postern-faults-');
mkdirSync(path.join(dir, 'world'));
const history = new History(path.join(dir, 'history'));
const problems = [];
const say = (text) => console.log(`faults: ${text}`);
const seconds = () => (history.now() / 1000).toFixed(0).padStart(4);

function problem(text) {
	problems.push(text);
	if (problems.length <= PROBLEMS_SHOWN)
		say(`PROBLEM: ${text}`);
}

function onDaemon(what, daemon, detail) {
	if (what === 'sanitizer') {
		history.add(daemon.name, `"op":"sanitizer","phase":"ok","info":${JSON.stringify(detail)}`);
		problem(`${daemon.name}: ${detail}`);
	} else {
		history.add(daemon.name, `"op":"resource","phase":"info","info":${JSON.stringify({ what, ...detail })}`);
		const { expected, code, signal } = detail;
		const isOurs = expected === 'SIGKILL' || (expected === 'SIGTERM' && code === 0) || (code !== null && expected === code);
		if (what === 'died' && !isOurs)
			problem(`${daemon.name} ended with ${signal ?? code}${expected ? ` after ${expected}` : ' by itself'}`);
	}
}

async function tokens(world) {
	const child = spawn(path.join(build, 'bin/authctl'), ['token', '--sub', '1', '--count', String(users), '--ttl', '12h'],
		{ env: world.env, stdio: ['ignore', 'pipe', 'inherit'] });
	const lines = [];
	for await (const line of createInterface({ input: child.stdout }))
		lines.push(line);
	if (lines.length !== users)
		throw new Error(`authctl made ${lines.length} tokens of ${users}`);
	return lines;
}

async function until(is, ms, what) {
	const end = performance.now() + ms;
	while (!is()) {
		if (performance.now() > end)
			throw new Error(`not within ${ms} ms: ${what}`);
		await sleep(50);
	}
}

/* phase: "before" or "after", in which the same clients are connected; an edge is not charged for theirs. */
function usage(world, load, phase) {
	for (const daemon of world.daemons) {
		const { fds, threads, rss } = daemon.usage() ?? {};
		if (fds === undefined)
			continue;
		const clients = load.users.filter((user) => user.ws && world.edges[user.edge] === daemon).length;
		history.add(daemon.name, `"op":"resource","phase":"${phase}","fds":${fds - clients},"threads":${threads}`);
		history.add(daemon.name, `"op":"resource","phase":"info","rss":${rss},"bound_rss":${RSS_BOUND}`);
	}
}

/* Watches until everything is answered; rejects when nothing moves or the time is over. */
async function finish(load, deadline) {
	let last = -1;
	let movedAt = performance.now();
	while (load.finished < load.messages) {
		await sleep(50);
		const now = performance.now();
		const moved = load.finished + load.received;
		if (moved !== last) {
			last = moved;
			movedAt = now;
		}
		if (now - movedAt > STALL_MS)
			throw new Error(`a stall: nothing was answered or received for ${STALL_MS} ms`);
		if (now > deadline)
			throw new Error(`not finished after ${minutes} minutes`);
	}
}

/* Each fault when its share of the messages is answered; nobody runs ahead of the one that is due. */
async function faults(world, load, list, ended) {
	const share = messages / (list.length + 1);
	for (const [i, fault] of list.entries()) {
		load.limit = share * (i + 2);
		await Promise.race([load.reached(share * (i + 1)), ended.promise]);
		if (ended.is)
			return;
		const text = told(fault);
		history.add('chaos', `"op":"fault","phase":"info","kind":"${text}"`);
		const started = performance.now();
		await fault.run({ ...fault, world, load, random: generator(fault.seed) });
		const ms = Math.round(performance.now() - started);
		history.add('chaos', `"op":"resource","phase":"info","info":"end of ${text}"`);
		say(`${seconds()} s  fault ${i + 1}: ${text} (${ms} ms)`);
		await sleep(BETWEEN_FAULTS_MS);
	}
	load.limit = Infinity;
}

/* The rows of the store, into a file. */
async function dump(world) {
	const rows = openSync(path.join(dir, 'rows'), 'w');
	const child = spawn(path.join(build, 'bin/store_dump'), [world.store], { stdio: ['ignore', rows, 'inherit'] });
	const code = await new Promise((resolve) => child.on('close', resolve));
	closeSync(rows);
	if (code !== 0)
		problem(`store_dump ended with ${code}`);
}

/* Everybody who has a device must have everything, and nobody may be reset: nothing here takes the store away. */
function judge(load) {
	const devices = Object.fromEntries(load.users.filter(({ dev }) => dev).map(({ uid, dev }) => [uid, [dev]]));
	writeFileSync(path.join(dir, 'options'), JSON.stringify({ devices, resets: 'forbid' }));
	const args = [path.join(HERE, 'checker.js'), path.join(dir, 'history'), '--dump', path.join(dir, 'rows'), '--options', path.join(dir, 'options')];
	const child = spawn(process.execPath, ['--max-old-space-size=8000', ...args], { stdio: 'inherit' });
	return new Promise((resolve) => child.on('close', resolve));
}

function counted(load) {
	const counts = [...load.counts].sort().map(([what, n]) => `${what}: ${n}`).join(', ');
	return `${load.received} received, acks ${JSON.stringify(load.states)}, ` +
		`slowest ${Math.round(load.slowest ?? 0)} ms; ${counts}`;
}

async function main() {
	say(`seed ${seed}: ${messages} messages, ${users} users, ${edges} edges, ${options.faults} faults; in ${dir}`);
	const world = new World({ build, dir: path.join(dir, 'world'), edges, on: onDaemon });
	await world.ready();
	const load = new Load({
		history,
		messages,
		tokens: await tokens(world),
		ports: world.edges.map((edge) => () => edge.port),
		random: generator(seed ^ 0x5eed),
		onOdd: (text) => problem(`an answer that nobody should get: ${text}`),
	});
	await until(() => load.areReady, 60000, 'all users connect');
	usage(world, load, 'before');
	const started = performance.now();
	let lastFinished = 0;
	const progress = setInterval(() => {
		const rate = Math.round((load.finished - lastFinished) / (PROGRESS_MS / 1000));
		lastFinished = load.finished;
		say(`${seconds()} s  ${load.finished} answered, ${load.received} received, ${rate}/s, ` +
			`${load.users.filter((user) => user.isReady).length} connected`);
	}, PROGRESS_MS);
	try {
		const ended = { is: false };
		ended.promise = new Promise((resolve) => (ended.now = () => resolve(ended.is = true)));
		const list = plan({ n: Number(options.faults), seed, edges, isLong: options.long });
		await Promise.all([
			finish(load, started + minutes * 60000).finally(ended.now),
			faults(world, load, list, ended),
		]);
		const took = (performance.now() - started) / 1000;
		await world.ready();
		load.again();
		await until(() => load.areCaughtUp, CAUGHT_UP_MS, 'everybody reads what there is');
		say(`${messages} answered in ${took.toFixed(1)} s (${Math.round(messages / took)}/s), all read after ` +
			`${((performance.now() - started) / 1000).toFixed(1)} s`);
	} catch (error) {
		problem(error.message);
	}
	clearInterval(progress);
	usage(world, load, 'after');
	const cpu = world.daemons.map((d) => `${d.name} ${((d.usage()?.cpu_ms ?? 0) / 1000).toFixed(1)}`).join(', ');
	const own = process.cpuUsage();
	say(`CPU s of the last life: ${cpu}; of the load: ${((own.user + own.system) / 1e6).toFixed(1)}`);
	say(counted(load));
	load.close();
	for (const text of await world.stop())
		problem(text);
	await dump(world);
	history.close();
	say(`${history.total} lines of history, ${Math.round(statSync(path.join(dir, 'history')).size / 1e6)} MB`);
	const code = await judge(load);
	const isBad = problems.length > 0 || code !== 0;
	if (isBad)
		say(`FAILED with seed ${seed}; everything is in ${dir}`);
	if (!isBad && !options.keep)
		rmSync(dir, { recursive: true, force: true });
	process.exitCode = isBad ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
	process.on(signal, () => process.exit(130));
await main();
