import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { describe, expect, it, vi } from 'vitest';

import { InstallationError } from '../platform/installation-error.mjs';
import { chooseDriver, Database } from './driver.mjs';

const run = promisify(execFile);
const TWELVE = { major: 12 };
const THIRTEEN = { major: 13 };
const present = (name: string) => (name === 'better-sqlite3' ? TWELVE : THIRTEEN);

describe('the SQLite driver', () => {
  it.each([
    { node: '20.19.0', nodeApi: '9', major: 12 },
    { node: '22.13.1', nodeApi: '9', major: 12 },
    { node: '22.14.0', nodeApi: '10', major: 13 },
    { node: '24.21.0', nodeApi: '10', major: 13 },
    { node: '26.10.0', nodeApi: '10', major: 13 },
  ])('is one that is safe with Node.js $node', ({ major, ...versions }) => {
    expect(chooseDriver(present, versions)).toMatchObject({ major });
  });

  it('is never even loaded where that would crash', () => {
    const load = vi.fn(present);
    chooseDriver(load, { node: '20.20.2', nodeApi: '9' });
    expect(load.mock.calls).toEqual([['better-sqlite3']]);
  });

  it('falls back where the other is safe too, and says what to do where not', () => {
    const load = (name: string) => {
      if (name === 'better-sqlite3') return TWELVE;
      throw new Error("version `GLIBC_2.34' not found\nRequire stack");
    };
    expect(chooseDriver(load, { node: '22.23.0', nodeApi: '10' })).toBe(TWELVE);
    const choose = (): unknown => chooseDriver(load, { node: '24.0.0', nodeApi: '10' });
    expect(choose).toThrow(InstallationError);
    expect(choose).toThrow(
      "SQLite cannot be used with Node.js 24.0.0 on this machine: version `GLIBC_2.34' not found",
    );
  });

  it('opens databases with the Node.js that runs', () => {
    const db = new Database(':memory:');
    expect(db.prepare('SELECT 1 AS one').get()).toEqual({ one: 1 });
    db.close();
  });

  it('outlives the garbage collection of its statements, whenever that comes', async () => {
    const driver = new URL('./driver.mjs', import.meta.url).href;
    // Collected between two turns, no JavaScript is running: that is what better-sqlite3 12 cannot bear in Node.js 24.
    const program = `
      import { Database } from ${JSON.stringify(driver)};
      import { setImmediate } from 'node:timers/promises';
      const db = new Database(':memory:');
      for (let turn = 0; turn < 2000; turn += 1) {
        for (let count = 0; count < 10; count += 1) db.prepare('SELECT ' + count).get();
        Array.from({ length: 2000 }, (_, index) => ({ index }));
        await setImmediate();
      }
      console.log('alive');`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
    expect(stdout).toBe('alive\n');
  });
});
