/*
 * One numbered stream as one device sees it: C3 (no holes, rising) and C9 (what follows a stated
 * position is exact).  The answers to a device's own sends carry numbers too and may come before or
 * after their neighbours, so a hole is judged at the next reset or at the end.
 */
const GAP_MAX = 100_000;

export class Stream {
	constructor(name, report) {
		this.name = name;
		this.report = report;
		this.last = undefined;
		this.answered = new Set();
		this.gaps = [];
	}

	/* A session of the device starts after this number; a device without a past takes it as its own. */
	resume(position) {
		if (this.last === undefined)
			this.last = position;
	}

	/* A frame with a number at the application; check names what a hole before it would break.  A carbon may repeat an answer. */
	frame(seq, line, check, isCarbon) {
		if (this.last === undefined)
			this.last = seq - 1;
		if (seq <= this.last) {
			if (isCarbon)
				this.fill(seq);
			else
				this.report('C3', 'reordered', `${this.name}: ${seq} after ${this.last}`, line);
			return;
		}
		if (seq > this.last + 1)
			this.open(seq, line, check);
		this.last = seq;
		this.advance();
	}

	answer(seq) {
		if (this.last !== undefined && seq <= this.last)
			this.fill(seq);
		else
			this.answered.add(seq);
		this.advance();
	}

	advance() {
		while (this.last !== undefined && this.answered.delete(this.last + 1))
			this.last++;
	}

	open(seq, line, check) {
		const first = this.last + 1;
		const missing = new Set();

		if (seq - first > GAP_MAX) {
			this.report(check, 'holes', `${this.name}: ${first} to ${seq - 1} missing`, line);
			return;
		}
		for (let q = first; q < seq; q++) {
			if (!this.answered.delete(q))
				missing.add(q);
		}
		if (missing.size > 0)
			this.gaps.push({ missing, line, check });
	}

	fill(seq) {
		for (const gap of this.gaps)
			gap.missing.delete(seq);
	}

	judge() {
		for (const { missing, line, check } of this.gaps) {
			if (missing.size > 0)
				this.report(check, 'holes', `${this.name}: ${missing.size} missing, the first ${Math.min(...[...missing].slice(0, 1000))}`, line);
		}
		this.gaps = [];
	}

	reset(position) {
		this.judge();
		this.last = position;
		this.answered.clear();
	}
}
