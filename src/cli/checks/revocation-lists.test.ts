import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAuthority, isOpensslInstalled } from '../../../test/support/certificates.ts';
import type { CertificateAuthority } from '../../../test/support/certificates.ts';
import { checkRevocationLists } from './revocation-lists.ts';

describe.skipIf(!isOpensslInstalled())('revocation lists', () => {
  let folder: string;
  let root: CertificateAuthority;
  let below: CertificateAuthority;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'revocation-'));
    root = createAuthority('Root CA');
    below = root.issueAuthority('Department CA');
  });
  afterAll(() => {
    for (const authority of [root, below]) authority.remove();
    rmSync(folder, { recursive: true });
  });

  function fileOf(name: string, ...texts: readonly (string | Buffer)[]): string {
    const file = path.join(folder, name);
    writeFileSync(file, texts.map(String).join('\n'));
    return file;
  }
  const check = async (crl: readonly string[] | undefined, ca = root.certFile, now = Date.now()) =>
    (await checkRevocationLists({ path: 'dimse.tls', crl, ca }, now)).map(
      ({ status, detail }) => `${status}: ${detail}`,
    );

  it('that nobody wants are not looked at', async () => {
    expect(await check(undefined)).toEqual([]);
  });

  it('of every authority are good, with the day of the first that is to be followed', async () => {
    const ca = fileOf('ca.pem', root.cert, below.cert);
    const lists = [root.issueRevocationList({ untilDays: 5 }), below.issueRevocationList({ untilDays: 3 })];
    const until = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10);
    const both = lists.map(({ file }) => file);
    expect(await check(both, ca)).toEqual([
      expect.stringContaining(`ok: dimse.tls.crl: 2 lists, good until ${until}`),
    ]);
    const together = fileOf('both.pem', ...lists.map(({ pem }) => pem));
    expect(await check([together], ca)).toEqual([expect.stringMatching(/^ok: .* 2 lists/)]);
  });

  it('that are missing for an authority are named', async () => {
    const ca = fileOf('ca.pem', root.cert, below.cert);
    const [problem, ...more] = await check([root.issueRevocationList().file], ca);
    expect(problem).toMatch(/^warning: dimse\.tls\.crl has no list of CN=Department CA/);
    expect(more).toEqual([]);
  });

  it('need the authorities up to the root', async () => {
    const [problem, ...more] = await check([below.issueRevocationList().file], below.certFile);
    expect(problem).toMatch(/^warning: .* has CN=Department CA without CN=Root CA/);
    expect(more).toEqual([]);
  });

  it.each([
    [{ sinceDays: -9.5, untilDays: 0.5 }, /^warning: .* out of date from .* UTC on$/],
    [
      { sinceDays: -10, untilDays: -1 },
      /^failed: .* out of date since .*every certificate of its authority is refused$/,
    ],
  ])('that are or will be out of date are said so (%j)', async (time, text) => {
    expect(await check([root.issueRevocationList(time).file])).toEqual([expect.stringMatching(text)]);
  });

  it('that cannot be read fail', async () => {
    const [missing] = await check([path.join(folder, 'none.pem')]);
    expect(missing).toMatch(/^failed: .*none\.pem cannot be read \(ENOENT\)$/);
    const [certificate] = await check([root.certFile]);
    expect(certificate).toMatch(/^failed: .* holds no revocation list in PEM/);
  });
});
