import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { startStack } from './stack.js';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

test('two pages of a real browser chat, and an operator\'s push is seen on both', async (t) => {
	if (!existsSync(CHROMIUM))
		return t.skip(`no ${CHROMIUM}`);
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
	const say = async (page, to, text) => {
		await page.fill('#to', to);
		await page.fill('#message', text);
		await page.click('#send');
	};
	const jim = await open(0, 'jim');
	const john = await open(1, 'john');
	await say(jim, '2', 'hello from jim <b>not bold</b>');
	await john.getByText('hello from jim <b>not bold</b>').waitFor();
	await say(john, '1', 'hello from john');
	await jim.getByText('hello from john').waitFor();
	const pushed = await stack.run('routerctl', 'push', '--all', '--event', 'news', '--data', '{"text":"pushed to all"}');
	assert.equal(pushed.code, 0, pushed.stderr);
	await jim.getByText('pushed to all').waitFor();
	await john.getByText('pushed to all').waitFor();
	if (process.env.SHOTS) {
		await jim.screenshot({ path: `${process.env.SHOTS}/jim.png` });
		await john.screenshot({ path: `${process.env.SHOTS}/john.png` });
	}
	assert.deepEqual(problems, []);
});
