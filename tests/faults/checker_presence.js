/*
 * C7: what watchers were told against the sessions that are open.  A pair of watcher and user counts
 * from its first presence line on.  A difference has a limit, by what made it; it ends when the
 * watcher is told the truth, or the truth comes back to what he was told, or he leaves.
 */
export class Presence {
	constructor(limits, report) {
		this.limits = limits;
		this.report = report;
		this.users = new Map(); /* user -> {sids: Map(sid -> edge), watchers: Map(watcher -> is online), watches: Set(user)} */
		this.late = new Map(); /* "watcher\0user" -> {watcher, user, deadline, line} */
		this.next = Infinity;
	}

	user(name) {
		let user = this.users.get(name);

		if (!user)
			this.users.set(name, user = { sids: new Map(), watchers: new Map(), watches: new Set() });
		return user;
	}

	open(e) {
		this.user(e.user).sids.set(e.sid, e.edge);
		this.compareAll(e.user, e.t, this.limits.open_ms, e.line);
	}

	close(e) {
		const clean = e.code !== undefined && e.code !== 1006;

		if (!this.gone(e.user, e.sid))
			return;
		this.compareAll(e.user, e.t, clean ? this.limits.open_ms : this.limits.silent_ms, e.line);
		this.forgetWatcher(e.user);
	}

	/* The client answers nothing any more; what it is told does not count either. */
	silent(e) {
		if (!this.gone(e.user, e.sid))
			return;
		this.compareAll(e.user, e.t, this.limits.silent_ms, e.line);
		this.forgetWatcher(e.user);
	}

	gone(name, sid) {
		return this.user(name).sids.delete(sid);
	}

	/* The edge's sessions end at once; a session that names no edge is taken as one of its. */
	edgeKill(e) {
		for (const name of e.users ?? []) {
			const { sids } = this.user(name);

			for (const [sid, edge] of sids) {
				if (edge === undefined || e.edge === undefined || edge === e.edge)
					sids.delete(sid);
			}
		}
		for (const name of e.users ?? []) {
			this.forgetWatcher(name);
			this.compareAll(name, e.t, this.limits.edge_ms, e.line);
		}
	}

	told(e) {
		this.user(e.watcher).watches.add(e.user);
		this.user(e.user).watchers.set(e.watcher, e.state !== 'offline');
		this.compare(e.watcher, e.user, e.t, this.limits.open_ms, e.line);
	}

	/* Nobody tells him anything while he has no session. */
	forgetWatcher(watcher) {
		if (this.user(watcher).sids.size > 0)
			return;
		for (const name of this.user(watcher).watches) {
			this.user(name).watchers.delete(watcher);
			this.late.delete(`${watcher}\0${name}`);
		}
		this.user(watcher).watches.clear();
	}

	compareAll(name, t, limit, line) {
		for (const watcher of this.user(name).watchers.keys())
			this.compare(watcher, name, t, limit, line);
	}

	compare(watcher, name, t, limit, line) {
		const user = this.user(name);
		const key = `${watcher}\0${name}`;

		if (user.watchers.get(watcher) === user.sids.size > 0) {
			this.late.delete(key);
		} else if (!this.late.has(key)) {
			this.late.set(key, { watcher, user: name, deadline: t + limit, line });
			this.next = Math.min(this.next, t + limit);
		}
	}

	tick(t) {
		if (t <= this.next)
			return;
		this.next = Infinity;
		for (const [key, late] of this.late) {
			if (t <= late.deadline) {
				this.next = Math.min(this.next, late.deadline);
				continue;
			}
			const { sids, watchers } = this.user(late.user);
			this.report('C7', 'presence_wrong', `${late.watcher} holds ${late.user} for ${watchers.get(late.watcher) ? 'online' : 'offline'} past the limit, with ${sids.size} sessions open`, late.line);
			this.late.delete(key);
		}
	}
}
