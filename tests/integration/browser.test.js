import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { startStack } from './stack.js';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/* A stack, and a function that opens the page in a browser of its own and logs in. */
async function start(t) {
	if (!existsSync(CHROMIUM))
		return null;
	const stack = await startStack(t, { edges: 2 });
	const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
	t.after(() => browser.close());
	const problems = [];
	const visit = async (edge, context) => {
		const page = await (context ?? await browser.newContext()).newPage();
		page.setDefaultTimeout(30000);
		page.on('pageerror', (error) => problems.push(String(error)));
		page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
		await page.goto(`http://${stack.edges[edge].base}/`);
		return page;
	};
	const open = async (edge, name) => {
		const page = await visit(edge);
		await page.fill('#username', name);
		await page.fill('#password', '123456');
		await page.click('#login');
		await page.waitForSelector('#status[data-state=online]');
		return page;
	};
	return { stack, problems, open, visit };
}

async function say(page, to, text) {
	await page.fill('#to', to);
	await page.fill('#message', text);
	await page.click('#send');
}

/* A page of the same browser with a token that is already there. */
async function enter(page, token) {
	await page.evaluate((text) => sessionStorage.setItem('postern.token', text), token);
	await page.reload();
	await page.waitForSelector('#status[data-state=online]');
}

const tokenOf = async (stack, page) => stack.canary(await page.evaluate(() => sessionStorage.getItem('postern.token')));
const loginState = (page) => page.locator('#login-state').textContent();

const shot = (page, name) => process.env.SHOTS && page.screenshot({ path: `${process.env.SHOTS}/${name}.png` });
const bubbles = (page) => page.locator('#messages .bubble').allTextContents();

test('two pages of a real browser chat, and an operator\'s push is seen on both', async (t) => {
	const started = await start(t);
	if (!started)
		return t.skip(`no ${CHROMIUM}`);
	const { stack, problems, open } = started;
	const jim = await open(0, 'jim');
	const john = await open(1, 'john');
	await say(jim, '2', 'hello from jim <b>not bold</b>');
	await john.getByText('hello from jim <b>not bold</b>').waitFor();
	await say(john, '1', 'hello from john');
	await jim.getByText('hello from john').waitFor();
	await jim.getByText('✓ delivered').waitFor();
	await jim.waitForSelector('#peer-dot[data-state=online]');
	const pushed = await stack.run('routerctl', 'push', '--all', '--event', 'news', '--data', '{"text":"pushed to all"}');
	assert.equal(pushed.code, 0, pushed.stderr);
	await jim.getByText('pushed to all').waitFor();
	await john.getByText('pushed to all').waitFor();
	await shot(jim, 'jim');
	await shot(john, 'john');
	assert.deepEqual(problems, []);
});

test('messages are there after a reload, also those that came meanwhile', async (t) => {
	const started = await start(t);
	if (!started)
		return t.skip(`no ${CHROMIUM}`);
	const { stack, problems, open } = started;
	const jim = await open(0, 'jim');
	const john = await open(1, 'john');
	await say(jim, '2', 'one');
	await john.getByText('one', { exact: true }).waitFor();
	await say(john, '1', 'two');
	await jim.getByText('two', { exact: true }).waitFor();
	await stack.run('routerctl', 'push', '--user', '2', '--event', 'news', '--data', '"his alone"');
	await john.getByText('his alone').waitFor();
	await john.getByText('✓ delivered').waitFor();
	const address = john.url();
	await john.goto('about:blank');
	await say(jim, '2', 'while you were away');
	await jim.locator('li', { hasText: 'while you were away' }).getByText('✓ ').waitFor();
	await john.goto(address);
	await john.getByText('while you were away').waitFor();
	assert.deepEqual(await bubbles(john), ['one', 'two', 'while you were away']);
	assert.equal(await john.getByText('his alone').count(), 1);
	await john.reload();
	await john.waitForSelector('#status[data-state=online]');
	assert.deepEqual(await bubbles(john), ['one', 'two', 'while you were away']);
	const { devices } = (await stack.json('routerctl', 'inbox', '2'))[0];
	assert.equal(devices.length, 1, 'it was the same device each time');
	await john.click('#logout');
	assert.deepEqual(await john.evaluate(() => Object.keys(localStorage)), ['postern.device'], 'logging out leaves no message behind');
	assert.deepEqual(problems, []);
});

