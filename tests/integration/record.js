/*
 * The recording edge of record_edge.c: what it received, and a way to make it do what no honest edge does.
 *
 *	const evil = await startRecorder(stack, [token]);
 *	evil.say('send', session, 'bob', 'not mine');
 *	await evil.next('link_down');
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { BUILD, DEADLINE_MS, within } from './stack.js';

class Recorder {
	constructor(stack, tokens, { wire, opens = true } = {}) {
		const args = ['--run', stack.env.POSTERN_RUN, ...(wire ? ['--wire', String(wire)] : []), ...(opens ? [] : ['--open', 'no']), ...tokens.flatMap((token) => ['--token', token])];
		this.seen = [];
		this.labels = 1000;
		this.waiting = new Set();
		this.child = spawn(path.join(BUILD, 'bin', 'record_edge'), args, { env: stack.env, stdio: ['pipe', 'pipe', 'inherit'] });
		stack.followers.add(this.child);
		this.child.stdin.on('error', () => {}); // it may be killed while something is on its way
		let rest = '';
		this.child.stdout.setEncoding('utf8').on('data', (text) => {
			const lines = (rest + text).split('\n');
			rest = lines.pop();
			for (const line of lines)
				this.#take(JSON.parse(line));
		});
	}

	#take(line) {
		this.seen.push(line);
		for (const wait of this.waiting)
			wait(line);
	}

	say(...words) {
		this.child.stdin.write(`${words.join(' ')}\n`);
	}

	/* Asks auth: the ticket that it grants, as {is: 'granted', uid, nonce, ticket}, or {is: 'denied' | 'auth_away'}. */
	#ask(command, ...words) {
		const label = this.labels++;
		this.say(command, label, ...words);
		const answer = (line) => line.token === label && ['granted', 'denied', 'auth_away', 'auth_busy'].includes(line.is);
		return this.#wait(answer, command);
	}

	/* About a token; ticket: of the live session whose token it is to replace. */
	verify(token, ticket = '') {
		return this.#ask('verify', token, ticket);
	}

	extend(ticket) {
		return this.#ask('extend', ticket);
	}

	all(is) {
		return this.seen.filter((line) => line.is === is);
	}

	/* The first line of that kind which test() likes, from line `from` on. */
	next(is, { from = 0, test = () => true } = {}) {
		return this.#wait((line) => line.is === is && test(line), is, from);
	}

	#wait(fits, what, from = 0) {
		const found = this.seen.slice(from).find(fits);
		if (found)
			return Promise.resolve(found);
		const coming = new Promise((resolve) => {
			const wait = (line) => {
				if (fits(line)) {
					this.waiting.delete(wait);
					resolve(line);
				}
			};
			this.waiting.add(wait);
		});
		return within(coming, DEADLINE_MS, `the recording edge gets ${what}`);
	}

	/* Whether these bytes came, in any message, whatever they were understood to be. */
	received(text) {
		const hex = Buffer.from(text).toString('hex');
		return this.seen.some((line) => line.raw?.includes(hex));
	}
}

/*
 * With its link up and a session for each token.  options.wire: the wire version that it says; options.opens false:
 * it has the tickets alone; options.isRefused: nothing is waited for.
 */
export async function startRecorder(stack, tokens = [], options = {}) {
	const recorder = new Recorder(stack, tokens, options);
	if (options.isRefused)
		return recorder;
	recorder.lease = await recorder.next('lease');
	await recorder.next('link_up');
	recorder.sessions = [];
	for (let i = 0; i < tokens.length; i++) {
		const granted = await recorder.next('granted', { test: (line) => line.token === i });
		if (options.opens === false) {
			recorder.sessions.push(granted);
			continue;
		}
		const opened = await recorder.next('opened', { test: (line) => line.nonce === granted.nonce });
		recorder.sessions.push({ ...granted, session: opened.session });
	}
	return recorder;
}
