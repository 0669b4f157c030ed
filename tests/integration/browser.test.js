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
	const open = async (edge, name) => {
		const page = await (await browser.newContext()).newPage();
		page.setDefaultTimeout(30000);
		page.on('pageerror', (error) => problems.push(String(error)));
		page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
		await page.goto(`http://${stack.edges[edge].base}/`);
		await page.fill('#username', name);
		await page.fill('#password', '123456');
		await page.click('#login');
		await page.waitForSelector('#status[data-state=online]');
		return page;
	};
	return { stack, problems, open };
}

async function say(page, to, text) {
	await page.fill('#to', to);
	await page.fill('#message', text);
	await page.click('#send');
}

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
