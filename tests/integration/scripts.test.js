/* What scripts/up does as root before it starts anything. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GROUP = 'daemon';
const STRANGER = 4711;

test('audit.log is open to both daemons at each start', { skip: process.getuid() !== 0 && 'needs root' }, async (t) => {
	const dir = mkdtempSync(path.join(os.tmpdir(), 'postern-scripts-'));
	t.after(() => rmSync(dir, { recursive: true }));
	const gid = Number(execFileSync('getent', ['group', GROUP], { encoding: 'utf8' }).split(':')[2]);
	const prepare = (file) => spawnSync('bash', ['-uc', `. scripts/lib.sh; audit_log "$1" ${GROUP}`, 'up', file], { cwd: ROOT, encoding: 'utf8' });
	const of = (file) => {
		const { uid, gid, mode } = lstatSync(file);
		return [uid, gid, mode & 0o7777];
	};

	await t.test('it is made, and kept', () => {
		const file = path.join(dir, 'new');
		for (const text of ['', 'a line\n']) {
			assert.equal(prepare(file).status, 0);
			assert.deepEqual(of(file), [0, gid, 0o660]);
			assert.equal(readFileSync(file, 'utf8'), text);
			writeFileSync(file, 'a line\n');
		}
	});
	await t.test('one that a daemon made alone is repaired, and what is in it stays', () => {
		const file = path.join(dir, 'alone');
		writeFileSync(file, 'a line\n');
		for (const [uid, group, mode] of [[STRANGER, STRANGER, 0o640], [0, STRANGER, 0o660], [STRANGER, gid, 0o600]]) {
			chownSync(file, uid, group);
			chmodSync(file, mode);
			assert.equal(prepare(file).status, 0);
			assert.deepEqual(of(file), [0, gid, 0o660]);
		}
		assert.equal(readFileSync(file, 'utf8'), 'a line\n');
	});
	await t.test('what is no file is refused, and where a link leads nothing is changed', () => {
		const target = path.join(dir, 'target');
		const link = path.join(dir, 'link');
		const folder = path.join(dir, 'folder');
		writeFileSync(target, '');
		chmodSync(target, 0o600);
		symlinkSync(target, link);
		mkdirSync(folder);
		symlinkSync('/nowhere/at/all', path.join(dir, 'broken'));
		for (const file of [link, folder, path.join(dir, 'broken')]) {
			const refused = prepare(file);
			assert.equal(refused.status, 1);
			assert.match(refused.stderr, /is not a file/);
		}
		assert.deepEqual(of(target), [0, 0, 0o600]);
	});
});
