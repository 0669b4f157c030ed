/*
 * faults: what may happen to the processes, the disk and the connections, drawn from a seeded generator.
 */
import { sleep } from './world.js';

const BROKEN = 70; /* the router's exit code when its disk cannot be believed */
const FLUSH_MS = 60000;

/* A small generator of numbers in [0, 1): the same seed, the same numbers (mulberry32). */
export function generator(seed) {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

async function kill(daemons) {
	for (const daemon of daemons)
		daemon.signal('SIGKILL');
	await Promise.all(daemons.map((daemon) => daemon.ended));
	await Promise.all(daemons.map((daemon) => daemon.ready()));
}

async function freeze(daemon, ms) {
	daemon.signal('SIGSTOP');
	await sleep(ms);
	daemon.signal('SIGCONT');
}

async function drain(daemon) {
	daemon.signal('SIGTERM');
	await daemon.ended;
	await daemon.ready();
}

/* Three times in a row, the later ones while it is starting. */
async function crashLoop(daemon, random) {
	for (let i = 0; i < 3; i++) {
		const { ended } = daemon;
		daemon.signal('SIGKILL');
		await ended;
		while (daemon.ended === ended)
			await sleep(10);
		await sleep(random() * 300);
	}
	await daemon.ready();
}

async function ail(world, words, ms) {
	world.disk(words);
	await sleep(ms);
	world.disk('');
}

/* The router ends by itself at its next flush, and is started when the disk is whole again. */
async function breakDisk(world) {
	const { router } = world;
	const { ended } = router;
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error('the router did not notice that its disk is broken')), FLUSH_MS);
	});
	router.expected = BROKEN;
	world.disk('eio-fsync');
	await Promise.race([ended, late]).finally(() => {
		clearTimeout(timer);
		world.disk('');
	});
	await router.ready();
}

/* They read nothing for a time, and send what they have in mind afterwards. */
async function stall(load, share, ms, random) {
	for (const user of load.users)
		if (random() < share)
			user.stall(ms);
	await sleep(ms);
}

function drop(load, share, random) {
	for (const user of load.users)
		if (random() < share)
			user.drop();
}

/*
 * Kinds with their weights.  Each draws what it needs first, so that the plan does not depend on what
 * happens meanwhile.
 */
const KINDS = [
	[5, 'kill router', ({ world }) => kill([world.router])],
	[2, 'kill auth', ({ world }) => kill([world.auth])],
	[4, 'kill edge', ({ world, edge }) => kill([world.edges[edge]])],
	[1, 'kill all', ({ world }) => kill(world.daemons)],
	[2, 'freeze router', ({ world, ms }) => freeze(world.router, ms)],
	[1, 'freeze auth', ({ world, ms }) => freeze(world.auth, ms)],
	[2, 'freeze edge', ({ world, edge, ms }) => freeze(world.edges[edge], ms)],
	[2, 'drain edge', ({ world, edge }) => drain(world.edges[edge])],
	[1, 'loop router', ({ world, random }) => crashLoop(world.router, random)],
	[1, 'loop edge', ({ world, edge, random }) => crashLoop(world.edges[edge], random)],
	[2, 'full disk', ({ world, ms }) => ail(world, 'enospc', ms)],
	[1, 'slow disk', ({ world, ms, random }) => ail(world, `slow=${Math.round(50 + random() * 1950)}`, ms)],
	[1, 'broken disk', ({ world }) => breakDisk(world)],
	[2, 'stall clients', ({ load, share, ms, random }) => stall(load, share, ms, random)],
	[4, 'drop clients', ({ load, share, random }) => drop(load, share, random)],
];

/*
 * n faults: each kind once before any comes twice, as long as there are enough, then by weight; in an
 * order that the seed gives.
 */
export function plan({ n, seed, edges, isLong }) {
	const random = generator(seed);
	const total = KINDS.reduce((sum, [weight]) => sum + weight, 0);
	const pick = () => {
		let at = random() * total;
		return KINDS.find(([weight]) => (at -= weight) < 0) ?? KINDS[0];
	};
	const kinds = KINDS.map((kind) => [random(), kind]).sort((a, b) => a[0] - b[0]).slice(0, n).map(([, kind]) => kind);
	while (kinds.length < n)
		kinds.push(pick());
	return kinds.map((kind) => [random(), kind]).sort((a, b) => a[0] - b[0]).map(([, [, name, run]]) => {
		const ms = isLong && random() < 0.1 ? 30000 : Math.round(200 + random() ** 2 * 4800);
		return { name, run, ms, edge: Math.floor(random() * edges), share: 0.05 + random() * 0.6, seed: Math.floor(random() * 2 ** 32) };
	});
}

/* What a fault is, in words. */
export function told({ name, ms, edge, share }) {
	const words = [name];
	if (name.includes('edge'))
		words.push(String(edge));
	if (/freeze|full|slow|stall/.test(name))
		words.push(`${ms} ms`);
	if (name.includes('clients'))
		words.push(`${Math.round(share * 100)} %`);
	return words.join(' ');
}
