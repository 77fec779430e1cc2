import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ACCOUNT,
  accountOptions,
  AUTOSCRIBE_CREATE,
  VIEWER_CREATE,
} from '../../test/support/emulated-account.ts';
import { createAvaraEmulator } from './avara-emulator.ts';
import { EmulatorError } from './errors.ts';

let folder: string;
let stateFile: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emulator-state-'));
  stateFile = join(folder, 'state.json');
});
afterEach(() => rm(folder, { recursive: true }));

const post = (body: unknown) => ({
  method: 'POST',
  headers: { authorization: `Bearer ${ACCOUNT.allKey}`, 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

describe('the state file', () => {
  it('brings studies, counts and customers back', async () => {
    const first = createAvaraEmulator({ ...accountOptions(), stateFile });
    await first.app.request('/v1/viewer/studies', post(VIEWER_CREATE));
    await first.app.request('/v1/autoScribe/studies', post(AUTOSCRIBE_CREATE));
    await first.app.request(`/v1/express/${ACCOUNT.harbour}/deactivate`, post({}));
    const second = createAvaraEmulator({ ...accountOptions(), stateFile });
    expect(second.state.snapshot()).toEqual(first.state.snapshot());
    expect(second.state.findCustomer(ACCOUNT.harbour)?.isActive).toBe(false);
    const again = await second.app.request('/v1/viewer/studies', post(VIEWER_CREATE));
    expect(again.status).toBe(409);
  });

  it('holds every study that was replied to, when many come at once', async () => {
    const { app } = createAvaraEmulator({ ...accountOptions(), stateFile });
    const uids = Array.from({ length: 40 }, (_, i) => `1.2.${i}`);
    await Promise.all(
      uids.map(async (studyInstanceUid) => {
        await app.request('/v1/viewer/studies', post({ ...VIEWER_CREATE, studyInstanceUid }));
        expect(await readFile(stateFile, 'utf8')).toContain(`"${studyInstanceUid}"`);
      }),
    );
  });

  it('is refused where it is something else', async () => {
    for (const content of ['{', '{"version":2}']) {
      await writeFile(stateFile, content);
      expect(() => createAvaraEmulator({ ...accountOptions(), stateFile })).toThrow(EmulatorError);
    }
  });
});

describe('options', () => {
  it('out of form are refused', () => {
    const { apiKeys } = accountOptions();
    const customer = { id: 'city', name: 'City', isActive: true };
    expect(() => createAvaraEmulator({ apiKeys: [...apiKeys, ...apiKeys] })).toThrow(EmulatorError);
    expect(() => createAvaraEmulator({ apiKeys, expressCustomers: [customer] })).toThrow(EmulatorError);
  });
});
