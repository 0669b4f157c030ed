/*
 * Tickets, taken apart and put together (proto/ticket.h).  mint() makes authentic ones, with the key that an
 * edge never has: of times and edges that auth would not write down now.
 */
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

const FIXED_BYTES = 96;
const FIELDS = {
	flags: [5, 1], session: [8, 8], edgeId: [16, 4], edgeEpoch: [20, 4], nonce: [24, 8], issuedAt: [32, 8],
	presentBy: [40, 8], sessionEnd: [48, 8], ceiling: [56, 8], tokenHash: [64, 8], issuer: [80, 4],
};
export const MAY_SEND = 1n;
export const MAY_PUSH = 2n;
export const READ_ONLY = 4n;

export function readTicket(hex) {
	const bytes = Buffer.from(hex, 'hex');
	const fields = Object.entries(FIELDS).map(([name, [at, size]]) =>
		[name, size === 8 ? bytes.readBigUInt64LE(at) : BigInt(bytes.readUIntLE(at, size))]);
	return { ...Object.fromEntries(fields), uid: bytes.subarray(FIXED_BYTES, -32).toString() };
}

/* The ticket with other fields, and the MAC that it had: what an edge can do. */
export function alter(hex, change) {
	const bytes = Buffer.from(hex, 'hex');
	const { uid, ...numbers } = change;
	for (const [name, value] of Object.entries(numbers)) {
		const [at, size] = FIELDS[name];
		size === 8 ? bytes.writeBigUInt64LE(BigInt(value), at) : bytes.writeUIntLE(Number(value), at, size);
	}
	if (uid === undefined)
		return bytes.toString('hex');
	bytes.writeUInt16LE(uid.length, 6);
	return Buffer.concat([bytes.subarray(0, FIXED_BYTES), Buffer.from(uid), bytes.subarray(-32)]).toString('hex');
}

/* The same with a MAC that is right. */
export function mint(stack, hex, change) {
	const bytes = Buffer.from(alter(hex, change), 'hex');
	const dir = path.join(stack.env.POSTERN_STATE, 'ticket');
	const file = path.join(dir, `${bytes[4]}.key`);
	const secret = readFileSync(existsSync(file) ? file : path.join(dir, readdirSync(dir)[0]));
	const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
	const mac = createHmac('sha256', secret).update('postern ticket 1\0').update(`${boot}\0`).update(bytes.subarray(0, -32)).digest();
	return Buffer.concat([bytes.subarray(0, -32), mac]).toString('hex');
}

/* An id of a session as the recording edge prints it. */
export const idOf = (number) => number.toString(16).padStart(16, '0');
