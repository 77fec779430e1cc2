import { createHash, randomBytes } from 'node:crypto';

/** Prefixes of the ids that this emulator makes. */
export type IdPrefix = 'stu' | 'cus' | 'whe' | 'rep' | 'usr';

/** Makes an id of the documented form, for example `stu_` and 32 hexadecimal characters. */
export function createId(prefix: IdPrefix): string {
  return `${prefix}_${randomBytes(16).toString('hex')}`;
}

/** The UUID of an API key: the same key has the same id after a restart, and the id does not give the key away. */
export function apiKeyIdOf(key: string): string {
  const hex = createHash('sha256').update('api-key-id:').update(key).digest('hex');
  const variant = ((parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

/** A timestamp as the API writes it: ISO 8601 UTC in whole seconds. @param nowMs milliseconds since 1970 UTC. */
export function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
