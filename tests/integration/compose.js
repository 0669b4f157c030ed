/*
 * compose: the compose file brought up as an operator would, with three edges, on ports beside the usual ones.  Not
 * one of the *.test.js: it needs Docker, and scripts/test runs it where there is one.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Client } from './client.js';
import { ROOT, eventually, inParallel } from './stack.js';

const V1 = (() => {
	try {
		execFileSync('docker-compose', ['version'], { stdio: 'ignore' });
		return true;
	} catch {
		return false;
	}
})();
const PROJECT = 'postern-test';
const EDGES = 3;
const PORTS = { POSTERN_PORT: '28080', POSTERN_TLS_PORT: '28443', POSTERN_EDGE_PORTS: '28081-28096', POSTERN_PAGE_PORT: '29090' };

function run(program, args) {
	return new Promise((resolve) => {
		execFile(program, args, { cwd: ROOT, maxBuffer: 1 << 26, env: { ...process.env, ...PORTS } }, (error, stdout, stderr) =>
			resolve({ code: error ? error.code : 0, stdout, stderr }));
	});
}
const compose = (...args) =>
	V1 ? run('docker-compose', ['-p', PROJECT, ...args]) : run('docker', ['compose', '-p', PROJECT, ...args]);
const docker = (...args) => run('docker', args);

async function good(promise) {
	const { code, stdout, stderr } = await promise;
	assert.equal(code, 0, stderr.slice(-3000));
	return stdout;
}
const ids = async (service) => (await good(compose('ps', '-q', service))).split('\n').filter(Boolean);
const inspect = async (id) => JSON.parse(await good(docker('inspect', id)))[0];
const clients = new Set();
async function connect(base, options) {
	const client = new Client(base, options);
	clients.add(client);
	return client.opened();
}
async function login(base, username) {
	const answer = await fetch(`http://${base}/api/login`, { method: 'POST', body: JSON.stringify({ username, password: '123456' }) });
	assert.equal(answer.status, 200);
	return (await answer.json()).access_token;
}
const ready = (base) => fetch(`http://${base}/readyz`).then((answer) => answer.status === 200, () => false);
const BALANCER = `127.0.0.1:${PORTS.POSTERN_PORT}`;
let edges;

async function edgePorts() {
	return Promise.all((await ids('edge')).map(async (id) =>
		`127.0.0.1:${(await inspect(id)).NetworkSettings.Ports['8080/tcp'][0].HostPort}`));
}

before(async () => {
	await compose('down', '-v', '--remove-orphans');
	await good(compose('up', '-d', '--build', '--scale', `edge=${EDGES}`));
	edges = await edgePorts();
	for (const base of [...edges, BALANCER])
		await eventually(() => ready(base), `${base} is ready`, 60000);
});
after(async () => {
	for (const client of clients)
		client.drop();
	const logs = await compose('logs', '--no-color');
	const down = await compose('down', '-v', '--remove-orphans', '-t', '20');
	if (process.env.COMPOSE_LOGS)
		console.log(logs.stdout);
	assert.equal(down.code, 0, down.stderr);
});

test('three edges are there, each on a port of its own, and the balancer finds them', async () => {
	assert.equal(new Set(edges).size, EDGES);
	for (const base of edges)
		assert.ok(await ready(base));
});

test('two users on different edges chat', async () => {
	const jim = await connect(edges[0], { token: await login(edges[0], 'jim') });
	const john = await connect(edges[2], { token: await login(edges[1], 'john') });
	assert.equal((await jim.chat(2, 'through two containers')).data.state, 'delivered');
	assert.equal((await john.next('chat')).data.content, 'through two containers');
	await john.chat(1, 'and back');
	assert.equal((await jim.next('chat')).data.content, 'and back');
	await Promise.all([jim.close(), john.close()]);
});

test('routerctl in its container pushes to all, over every edge and the balancer, wss included', async () => {
	const token = await login(BALANCER, 'jim');
	const direct = await Promise.all(edges.map((base) => connect(base, { token })));
	const balanced = await inParallel(9, 3, () => connect(BALANCER, { token }));
	const secure = await inParallel(6, 3, () => connect(`127.0.0.1:${PORTS.POSTERN_TLS_PORT}`, { token, secure: true }));
	const all = [...direct, ...balanced, ...secure];
	const pushed = await good(compose('exec', '-T', 'router', 'routerctl', 'push', '--all', '--event', 'news', '--data', '{"a":1}', '--json'));
	assert.equal(JSON.parse(pushed).devices, all.length);
	const frames = await Promise.all(all.map((client) => client.next('news')));
	assert.ok(frames.every((frame) => frame.data.a === 1));
	const lines = (await good(compose('exec', '-T', 'router', 'routerctl', 'edges', '--json'))).split('\n').filter(Boolean).map((line) => JSON.parse(line));
	assert.equal(lines.length, EDGES);
	assert.ok(lines.every((line) => line.sessions > 1), 'the balancer uses every edge');
	await Promise.all(all.map((client) => client.close()));
});

test('tokens come from authctl in its container', async () => {
	const token = (await good(compose('exec', '-T', 'auth', 'authctl', 'token', '--sub', '7'))).trim();
	const client = await connect(BALANCER, { token });
	assert.equal(client.ready.data.user, '7');
	await client.close();
});

test('the operator\'s page is published on 127.0.0.1', async () => {
	const page = await fetch(`http://127.0.0.1:${PORTS.POSTERN_PAGE_PORT}/metrics`);
	assert.equal(page.status, 200);
	assert.match(await page.text(), /^postern_/m);
});

test('each container has its own uid, no capability, a read-only root, and only its own volumes', async () => {
	const seen = new Set();
	const mounts = {};
	for (const service of ['auth', 'router', 'edge', 'balancer']) {
		const [id] = await ids(service);
		const { HostConfig, State, Mounts, NetworkSettings } = await inspect(id);
		assert.equal(HostConfig.ReadonlyRootfs, true, service);
		assert.deepEqual(HostConfig.CapDrop, ['ALL'], service);
		assert.ok(HostConfig.SecurityOpt.some((option) => option.startsWith('no-new-privileges')), service);
		const status = await good(docker('exec', id, 'cat', '/proc/1/status'));
		const uid = /^Uid:\s+(\d+)/m.exec(status)[1];
		assert.notEqual(uid, '0');
		seen.add(uid);
		assert.match(status, /^CapEff:\s+0+$/m);
		assert.match(status, /^NoNewPrivs:\s+1$/m);
		assert.ok(State.Running);
		mounts[service] = Mounts.filter((mount) => mount.Type === 'volume').map((mount) => `${mount.Destination}:${mount.RW ? 'rw' : 'ro'}`).sort();
		if (service === 'auth')
			assert.deepEqual(Object.keys(NetworkSettings.Networks), ['none']);
		if (service !== 'balancer')
			assert.notEqual((await docker('exec', id, 'touch', '/usr/bin/x')).code, 0, 'nothing can be written');
	}
	assert.equal(seen.size, 4);
	assert.deepEqual(mounts.edge, ['/run/postern/auth:ro', '/run/postern/router:ro']);
	assert.ok(!mounts.router.includes('/var/lib/postern/keys'));
});

test('the health checks of all find them healthy', async () => {
	for (const service of ['auth', 'router', 'edge', 'balancer']) {
		const [id] = await ids(service);
		await eventually(async () => (await inspect(id)).State.Health.Status === 'healthy', `${service} is healthy`, 60000);
	}
});

test('the keys can be read in auth alone', async () => {
	const look = async (service) => docker('exec', (await ids(service))[0], 'ls', '/var/lib/postern/keys');
	assert.equal((await look('auth')).code, 0);
	for (const service of ['router', 'edge', 'balancer'])
		assert.notEqual((await look(service)).code, 0, service);
});

test('auth and router are started again when they die, and the sockets stay', async () => {
	const token = await login(BALANCER, 'jim');
	const client = await connect(edges[1], { token });
	for (const service of ['auth', 'router']) {
		const [id] = await ids(service);
		const { Pid } = (await inspect(id)).State;
		process.kill(Pid, 'SIGKILL');
		await eventually(async () => {
			const { State } = await inspect(id);
			return State.Running && State.Pid !== Pid;
		}, `${service} runs again`, 60000);
		await eventually(() => ready(edges[1]), 'the edge is ready', 60000);
	}
	assert.equal(client.end, undefined);
	await eventually(async () => (await client.chat(1, 'after all that')).event === 'ack', 'chat works again');
	assert.equal((await client.heartbeat()).data.user, 1);
	/* The balancer's next health check has to see it. */
	const second = await eventually(() => connect(BALANCER, { token }).catch(() => null), 'the balancer lets in again', 60000);
	await Promise.all([client.close(), second.close()]);
});

test('with fewer edges the address still works', async () => {
	await good(compose('up', '-d', '--no-recreate', '--scale', 'edge=1'));
	const token = await eventually(() => login(BALANCER, 'john').catch(() => null), 'login works', 60000);
	const client = await connect(BALANCER, { token });
	assert.equal((await client.chat(2, 'to myself')).data.state, 'delivered');
	await client.close();
});
