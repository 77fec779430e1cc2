import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { promisify } from 'node:util';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { writePdu } from '../../src/dimse/pdu/writer.ts';
import type { DimseTlsOptions } from '../../src/dimse/tls.ts';
import { loadQuickAck } from '../../src/platform/quick-ack.ts';
import { createAuthority, isOpensslInstalled } from '../support/certificates.ts';
import type { CertificateAuthority, IssuedCertificate } from '../support/certificates.ts';
import { startDimseServer } from '../support/dimse-server.ts';
import type { RunningDimseServer } from '../support/dimse-server.ts';
import { associateRq, connectScriptedPeer, dataSetPdus, echoRq, storeRq } from '../support/scripted-peer.ts';
import type { ScriptedPeer } from '../support/scripted-peer.ts';
import { waitUntil } from '../support/wait-until.ts';

const run = promisify(execFile);

describe.skipIf(!isOpensslInstalled())('DICOM over TLS', () => {
  let authority: CertificateAuthority;
  let own: IssuedCertificate;
  let ct1: IssuedCertificate;
  let other: IssuedCertificate;
  let expired: IssuedCertificate;
  beforeAll(() => {
    authority = createAuthority();
    own = authority.issue('/CN=localhost');
    ct1 = authority.issue('/O=City Medical/CN=ct1.example');
    other = authority.issue('/O=City Medical/CN=other.example');
    expired = authority.issue('/O=City Medical/CN=ct1.example', -1);
  });
  afterAll(() => authority.remove());

  let running: RunningDimseServer | undefined;
  afterEach(async () => {
    await running?.server.close();
    running = undefined;
  });

  async function start(
    options: Partial<DimseTlsOptions> = {},
    more: Parameters<typeof startDimseServer>[0] = {},
  ): Promise<RunningDimseServer> {
    running = await startDimseServer({ tls: { cert: own.cert, key: own.key, ...options }, ...more });
    return running;
  }

  const dial = (port: number, certificate?: IssuedCertificate, more: object = {}): Promise<ScriptedPeer> =>
    connectScriptedPeer(port, {
      ca: authority.cert,
      servername: 'localhost',
      ...(certificate && { cert: certificate.cert, key: certificate.key }),
      ...more,
    });

  /** The list of another authority, which may have the same name. */
  function foreignList(name: string): string {
    const foreign = createAuthority(name);
    try {
      return foreign.issueRevocationList().pem;
    } finally {
      foreign.remove();
    }
  }

  /** What the server answers to an A-ASSOCIATE-RQ: a PDU's type, or `closed` where it takes none. */
  async function answerTo(port: number, callingAe: string, certificate?: IssuedCertificate): Promise<string> {
    try {
      const peer = await dial(port, certificate);
      peer.send(writePdu(associateRq({ callingAeTitleField: callingAe.padEnd(16) })));
      const { type } = await peer.next();
      peer.end();
      return type;
    } catch {
      return 'closed';
    }
  }

  test('an object is stored and the Association released', async () => {
    const { port, nextSummary } = await start();
    const ended = nextSummary();
    const peer = await dial(port);
    await peer.associate();
    peer.send(storeRq(), dataSetPdus(Buffer.alloc(1_000_000, 3)));
    expect((await peer.response()).status).toBe(0);
    await peer.release();
    expect(await ended).toMatchObject({ outcome: 'released', objects: 1, bytes: 1_000_000 });
  });

  test('a peer that does not speak TLS is closed with a hint in the log, and the next one that does is served', async () => {
    const { port, logger } = await start();
    const plain = await connectScriptedPeer(port);
    plain.send(writePdu(associateRq()));
    await plain.closed().catch(() => undefined);
    expect(await answerTo(port, 'CT1')).toBe('A-ASSOCIATE-AC');
    expect(logger.messages('warn')).toContain('TLS handshake failed');
    expect(JSON.stringify(logger.lines)).toContain('the peer does not speak TLS');
  });

  test('a TLS peer at a plain port gets an answer that ends it, and the next plain one is served', async () => {
    running = await startDimseServer();
    const { port } = running;
    await expect(dial(port)).rejects.toThrow();
    const peer = await connectScriptedPeer(port);
    await peer.associate();
    await peer.release();
  });

  test.each([
    ['TLSv1.3', 'TLSv1.3', true],
    ['TLSv1.2', 'TLSv1.2', true],
    ['TLSv1.1', 'TLSv1.1', false],
  ] as const)('%s', async (_name, version, isTaken) => {
    const { port } = await start();
    const versions = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
    const attempt = dial(port, undefined, versions).then((peer) => {
      peer.end();
      return true;
    });
    expect(await attempt.catch(() => false)).toBe(isTaken);
  });

  test.each([
    ['ECDHE-ECDSA-AES128-GCM-SHA256', true],
    ['ECDHE-ECDSA-AES256-GCM-SHA384', true],
    ['ECDHE-ECDSA-AES256-SHA384', false],
    ['AES256-GCM-SHA384', false],
  ])('TLS 1.2 with %s: %s', async (ciphers, isTaken) => {
    const { port } = await start();
    const attempt = dial(port, undefined, { maxVersion: 'TLSv1.2', ciphers }).then((peer) => {
      peer.end();
      return true;
    });
    expect(await attempt.catch(() => false)).toBe(isTaken);
  });

  test('openssl s_client gets through its handshake and sees our certificate', async () => {
    const { port } = await start();
    const { stdout } = await run('sh', [
      '-c',
      `openssl s_client -connect 127.0.0.1:${port} -CAfile ${authority.certFile} -brief </dev/null 2>&1`,
    ]);
    expect(stdout).toContain('Verification: OK');
    expect(stdout).toMatch(/Protocol version: TLSv1\.3/);
  });

  describe('client certificates', () => {
    test('required: only who shows a good one gets in', async () => {
      const { port } = await start({ ca: authority.cert, clientCert: 'required' });
      expect(await answerTo(port, 'CT1', ct1)).toBe('A-ASSOCIATE-AC');
      expect(await answerTo(port, 'CT1')).toBe('closed');
      expect(await answerTo(port, 'CT1', expired)).toBe('closed');
      const foreign = createAuthority();
      try {
        expect(await answerTo(port, 'CT1', foreign.issue('/CN=ct1.example'))).toBe('closed');
      } finally {
        foreign.remove();
      }
    });

    test('optional: none is fine, a bad one is not', async () => {
      const { port, logger } = await start({ ca: authority.cert, clientCert: 'optional' });
      expect(await answerTo(port, 'CT1', ct1)).toBe('A-ASSOCIATE-AC');
      expect(await answerTo(port, 'CT1')).toBe('A-ASSOCIATE-AC');
      expect(await answerTo(port, 'CT1', expired)).toBe('closed');
      expect(JSON.stringify(logger.lines)).toContain('CERT_HAS_EXPIRED');
    });

    test('an AE title that belongs to a certificate is for its holder only, and the holder may use no other', async () => {
      const { port, rejections } = await start({
        ca: authority.cert,
        clientCert: 'optional',
        callingAeBySubject: { 'CN=ct1.example': ['CT1'] },
      });
      expect(await answerTo(port, 'CT1', ct1)).toBe('A-ASSOCIATE-AC');
      expect(await answerTo(port, 'STORESCU', ct1)).toBe('A-ASSOCIATE-RJ');
      expect(await answerTo(port, 'CT1', other)).toBe('A-ASSOCIATE-RJ');
      expect(await answerTo(port, 'CT1')).toBe('A-ASSOCIATE-RJ');
      expect(await answerTo(port, 'STORESCU')).toBe('A-ASSOCIATE-AC');
      expect(new Set(rejections)).toEqual(new Set(['calling-ae-title-not-recognized']));
    });
  });

  describe('client certificates that may be revoked', () => {
    const hints = (): readonly unknown[] =>
      (running?.logger.lines ?? []).flatMap(({ fields }) => fields.hint ?? []);

    test.each(['required', 'optional'] as const)(
      '%s: one that is revoked gets nothing, and the log says why; others get in',
      async (clientCert) => {
        const { pem } = authority.issueRevocationList({ revoked: [other] });
        const { port, logger } = await start({ ca: authority.cert, crl: [pem], clientCert });
        expect(await answerTo(port, 'CT1', other)).toBe('closed');
        expect(JSON.stringify(logger.lines)).toContain('CERT_REVOKED');
        expect(hints()).toEqual([expect.stringContaining('its certificate was revoked')]);
        expect(await answerTo(port, 'CT1', ct1)).toBe('A-ASSOCIATE-AC');
      },
    );

    test.each([
      [
        'CRL_HAS_EXPIRED',
        'put the current one',
        () => [authority.issueRevocationList({ sinceDays: -3, untilDays: -1 }).pem],
      ],
      [
        'CRL_NOT_YET_VALID',
        'set the clock',
        () => [authority.issueRevocationList({ sinceDays: 1, untilDays: 3 }).pem],
      ],
      ['UNABLE_TO_GET_CRL', 'add the list', () => [foreignList('Other CA')]],
      ['CRL_SIGNATURE_FAILURE', 'another key', () => [foreignList('Test CA')]],
    ] as const)(
      '%s: without a list that is good for it, a good one is refused as well',
      async (code, hint, crl) => {
        const { port, logger } = await start({ ca: authority.cert, crl: crl(), clientCert: 'required' });
        expect(await answerTo(port, 'CT1', ct1)).toBe('closed');
        expect(JSON.stringify(logger.lines)).toContain(code);
        expect(hints()).toEqual([expect.stringContaining(hint)]);
      },
    );

    test('of an authority below another: both of them need a list', async () => {
      const below = authority.issueAuthority('Department CA');
      try {
        const device = below.issue('/CN=ct1.example');
        const chain = { ...device, cert: Buffer.concat([device.cert, below.cert]) };
        const lists = [authority, below].map((one) => one.issueRevocationList().pem);
        const { port, server } = await start({ ca: authority.cert, crl: lists, clientCert: 'required' });
        expect(await answerTo(port, 'CT1', chain)).toBe('A-ASSOCIATE-AC');
        server.renewTls({ ...own, ca: authority.cert, crl: lists.slice(0, 1) });
        expect(await answerTo(port, 'CT1', chain)).toBe('closed');
        server.renewTls({ ...own, ca: authority.cert, crl: lists.slice(1) });
        expect(await answerTo(port, 'CT1', chain)).toBe('closed');
        const revoking = authority.issueRevocationList({ revoked: [below] }).pem;
        server.renewTls({ ...own, ca: authority.cert, crl: [revoking, lists[1] ?? ''] });
        expect(await answerTo(port, 'CT1', chain)).toBe('closed');
        expect(JSON.stringify(running?.logger.lines)).toContain('CERT_REVOKED');
      } finally {
        below.remove();
      }
    });

    test('that are revoked while the server runs get in no more, not even by resuming a TLS session', async () => {
      const material = { ...own, ca: authority.cert, crl: [authority.issueRevocationList().pem] };
      const { port, server } = await start({ ...material, clientCert: 'required' });
      const connectAs = (session?: Buffer) =>
        connect({
          ...{ port, host: '127.0.0.1', ca: authority.cert, servername: 'localhost', session },
          ...{ cert: ct1.cert, key: ct1.key },
        });
      const first = connectAs();
      first.on('error', () => undefined);
      const session = await new Promise<Buffer>((resolve) => first.once('session', resolve));
      const again = connectAs(session);
      again.on('error', () => undefined);
      await new Promise((resolve) => again.once('secureConnect', resolve));
      expect(again.isSessionReused()).toBe(true);
      again.destroy();

      const up = await dial(port, ct1);
      await up.associate();
      server.renewTls({ ...material, crl: [authority.issueRevocationList({ revoked: [ct1] }).pem] });
      const late = connectAs(session);
      late.on('error', () => undefined);
      let isReused: boolean | undefined;
      late.once('secureConnect', () => (isReused = late.isSessionReused()));
      await new Promise((resolve) => late.once('close', resolve));
      expect(isReused).toBe(false);
      expect(JSON.stringify(running?.logger.lines)).toContain('CERT_REVOKED');
      expect(await answerTo(port, 'CT1', ct1)).toBe('closed');
      // What is up goes on, as with a renewed certificate.
      up.send(echoRq());
      expect((await up.response()).status).toBe(0);
      await up.release();
      first.destroy();
    });

    test('openssl s_client is refused with a revoked certificate, and not with another', async () => {
      const { pem } = authority.issueRevocationList({ revoked: [other] });
      const { port } = await start({ ca: authority.cert, crl: [pem], clientCert: 'required' });
      /** Type of the PDU that answers an A-ASSOCIATE-RQ; undefined where the connection is closed without. */
      const shake = async ({ certFile, keyFile }: IssuedCertificate): Promise<number | undefined> => {
        const shown = ['-cert', certFile, '-key', keyFile];
        const client = spawn('openssl', [
          ...['s_client', '-quiet', '-connect', `127.0.0.1:${port}`, '-CAfile', authority.certFile, ...shown],
        ]);
        client.stderr.resume();
        const closed = once(client, 'close');
        client.stdin.on('error', () => undefined);
        client.stdin.write(writePdu(associateRq()));
        const answer = once(client.stdout, 'data') as Promise<[Buffer]>;
        const type = await Promise.race([answer.then(([bytes]) => bytes[0]), closed.then(() => undefined)]);
        client.kill();
        await closed;
        return type;
      };
      // A-ASSOCIATE-AC (PS3.8 9.3.3).
      expect(await shake(ct1)).toBe(0x02);
      expect(await shake(other)).toBeUndefined();
    });
  });

  test('whoever goes away in the middle of the handshake is gone, and whoever stays in it does not hold up the end', async () => {
    const { port, server, logger } = await start();
    const hello = Buffer.from('16030100', 'hex');
    const leaving = await connectScriptedPeer(port);
    leaving.send(hello);
    leaving.end();
    await leaving.closed().catch(() => undefined);
    await waitUntil('the handshake is given up', () =>
      logger.messages('warn').includes('TLS handshake failed') ? true : undefined,
    );
    const staying = await connectScriptedPeer(port);
    staying.send(hello);
    expect(await answerTo(port, 'CT1')).toBe('A-ASSOCIATE-AC');
    await server.close();
    running = undefined;
    expect(await staying.closed().catch(() => 'reset')).toBeDefined();
  });

  test('a renewed certificate is shown to new peers, while an Association that is up goes on', async () => {
    const { port, server } = await start();
    const before = await dial(port);
    await before.associate();
    const next = authority.issue('/CN=renewed.example');
    server.renewTls(next);
    const socket = connect({
      port,
      host: '127.0.0.1',
      ca: authority.cert,
      checkServerIdentity: () => undefined,
    });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    expect(socket.getPeerCertificate().subject.CN).toBe('renewed.example');
    socket.destroy();
    before.send(storeRq(), dataSetPdus(Buffer.alloc(100_000)));
    expect((await before.response()).status).toBe(0);
    await before.release();
  });

  test('a certificate that does not belong to its key is refused, and the old one stays', async () => {
    const { port, server } = await start();
    expect(() => server.renewTls({ cert: own.cert, key: other.key })).toThrow();
    expect(await answerTo(port, 'CT1')).toBe('A-ASSOCIATE-AC');
    await expect(startDimseServer({ tls: { cert: own.cert, key: other.key } })).rejects.toThrow();
    // OpenSSL itself takes a key of another kind, and then has no certificate to show.
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    await expect(startDimseServer({ tls: { cert: own.cert, key } })).rejects.toThrow(
      'not that of the certificate',
    );
  });

  test('quick acknowledgement reaches the socket below', async () => {
    const quickAck = await loadQuickAck();
    const descriptors: unknown[] = [];
    const { port } = await start(
      {},
      {
        tuneSocket: (socket) => {
          descriptors.push((socket as unknown as { _handle: { fd: unknown } })._handle.fd);
          if (quickAck.kind === 'available') quickAck.arm(socket);
        },
      },
    );
    const peer = await dial(port);
    await peer.associate();
    peer.send(echoRq());
    expect((await peer.response()).status).toBe(0);
    expect(descriptors.length).toBeGreaterThan(1);
    for (const descriptor of descriptors) expect(descriptor).toBeGreaterThan(2);
    await peer.release();
  });
});
