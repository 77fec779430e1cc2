import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { checkSecrets } from './secrets.ts';

describe.skipIf(process.platform === 'win32')('a file with a secret', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'secrets-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Checks a configuration whose API key is a credential of the given mode bits. */
  async function statusOf(mode: number, env: Record<string, string>): Promise<string | undefined> {
    const credentials = env.CREDENTIALS_DIRECTORY ?? join(folder, 'credentials');
    mkdirSync(credentials);
    writeFileSync(join(credentials, 'api-key'), 'sk_live_0123456789');
    chmodSync(join(credentials, 'api-key'), mode);
    const file = join(folder, 'config.json');
    writeFileSync(
      file,
      JSON.stringify({
        avara: { apiKey: '${cred:api-key}', webhookSecret: '${env:HOOK}' },
        customers: { 'city-medical': { expressCustomerId: `cus_${'0'.repeat(32)}` } },
      }),
    );
    const all = { ...env, HOOK: 'whsec_YWJjZGVm' };
    const results = await checkSecrets({ config: loadConfig({ file, env: all }), env: all, now: () => 0 });
    return results.find(({ id }) => id === 'secret-files')?.status;
  }

  it('is to be closed to other users', async () => {
    expect(await statusOf(0o600, {})).toBe('ok');
    rmSync(join(folder, 'credentials'), { recursive: true });
    expect(await statusOf(0o640, {})).toBe('warning');
  });

  it('that systemd hands over is closed by an access control list, which shows as a mode of 0440', async () => {
    expect(await statusOf(0o440, { CREDENTIALS_DIRECTORY: join(folder, 'handed-over') })).toBe('ok');
  });
});
