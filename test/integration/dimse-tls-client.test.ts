import { once } from 'node:events';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createServer } from 'node:tls';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { sendEcho } from '../../src/cli/c-echo.ts';
import { uid } from '../../src/dicom/uid.ts';
import { requestAssociation } from '../../src/dimse/scu/requestor.ts';
import { createSystemClock } from '../../src/platform/clock.ts';
import { createAuthority, isOpensslInstalled, withEncryptedKey } from '../support/certificates.ts';
import type { CertificateAuthority, IssuedCertificate } from '../support/certificates.ts';
import { runCli, runCliWith } from '../support/cli.ts';
import { writeConfig } from '../support/daemon-process.ts';
import { dataSetOf, part10Of, syntheticCt } from '../support/data-sets.ts';
import { freePort } from '../support/free-port.ts';
import { arePeersInstalled } from '../support/peer-programs.ts';
import { startStorescp, startTlsServer } from '../support/tls-peers.ts';

const SETTINGS = {
  avara: { apiKey: '${env:NOT_SET_HERE}', webhookSecret: '${env:NOT_SET_HERE}' },
  customers: { city: { expressCustomerId: `cus_${'0'.repeat(32)}` } },
};

describe.skipIf(!isOpensslInstalled() || !arePeersInstalled('storescp'))('peers over TLS', () => {
  let authority: CertificateAuthority;
  let other: CertificateAuthority;
  let own: IssuedCertificate;
  let peer: IssuedCertificate;
  beforeAll(() => {
    authority = createAuthority();
    other = createAuthority('Other CA');
    own = authority.issue('/CN=ingest.example');
    peer = authority.issue('/CN=localhost');
  });
  afterAll(() => {
    authority.remove();
    other.remove();
  });

  let folder: string;
  const open: { close(): Promise<unknown> }[] = [];
  beforeEach(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'tls-client-'));
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
    await fs.rm(folder, { recursive: true, force: true });
  });

  async function storescp(...argv: readonly string[]): Promise<number> {
    const started = await startStorescp('-od', folder, '+B', ...argv);
    open.push(started);
    return started.port;
  }
  async function tlsServer({ certFile, keyFile }: IssuedCertificate, ...argv: readonly string[]) {
    const started = await startTlsServer('-cert', certFile, '-key', keyFile, ...argv);
    open.push(started);
    return started.port;
  }
  const closing = (made: CertificateAuthority) => ({
    close: () => {
      made.remove();
      return Promise.resolve();
    },
  });
  const trusting = (): string[] => ['--ca', authority.certFile];
  const showing = (certificate: IssuedCertificate): string[] => [
    ...['--cert', certificate.certFile, '--key', certificate.keyFile],
  ];
  /** DCMTK's options for a listener; it wants certificates of the authority unless told otherwise. */
  const asTls = ({ certFile, keyFile }: IssuedCertificate): string[] => [
    ...['+tls', keyFile, certFile, '+cf', authority.certFile],
  ];

  describe('of DCMTK', () => {
    test('answer an echo, and store byte for byte, where both sides show certificates', async () => {
      const port = await storescp(...asTls(peer));
      const options = ['--called', 'STORESCP', ...trusting(), ...showing(own)];
      const echo = await runCli('echo', `localhost:${port}`, ...options);
      expect(echo).toMatchObject({ code: 0, err: '' });
      expect(echo.out).toMatch(/^✔ STORESCP at localhost:\d+ \(OFFIS_DCMTK_\d+\) answered over TLS in/);

      const image = syntheticCt({ rows: 512, columns: 512 });
      const file = path.join(folder, 'sent.dcm');
      await fs.writeFile(file, part10Of(image));
      const sent = await runCli('send', file, '--to', `localhost:${port}`, '--json', ...options);
      expect(sent).toMatchObject({ code: 0, err: '' });
      expect(JSON.parse(sent.out)).toMatchObject({ sent: 1, failure: null });
      const [received] = (await fs.readdir(folder)).filter((name) => name.includes(image.sopInstanceUid));
      expect(dataSetOf(await fs.readFile(path.join(folder, received ?? '')))).toEqual(image.dataSet);
    });

    test('are called as the configuration says, by their AE title', async () => {
      const ct1 = authority.issue('/CN=CT Scanner 1');
      const port = await storescp(...asTls(ct1));
      const { certFile, keyFile } = own;
      // The certificate itself, without the authority above it, is enough to know it by.
      await fs.copyFile(ct1.certFile, path.join(folder, 'ca.pem'));
      const config = await writeConfig(folder, {
        ...SETTINGS,
        dimse: {
          peers: [
            {
              ...{ aeTitle: 'CT1', host: '127.0.0.1', port },
              tls: { ca: 'ca.pem', cert: certFile, key: keyFile, serverName: 'CT Scanner 1' },
            },
          ],
        },
      });
      const echo = await runCli('echo', 'CT1', '--config', config);
      expect(echo).toMatchObject({ code: 0, err: '' });
      expect(echo.out).toContain('✔ CT1 at 127.0.0.1');

      const unknown = await runCli('echo', 'CT2', '--config', config);
      expect(unknown.code).toBe(2);
      expect(unknown.err).toContain(`CT2 is no peer of ${config}`);
      expect(unknown.err).toContain('which has CT1');
    });

    test('are shown a certificate whose key is encrypted, with the passphrase from a variable, a file or the configuration', async () => {
      const port = await storescp(...asTls(peer));
      const secret = 'four words in a row';
      const encrypted = withEncryptedKey(own, secret);
      const to = `localhost:${port}`;
      const options = ['--called', 'STORESCP', ...trusting(), ...showing(encrypted)];
      const echo = (source: readonly string[], env = {}) =>
        runCliWith(env, 'echo', to, ...options, ...source);

      expect(await echo(['--key-passphrase', 'env:OWN_KEY'], { OWN_KEY: secret })).toMatchObject({ code: 0 });
      const file = path.join(folder, 'passphrase');
      await fs.writeFile(file, `${secret}\n`);
      expect(await echo(['--key-passphrase', `file:${file}`])).toMatchObject({ code: 0 });

      const without = await echo([]);
      expect(without.code).toBe(2);
      expect(without.err).toContain(
        `${encrypted.keyFile} cannot be used: the private key is encrypted, and no passphrase is given`,
      );
      expect(without.err).toContain('--key-passphrase ("keyPassphrase" in the configuration)');
      const wrong = await echo(['--key-passphrase', 'env:OWN_KEY'], { OWN_KEY: 'another' });
      expect(wrong.code).toBe(2);
      expect(wrong.err).toContain('the passphrase is not that of the private key');
      expect((await echo(['--key-passphrase', 'env:OWN_KEY'])).err).toContain('OWN_KEY is not set');
      const given = await echo(['--key-passphrase', secret]);
      expect(given).toMatchObject({ code: 2, out: '' });
      expect(given.err).toContain('--key-passphrase takes env:NAME or file:PATH');
      expect(given.err).not.toContain(secret);

      const tls = {
        ...{ ca: authority.certFile, serverName: 'localhost' },
        ...{ cert: encrypted.certFile, key: encrypted.keyFile, keyPassphrase: '${file:passphrase}' },
      };
      const peers = [{ aeTitle: 'STORESCP', host: '127.0.0.1', port, tls }];
      const config = await writeConfig(folder, { ...SETTINGS, dimse: { peers } });
      expect(await runCli('echo', 'STORESCP', '--config', config)).toMatchObject({ code: 0, err: '' });
      const another = await runCli('echo', 'STORESCP', '--config', config, ...showing(encrypted));
      expect(another.err).toContain('no passphrase is given');
      await fs.rm(file);
      const gone = await runCli('echo', 'STORESCP', '--config', config);
      expect(gone.code).toBe(2);
      expect(gone.err).toContain(`the passphrase of ${encrypted.keyFile} cannot be looked up`);
      // A key that is not encrypted needs none.
      const plain = await runCli('echo', 'STORESCP', '--config', config, ...showing(own));
      expect(plain).toMatchObject({ code: 0, err: '' });
    });

    test('are told apart by revocation lists', async () => {
      const port = await storescp(...asTls(peer));
      const lists = [
        authority.issueRevocationList({ revoked: [own] }),
        other.issueRevocationList(),
        authority.issueRevocationList({ revoked: [peer] }),
      ].map((list) => list.file);
      const echo = (...crl: readonly string[]) =>
        runCli(
          ...['echo', `localhost:${port}`, '--called', 'X', ...trusting(), ...showing(own)],
          ...crl.flatMap((file) => ['--crl', file]),
        );
      const [good = '', foreign = '', bad = ''] = lists;
      expect(await echo(good)).toMatchObject({ code: 0, err: '' });
      expect(await echo(foreign, good)).toMatchObject({ code: 0, err: '' });
      const revoked = await echo(bad);
      expect(revoked.code).toBe(1);
      expect(revoked.err).toContain(
        'its certificate, or one that it descends from, was revoked\nhint: do not send',
      );
      const unknown = await echo(foreign);
      expect(unknown.code).toBe(1);
      expect(unknown.err).toContain('an authority in its chain has no revocation list here');
      expect(unknown.err).toContain('with --crl ("crl" in the configuration)');

      const file = path.join(folder, 'sent.dcm');
      await fs.writeFile(file, part10Of(syntheticCt({ rows: 8, columns: 8 })));
      const to = ['--to', `localhost:${port}`, '--called', 'X', ...trusting(), '--crl', bad, '--json'];
      const sent = await runCli('send', file, ...to);
      expect(JSON.parse(sent.out)).toMatchObject({
        sent: 0,
        failure: { reason: 'tls', problem: 'revoked' },
      });
    });

    test('that trust another authority, or want a certificate, are told apart from those that are not there', async () => {
      const port = await storescp(...asTls(peer));
      const echo = async (...argv: string[]) => {
        const run = await runCli('echo', `localhost:${port}`, '--called', 'X', '--json', ...argv);
        return { code: run.code, outcome: JSON.parse(run.out) as unknown };
      };
      expect(await echo(...trusting())).toMatchObject({
        code: 1,
        outcome: {
          kind: 'tls-failed',
          problem: 'certificate-wanted',
          message: 'it wants a client certificate',
        },
      });
      expect(await echo(...trusting(), ...showing(other.issue('/CN=stranger')))).toMatchObject({
        code: 1,
        outcome: {
          problem: 'certificate-refused',
          message: 'it refuses our certificate: it does not trust its authority',
        },
      });
      await open.pop()?.close();
      expect(await echo(...trusting())).toMatchObject({ code: 3, outcome: { kind: 'unreachable' } });
    });

    test('that speak plain DICOM are not called with TLS, nor those that speak TLS without', async () => {
      const plain = await runCli('echo', `localhost:${await storescp()}`, '--called', 'X', '--tls');
      expect(plain.code).toBe(1);
      expect(plain.err).toContain(
        'it answers no TLS handshake: it may speak plain DICOM on this port\nhint: leave --tls out',
      );
      const port = await storescp(...asTls(peer));
      const secure = await runCli('echo', `localhost:${port}`, '--called', 'X');
      expect(secure.code).toBe(1);
      expect(secure.err).toContain('it speaks TLS on this port\nhint: add --tls');
      const file = path.join(folder, 'sent.dcm');
      await fs.writeFile(file, part10Of(syntheticCt({ rows: 8, columns: 8 })));
      const sent = await runCli('send', file, '--to', `localhost:${port}`, '--called', 'X', '--json');
      expect(sent.code).toBe(1);
      expect(JSON.parse(sent.out)).toMatchObject({
        sent: 0,
        failure: { reason: 'tls', problem: 'tls-only' },
      });
    });
  });

  describe('are refused, in words,', () => {
    const echo = (port: number, more: object = {}, host = 'localhost', timeoutMs = 10_000) =>
      sendEcho({
        ...{ host, port, callingAeTitle: 'A', calledAeTitle: 'B', timeoutMs },
        tls: { ca: authority.certFile, ...more },
      });
    const associate = (port: number, timeoutMs = 10_000) =>
      requestAssociation({
        ...{ host: 'localhost', port, tls: { ca: authority.certFile }, timeoutMs },
        ...{ callingAeTitle: 'A', calledAeTitle: 'B', role: 'SCU' },
        abstractSyntaxUid: uid('1.2.840.10008.1.1'),
        transferSyntaxUids: [uid('1.2.840.10008.1.2')],
        clock: createSystemClock(),
        signal: new AbortController().signal,
      });

    test.each([
      [
        'untrusted',
        () => other.issue('/CN=localhost'),
        'its certificate is not trusted: its authority is unknown here',
      ],
      [
        'expired',
        () => authority.issue('/CN=localhost', -1),
        'its certificate, or one that it descends from, has expired',
      ],
      [
        'wrong-name',
        () => authority.issue('/CN=pacs.example'),
        'its certificate is for pacs.example, not for localhost',
      ],
    ] as const)('for a certificate that is %s', async (problem, issue, message) => {
      const port = await tlsServer(issue());
      expect(await echo(port)).toEqual({ kind: 'tls-failed', problem, message });
    });

    test.each([
      ['revoked', () => authority.issueRevocationList({ revoked: [peer] }), 'was revoked'],
      [
        'revocation-unknown',
        () => authority.issueRevocationList({ sinceDays: -3, untilDays: -1 }),
        'cannot be told: the revocation list of an authority in its chain is out of date',
      ],
      [
        'revocation-unknown',
        () => other.issueRevocationList(),
        'cannot be told: an authority in its chain has no revocation list here',
      ],
    ] as const)('by a revocation list: %s (%#)', async (problem, list, message) => {
      const port = await tlsServer(peer);
      expect(await echo(port, { crl: [list().file] })).toEqual({
        ...{ kind: 'tls-failed', problem },
        message: expect.stringContaining(message) as string,
      });
    });

    test('by a revocation list that was replaced since the last time', async () => {
      const port = await tlsServer(peer);
      const crl = path.join(folder, 'crl.pem');
      await fs.writeFile(crl, authority.issueRevocationList().pem);
      // It knows no DICOM; what matters is that it is not TLS that fails.
      expect(await echo(port, { crl: [crl] }, 'localhost', 500)).not.toHaveProperty('problem');
      await fs.writeFile(crl, authority.issueRevocationList({ revoked: [peer] }).pem);
      expect(await echo(port, { crl: [crl] })).toMatchObject({ problem: 'revoked' });
    });

    test('with a self-signed certificate as its own authority, which nobody makes a revocation list for', async () => {
      const device = createAuthority('localhost');
      open.push(closing(device));
      const port = await tlsServer(device);
      const crl = [authority.issueRevocationList().file];
      expect(await echo(port, { ca: device.certFile, crl })).toMatchObject({ problem: 'revocation-unknown' });
    });

    test('with revocation lists, but an authority below another as all that is trusted', async () => {
      const below = authority.issueAuthority('Department CA');
      open.push(closing(below));
      const port = await tlsServer(below.issue('/CN=localhost'));
      expect(await echo(port, { ca: below.certFile }, 'localhost', 500)).not.toHaveProperty('problem');
      const crl = [authority, below].map((one) => one.issueRevocationList().file);
      expect(await echo(port, { ca: below.certFile, crl })).toMatchObject({ problem: 'revocation-unknown' });
    });

    test('where no authority is named and the machine knows none of that certificate', async () => {
      expect(await echo(await tlsServer(peer), { ca: undefined })).toMatchObject({ problem: 'untrusted' });
    });

    test('for a name that stands for another address', async () => {
      const port = await tlsServer(peer);
      expect(await echo(port, {}, '127.0.0.1')).toMatchObject({
        problem: 'wrong-name',
        message: 'its certificate is for localhost, not for 127.0.0.1',
      });
    });

    test.each(['-tls1_2', '-tls1_3'])(
      'where they want a certificate of ours and get none (%s)',
      async (version) => {
        const port = await tlsServer(peer, version, '-Verify', '1', '-CAfile', authority.certFile);
        expect(await echo(port)).toMatchObject({ problem: 'certificate-wanted' });
        const { certFile: cert, keyFile: key } = other.issue('/CN=stranger');
        expect(await echo(port, { cert, key })).toMatchObject({ problem: 'certificate-refused' });
      },
    );

    test.each([
      ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'],
      ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES256-SHA384'],
    ])('where they know nothing better than %s %s %s', async (...argv) => {
      expect(await echo(await tlsServer(peer, ...argv))).toMatchObject({
        problem: 'handshake-failed',
        message: expect.stringContaining('perhaps no version or cipher suite suits both') as string,
      });
    });

    test('where they take the connection and then say nothing', async () => {
      const silent = createTcpServer((socket) => socket.resume()).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      open.push({ close: () => once(silent.close(), 'close') });
      const { port } = silent.address() as AddressInfo;
      const message = 'it answers no TLS handshake: it may speak plain DICOM on this port';
      expect(await echo(port, {}, 'localhost', 500)).toEqual({
        kind: 'tls-failed',
        problem: 'no-tls',
        message,
      });
      await expect(associate(port, 500)).rejects.toMatchObject({ tlsProblem: 'no-tls', message });
    });

    test('whatever asks, and before a byte of DICOM is sent', async () => {
      let received = 0;
      const { cert, key } = authority.issue('/CN=elsewhere.example');
      const server = createServer({ cert, key }, (socket) => {
        socket.on('error', () => undefined);
        socket.on('data', (chunk: Buffer) => (received += chunk.length));
      }).listen(0, '127.0.0.1');
      const closed: Promise<unknown>[] = [];
      server.on('connection', (socket: Socket) => closed.push(once(socket, 'close')));
      await once(server, 'listening');
      open.push({ close: () => once(server.close(), 'close') });
      const { port } = server.address() as AddressInfo;
      expect(await echo(port)).toMatchObject({ problem: 'wrong-name' });
      await expect(associate(port)).rejects.toMatchObject({ tlsProblem: 'wrong-name' });
      expect(closed).toHaveLength(2);
      await Promise.all(closed);
      expect(received).toBe(0);
    });
  });

  test('what of ours cannot be used is said before anybody is called', async () => {
    const called = ['--called', 'X'];
    const to = `localhost:${await freePort()}`;
    const missing = await runCli('echo', to, ...called, '--ca', path.join(folder, 'nothing.pem'));
    expect(missing.code).toBe(2);
    expect(missing.err).toContain('nothing.pem cannot be read (ENOENT)');
    const text = path.join(folder, 'text.pem');
    await fs.writeFile(text, 'no certificate');
    expect((await runCli('echo', to, ...called, '--ca', text)).err).toContain(
      'text.pem holds nothing in PEM',
    );
    const der = path.join(folder, 'crl.der');
    await fs.writeFile(
      der,
      Buffer.from(authority.issueRevocationList().pem.replace(/-----.*-----/g, ''), 'base64'),
    );
    expect((await runCli('echo', to, ...called, '--crl', der)).err).toContain(
      'crl.der holds no revocation list in PEM; one in DER becomes one with: openssl crl -inform DER',
    );
    expect(await runCli('echo', to, ...called, '--key-passphrase', 'env:X')).toMatchObject({ code: 2 });
    const mixed = ['--cert', own.certFile, '--key', peer.keyFile];
    expect((await runCli('echo', to, ...called, ...mixed)).err).toMatch(/cannot be used/);
    expect(await runCli('echo', to, ...called, '--cert', own.certFile)).toMatchObject({ code: 2 });
    expect((await runCli('echo', to)).err).toContain('--called <ae> is needed with an address');
  });
});
