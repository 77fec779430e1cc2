import fs from 'node:fs/promises';
import https from 'node:https';
import path from 'node:path';
import { connect, type TLSSocket } from 'node:tls';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { createAuthority, isOpensslInstalled, withEncryptedKey } from '../support/certificates.ts';
import type { CertificateAuthority, IssuedCertificate } from '../support/certificates.ts';
import { runCli } from '../support/cli.ts';
import { arePeersInstalled, runPeer } from '../support/peer-programs.ts';
import { createSite, type Site } from '../support/site.ts';

const FIRST = 'first four words here';
const SECOND = 'second four words here';

interface Check {
  readonly id: string;
  readonly status: string;
  readonly detail: string;
  readonly advice?: string;
}

describe.skipIf(!isOpensslInstalled() || !arePeersInstalled('echoscu', 'storescu'))('files of TLS', () => {
  let authority: CertificateAuthority;
  let ct1: IssuedCertificate;
  let mr1: IssuedCertificate;
  beforeAll(() => {
    authority = createAuthority();
    ct1 = authority.issue('/CN=ct1.example');
    mr1 = authority.issue('/CN=mr1.example');
  });
  afterAll(() => authority.remove());

  let site: Site | undefined;
  afterEach(async () => {
    await site?.close();
    site = undefined;
  });

  /** A site whose listeners have encrypted keys, and whose modalities must show certificates that are not revoked. */
  async function create(own: IssuedCertificate, passphrase = FIRST) {
    const tls = { cert: 'tls/cert.pem', key: 'tls/key.pem', keyPassphrase: '${file:tls/passphrase}' };
    const created = await createSite({
      config: {
        dimse: {
          ...{ host: '127.0.0.1', port: 0 },
          tls: { ...tls, ca: authority.certFile, clientCert: 'required', crl: ['tls/crl.pem'] },
          peers: [{ aeTitle: 'PACS', host: '127.0.0.1', port: 104, tls: { ...tls, crl: 'tls/crl.pem' } }],
        },
        http: { host: '127.0.0.1', port: 0, tls },
        audit: { syslog: { host: '127.0.0.1', port: 6514, ...tls } },
      },
    });
    site = created;
    const file = (name: string): string => path.join(created.folder, 'tls', name);
    const install = async (certificate: IssuedCertificate, secret: string): Promise<void> => {
      await fs.writeFile(file('cert.pem'), certificate.cert);
      await fs.writeFile(file('key.pem'), withEncryptedKey(certificate, secret).key, { mode: 0o600 });
    };
    const setPassphrase = (secret: string) =>
      fs.writeFile(file('passphrase'), `${secret}\n`, { mode: 0o600 });
    const revoke = (...revoked: readonly IssuedCertificate[]) =>
      fs.writeFile(file('crl.pem'), authority.issueRevocationList({ revoked }).pem);
    await fs.mkdir(path.join(created.folder, 'tls'));
    await install(own, FIRST);
    await setPassphrase(passphrase);
    await revoke();
    const config = path.join(created.folder, 'config.json');
    const check = async (): Promise<readonly Check[]> => {
      const { out } = await runCli('check', '--offline', '--json', '--config', config);
      expect(out).not.toContain(FIRST);
      return (JSON.parse(out) as { checks: readonly Check[] }).checks;
    };
    return { created, config, file, install, setPassphrase, revoke, check };
  }

  /** Common Name of the certificate that a listener shows. */
  async function shownBy(port: number): Promise<string> {
    const socket: TLSSocket = connect({
      ...{ port, host: '127.0.0.1', ca: authority.cert, cert: ct1.cert, key: ct1.key },
      checkServerIdentity: () => undefined,
    });
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return String(CN);
  }

  test('encrypted keys serve DICOM and HTTPS; a reload takes a new key with its new passphrase, and none that does not fit', async () => {
    const { created, config, install, setPassphrase, check } = await create(
      authority.issue('/CN=first.example', 40),
    );
    const daemon = await created.start();
    const { port } = daemon.dimse;
    const echo = () =>
      runPeer('echoscu', [
        ...['+tls', ct1.keyFile, ct1.certFile, '+cf', authority.certFile],
        ...['-aet', 'CT1', '-aec', 'CITYMED', '127.0.0.1', String(port)],
      ]);
    expect(await echo()).toMatchObject({ code: 0 });
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const target = { host: '127.0.0.1', port: daemon.http.port, path: '/dicom-web/studies' };
      https
        .get({ ...target, ca: authority.cert, checkServerIdentity: () => undefined }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
        .on('error', reject);
    });
    expect(status).toBe(401);
    const checks = await check();
    for (const id of [
      'dimse-certificate',
      'http-certificate',
      'peer-tls',
      'syslog-certificate',
      'revocation-lists',
    ]) {
      const found = checks.filter((one) => one.id === id);
      expect(
        found.map((one) => one.status),
        JSON.stringify(found),
      ).not.toEqual([]);
      expect(
        found.every((one) => one.status === 'ok'),
        JSON.stringify(found),
      ).toBe(true);
    }

    // The key first: until the reload, nothing is known of its passphrase.
    await install(authority.issue('/CN=second.example', 40), SECOND);
    daemon.process.kill('SIGHUP');
    const isRefusal = (listener: string) => (line: { readonly msg: string; readonly listener?: unknown }) =>
      line.msg === 'the new TLS certificate cannot be used, the old one stays in use' &&
      line.listener === listener;
    for (const listener of ['dimse', 'http']) {
      expect(await daemon.logged(isRefusal(listener))).toMatchObject({
        reason: 'the passphrase is not that of the private key, or the key is damaged',
        hint: expect.stringContaining(`Set "${listener}.tls.keyPassphrase"`) as string,
      });
    }
    expect(
      await daemon.logged(({ msg }) => msg === 'files for TLS with a DICOM peer cannot be used'),
    ).toMatchObject({
      setting: 'dimse.peers[0].tls',
      reason: expect.stringContaining('the passphrase is not that of the private key') as string,
    });
    expect(await shownBy(port)).toBe('first.example');
    expect(await echo()).toMatchObject({ code: 0 });

    await setPassphrase(SECOND);
    daemon.process.kill('SIGHUP');
    for (const listener of ['dimse', 'http']) {
      await daemon.logged((line) => line.msg === 'TLS certificate renewed' && line.listener === listener);
    }
    expect(await shownBy(port)).toBe('second.example');
    expect(await shownBy(daemon.http.port)).toBe('second.example');
    // The sender of audit messages, which uses the same file, is made once.
    const { sections } = await daemon.logged(
      ({ msg }) => msg === 'these changes need a restart and are not in force',
    );
    expect(sections).toEqual(['audit']);

    const bundle = path.join(created.folder, 'bundle.zip');
    expect(await runCli('support-bundle', '--config', config, '--output', bundle)).toMatchObject({ code: 0 });
    const written = [JSON.stringify(daemon.log), await fs.readFile(bundle, 'latin1')].join();
    for (const secret of [FIRST, SECOND]) expect(written).not.toContain(secret);
  });

  test.each([
    ['wrong', { keyPassphrase: 'another one', reason: 'the passphrase is not that of the private key' }],
    ['missing', { reason: 'the private key is encrypted, and no passphrase is given' }],
  ] as const)('with a passphrase that is %s, check and start say so, and what to set', async (_, wanted) => {
    const { config, check } = await create(authority.issue('/CN=localhost'));
    const document = JSON.parse(await fs.readFile(config, 'utf8')) as Record<string, object>;
    const keyPassphrase = 'keyPassphrase' in wanted ? wanted.keyPassphrase : undefined;
    const change = (section: string) => ({
      ...document[section],
      tls: { ...(document[section] as { tls: object }).tls, keyPassphrase },
    });
    await fs.writeFile(config, JSON.stringify({ ...document, dimse: change('dimse'), http: change('http') }));

    const failed = (await check()).filter(({ status }) => status === 'failed');
    for (const section of ['dimse', 'http']) {
      const found = failed.find(({ id }) => id === `${section}-certificate`);
      expect(found?.detail).toContain(wanted.reason);
      expect(found?.advice).toContain(`${section}.tls.keyPassphrase`);
    }
    const start = await runCli('serve', '--config', config);
    expect(start.code).not.toBe(0);
    expect(start.out + start.err).toContain(`the TLS certificate cannot be used: ${wanted.reason}`);
    expect(start.out + start.err).toMatch(/(?:dimse|http)\.tls\.keyPassphrase/);
    expect(start.out + start.err).not.toContain('another one');
  });

  test('a revocation list is taken over when its file is replaced, and one that cannot be read is not', async () => {
    const { created, file, revoke, check } = await create(authority.issue('/CN=localhost', 40));
    const daemon = await created.start();
    const echo = async (certificate: IssuedCertificate): Promise<number> => {
      const { code } = await runPeer('echoscu', [
        ...['+tls', certificate.keyFile, certificate.certFile, '+cf', authority.certFile],
        ...['-aet', 'CT1', '-aec', 'CITYMED', '127.0.0.1', String(daemon.dimse.port)],
      ]);
      return code;
    };
    expect(await echo(mr1)).toBe(0);
    await revoke(mr1);
    daemon.process.kill('SIGHUP');
    await daemon.logged(({ msg }) => msg === 'certificate revocation lists renewed');
    expect(await echo(mr1)).not.toBe(0);
    expect(await daemon.logged(({ msg }) => msg === 'TLS handshake failed')).toMatchObject({
      code: 'CERT_REVOKED',
      hint: expect.stringContaining('its certificate was revoked') as string,
    });
    expect(await echo(ct1)).toBe(0);

    await fs.writeFile(file('crl.pem'), 'not found');
    daemon.process.kill('SIGHUP');
    expect(
      await daemon.logged(
        ({ msg }) => msg === 'the new TLS certificate cannot be used, the old one stays in use',
      ),
    ).toMatchObject({ reason: expect.stringContaining('crl.pem holds no revocation list in PEM') as string });
    expect([(await echo(mr1)) === 0, (await echo(ct1)) === 0]).toEqual([false, true]);
    const unreadable = (await check()).find(({ id }) => id === 'revocation-lists');
    expect(unreadable).toMatchObject({ status: 'failed' });

    await fs.writeFile(file('crl.pem'), authority.issueRevocationList({ sinceDays: -3, untilDays: -1 }).pem);
    daemon.process.kill('SIGHUP');
    const over = await daemon.logged(({ msg }) =>
      msg.startsWith('a certificate revocation list is out of date'),
    );
    expect(over).toMatchObject({
      crl: file('crl.pem'),
      hint: expect.stringContaining('current list') as string,
    });
    expect(await echo(ct1)).not.toBe(0);
    const outdated = (await check()).find(({ id }) => id === 'revocation-lists');
    expect(outdated?.status).toBe('failed');
    expect(outdated?.detail).toContain('out of date since');
  });
});
