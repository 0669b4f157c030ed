/*
 * history: what happened, a JSON line for each, written in large pieces to one file.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

const PIECE = 8192; /* lines */

export class History {
	constructor(path) {
		this.fd = openSync(path, 'w');
		this.lines = [];
		this.total = 0;
		this.started = performance.now();
	}

	now() {
		return Math.round(performance.now() - this.started);
	}

	/* rest: JSON text of the members after t and proc, already escaped. */
	add(proc, rest) {
		this.lines.push(`{"t":${this.now()},"proc":"${proc}",${rest}}\n`);
		if (this.lines.length >= PIECE)
			this.flush();
	}

	flush() {
		this.total += this.lines.length;
		const bytes = Buffer.from(this.lines.join(''));
		for (let at = 0; at < bytes.length;)
			at += writeSync(this.fd, bytes, at);
		this.lines = [];
	}

	close() {
		this.flush();
		closeSync(this.fd);
	}
}
