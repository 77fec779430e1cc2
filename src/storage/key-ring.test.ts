import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { KeyRingError } from './key-file.ts';
import { openKeyRing } from './key-ring.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let folder = '';
let file = '';
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'key-ring-'));
  file = path.join(folder, 'keys', 'url-keys.json');
});
afterEach(() => fs.rm(folder, { recursive: true }));

const clock = createFakeClock();
const logger = createRecordingLogger();
const open = () => openKeyRing({ file, clock, logger, urlLifetimeMs: HOUR_MS });

describe('key ring', () => {
  it('makes a key at the first start, in a file for its owner alone, and finds it at the next', async () => {
    const first = await open();
    expect((await fs.stat(file)).mode & 0o777).toBe(0o600);
    expect(first.current().secret.length).toBeGreaterThanOrEqual(32);
    await first.close();
    const second = await open();
    expect(second.current()).toEqual(first.current());
    expect(await fs.readdir(path.dirname(file))).toEqual(['url-keys.json']);
    await second.close();
  });

  it('signs with the new key after a rotation and verifies with the old one for the URL lifetime', async () => {
    const ring = await open();
    const old = ring.current();
    const id = await ring.rotate();
    expect(ring.current().id).toBe(id);
    expect(ring.current().secret.equals(old.secret)).toBe(false);
    clock.advance(HOUR_MS);
    expect(ring.find(old.id)?.secret.equals(old.secret)).toBe(true);
    clock.advance(1);
    expect(ring.find(old.id)).toBeUndefined();
    expect(ring.find(id)).toBeDefined();
    await ring.close();
    expect(await fs.readFile(file, 'utf8')).not.toContain(old.id);
    expect((await fs.stat(file)).mode & 0o777).toBe(0o600);
  });

  it('loses no key when rotations come at once', async () => {
    const ring = await open();
    const before = ring.current().id;
    const ids = await Promise.all([ring.rotate(), ring.rotate(), ring.rotate()]);
    await ring.close();
    const again = await open();
    for (const id of [before, ...ids]) expect(again.find(id)).toBeDefined();
    await again.close();
  });

  it('rotates by itself when the newest key is 30 days old, running or not', async () => {
    const ring = await open();
    const first = ring.current().id;
    for (let day = 0; day < 30; day += 1) {
      expect(ring.current().id).toBe(first);
      clock.advance(DAY_MS);
      await new Promise(setImmediate);
    }
    await vi.waitFor(() => expect(ring.current().id).not.toBe(first));
    const second = ring.current().id;
    await ring.close();
    expect(clock.pending).toBe(0);
    clock.advance(31 * DAY_MS);
    const later = await open();
    expect(later.current().id).not.toBe(second);
    await later.close();
  });

  it('tells when the file no longer holds what it signs with, and a rotation mends that', async () => {
    const ring = await open();
    await expect(ring.check()).resolves.toBeUndefined();
    const { id } = ring.current();
    await fs.chmod(file, 0o644);
    await expect(ring.check()).resolves.toMatch(/open to group or others/);
    await fs.writeFile(file, '{}');
    await fs.chmod(file, 0o600);
    await expect(ring.check()).resolves.toMatch(/is damaged/);
    await fs.rm(file);
    await expect(ring.check()).resolves.toMatch(/is gone: the next start makes new keys/);
    expect(ring.current().id).toBe(id);
    await ring.rotate();
    await expect(ring.check()).resolves.toBeUndefined();
    await ring.close();
  });

  it('goes on with the present key and says so when a rotation cannot be written', async () => {
    const ring = await open();
    const { id } = ring.current();
    await fs.rm(path.dirname(file), { recursive: true });
    await fs.writeFile(path.dirname(file), 'in the way');
    await expect(ring.rotate()).rejects.toThrow(KeyRingError);
    expect(ring.current().id).toBe(id);
    await ring.close();
  });

  it.each([0o640, 0o604, 0o644])('refuses to start from a file of mode %o', async (mode) => {
    await (await open()).close();
    await fs.chmod(file, mode);
    await expect(open()).rejects.toThrow(/open to group or others.*chmod 600/);
  });

  it.each([
    ['not JSON', 'hello'],
    ['empty', ''],
    ['of another version', '{"version":2,"keys":[]}'],
    ['without keys', '{"version":1,"keys":[]}'],
    [
      'with a short secret',
      '{"version":1,"keys":[{"id":"a","createdAt":"2026-01-01T00:00:00Z","secret":"c2VjcmV0"}]}',
    ],
  ])('refuses to start from a file %s, without quoting it', async (_, content) => {
    await fs.mkdir(path.dirname(file));
    await fs.writeFile(file, content, { mode: 0o600 });
    const failure: unknown = await open().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(KeyRingError);
    expect(String(failure)).toMatch(/is damaged.*Restore it from a backup/);
    expect(String(failure)).not.toContain('c2VjcmV0');
    expect(await fs.readFile(file, 'utf8')).toBe(content);
  });

  it('refuses to start from a folder in place of the file', async () => {
    await fs.mkdir(file, { recursive: true, mode: 0o700 });
    await expect(open()).rejects.toThrow(/not a regular file/);
  });
});