test('a killed router is no more than a hint, and what is said meanwhile arrives', async (t) => {
	const started = await start(t);
	if (!started)
		return t.skip(`no ${CHROMIUM}`);
	const { stack, problems, open } = started;
	const jim = await open(0, 'jim');
	const john = await open(1, 'john');
	await say(jim, '2', 'before');
	await john.getByText('before', { exact: true }).waitFor();
	await stack.router.kill();
	await say(jim, '2', 'meanwhile');
	await jim.getByText('reconnecting…').waitFor();
	await jim.getByText('sending…').waitFor();
	await shot(jim, 'jim-reconnecting');
	await stack.startRouter();
	await john.getByText('meanwhile', { exact: true }).waitFor();
	await jim.waitForSelector('#status[data-state=online]');
	await say(john, '1', 'after');
	await jim.getByText('after', { exact: true }).waitFor();
	assert.deepEqual(await bubbles(jim), ['before', 'meanwhile', 'after']);
	assert.deepEqual(await bubbles(john), ['before', 'meanwhile', 'after']);
	assert.equal(await jim.getByText('failed').count(), 0);
	assert.deepEqual(problems, []);
});

test('a login is renewed on the connection before it ends', async (t) => {
	const started = await start(t);
	if (!started)
		return t.skip(`no ${CHROMIUM}`);
	const { stack, problems, open, visit } = started;
	const john = await open(1, 'john');
	const jim = await visit(0);
	/* `auth.expiring` comes a minute before the end: in two seconds. */
	const now = Math.floor(Date.now() / 1000);
	const short = stack.token({ sub: '1', auth_time: now, exp: now + 62 });
	await enter(jim, short);
	const [{ sessions: [before] }] = await stack.json('routerctl', 'user', '1');
	await jim.getByText('login renewed until').waitFor();
	const fresh = await tokenOf(stack, jim);
	assert.notEqual(fresh, short);
	const [{ sessions }] = await stack.json('routerctl', 'user', '1');
	assert.deepEqual(sessions.map(({ session }) => session), [before.session], 'it is the same session');
	await say(jim, '2', 'with the new one');
	await john.getByText('with the new one').waitFor();
	assert.deepEqual(await bubbles(jim), ['with the new one']);
	await shot(jim, 'jim-renewed');
	await jim.reload();
	await jim.waitForSelector('#status[data-state=online]');
	assert.match(await loginState(jim), /^logged in until /);
	assert.equal(await tokenOf(stack, jim), fresh);
	assert.deepEqual(problems, []);
});

test('logging out closes the other window of the same login, which says so, and no other', async (t) => {
	const started = await start(t);
	if (!started)
		return t.skip(`no ${CHROMIUM}`);
	const { stack, problems, open, visit } = started;
	const jim = await open(0, 'jim');
	const elsewhere = await open(1, 'jim');
	const john = await open(1, 'john');
	const second = await visit(1, jim.context());
	const token = await tokenOf(stack, jim);
	await enter(second, token);
	await say(john, '1', 'to all three');
	for (const page of [jim, second, elsewhere])
		await page.getByText('to all three').waitFor();
	await jim.click('#logout');
	await second.getByText('You have logged out in another window.').waitFor();
	await shot(second, 'second-logged-out');
	await jim.waitForSelector('#door:not([hidden])');
	assert.equal(await jim.locator('#login-error').textContent(), '');
	assert.equal(await second.evaluate(() => sessionStorage.getItem('postern.token')), null);
	await say(john, '1', 'to the other login');
	await elsewhere.getByText('to the other login').waitFor();
	const refused = await stack.client({ token, edge: 1 }).opened().catch(({ status }) => status);
	assert.equal(refused, 401, 'the token is void');
	const [{ sessions }] = await stack.json('routerctl', 'user', '1');
	assert.equal(sessions.length, 1);
	assert.deepEqual(problems, []);
});
