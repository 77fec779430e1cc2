import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { createRecordingLogger } from '../../test/support/recording-logger.ts';
import { createAuthority, isOpensslInstalled, withEncryptedKey } from '../../test/support/certificates.ts';
import { createSystemClock } from '../platform/clock.ts';
import { dicomAuditMessage } from './dicom-audit-message.ts';
import { createSyslogSender, type SyslogTarget } from './syslog-sender.ts';

const clean: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of clean.splice(0).reverse()) await step();
});
const AT = '2026-03-01T12:00:00.000Z';

function senderTo(target: SyslogTarget, maxQueued?: number) {
  const onLost = vi.fn();
  const logger = createRecordingLogger();
  const sender = createSyslogSender({
    target,
    hostName: 'ct-gateway',
    clock: createSystemClock(),
    logger,
    onLost,
    ...(maxQueued !== undefined && { maxQueued }),
  });
  clean.push(() => sender.close(100));
  return { sender, onLost, logger };
}

/** Splits counted frames, as RFC 5425 4.3 has them. */
function framesOf(bytes: Buffer): string[] {
  const frames: string[] = [];
  let rest = bytes;
  for (;;) {
    const space = rest.indexOf(0x20);
    const length = Number(rest.subarray(0, Math.max(space, 0)).toString());
    if (space < 1 || rest.length < space + 1 + length) return frames;
    frames.push(rest.subarray(space + 1, space + 1 + length).toString());
    rest = rest.subarray(space + 1 + length);
  }
}

/** Takes connections on a free port. */
async function receiver(server: net.Server, port = 0) {
  let received = Buffer.alloc(0);
  const onData = (socket: net.Socket): void => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => (received = Buffer.concat([received, bytes])));
    clean.push(() => socket.destroy());
  };
  server.on(server instanceof tls.Server ? 'secureConnection' : 'connection', onData);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  clean.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, frames: () => framesOf(received) };
}

describe('syslog', () => {
  it('sends counted frames over TCP, in order, with the header of RFC 5424', async () => {
    const { port, frames } = await receiver(net.createServer());
    const { sender } = senderTo({ transport: 'tcp', host: '127.0.0.1', port });
    for (const text of ['one', 'zwö', 'three']) sender.send(AT, `<AuditMessage>${text}</AuditMessage>`);
    await vi.waitFor(() => expect(frames()).toHaveLength(3));
    expect(frames()[1]).toBe(
      `<85>1 ${AT} ct-gateway avara-ingest ${process.pid} DICOM+RFC3881 - \ufeff<AuditMessage>zwö</AuditMessage>`,
    );
  });

  it.skipIf(!isOpensslInstalled())(
    'sends over TLS to a repository whose certificate it can check, and to no other',
    async () => {
      const authority = createAuthority();
      clean.push(() => authority.remove());
      const { key, cert } = authority.issue('/CN=localhost');
      const { port, frames } = await receiver(tls.createServer({ key, cert }));
      const { sender } = senderTo({ transport: 'tls', host: 'localhost', port, ca: authority.certFile });
      sender.send(AT, 'trusted');
      await vi.waitFor(() => expect(frames()).toHaveLength(1));
      const stranger = senderTo({ transport: 'tls', host: 'localhost', port });
      stranger.sender.send(AT, 'not for strangers');
      await vi.waitFor(() => expect(stranger.logger.messages('error')).toHaveLength(1));
      expect(frames()).toHaveLength(1);
    },
  );

  it.skipIf(!isOpensslInstalled())(
    'shows a certificate whose key is encrypted, and sends nothing to a repository that was revoked',
    async () => {
      const authority = createAuthority();
      clean.push(() => authority.remove());
      const repository = authority.issue('/CN=localhost');
      const own = withEncryptedKey(authority.issue('/CN=ingest.example'), 'four words');
      const server = tls.createServer({
        ...{ key: repository.key, cert: repository.cert, ca: authority.cert },
        requestCert: true,
      });
      const { port, frames } = await receiver(server);
      const target = {
        ...({ transport: 'tls', host: 'localhost', port, ca: authority.certFile } as const),
        ...{ cert: own.certFile, key: own.keyFile, keyPassphrase: { reveal: () => 'four words' } },
      };
      const { sender } = senderTo({ ...target, crl: [authority.issueRevocationList().file] });
      sender.send(AT, 'trusted');
      await vi.waitFor(() => expect(frames()).toHaveLength(1));

      const revoked = authority.issueRevocationList({ revoked: [repository] }).file;
      for (const [more, reason] of [
        [{ crl: [revoked] }, 'certificate revoked'],
        [{ keyPassphrase: undefined }, 'the private key is encrypted, and no passphrase is given'],
        [{ crl: [authority.certFile] }, 'no revocation list in PEM'],
      ] as const) {
        const refused = senderTo({ ...target, ...more });
        refused.sender.send(AT, 'not for anybody');
        await vi.waitFor(() => expect(refused.logger.messages('error')).toHaveLength(1));
        expect(JSON.stringify(refused.logger.lines)).toContain(reason);
      }
      expect(frames()).toHaveLength(1);
    },
  );

  it('sends a datagram each over UDP', async () => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    clean.push(() => socket.close());
    const { sender } = senderTo({ transport: 'udp', host: '127.0.0.1', port: socket.address().port });
    const arrived = once(socket, 'message');
    sender.send(AT, 'hello');
    const [message] = (await arrived) as [Buffer];
    expect(message.toString()).toMatch(/^<85>1 .* - \ufeffhello$/);
  });

  it('keeps messages in bounds while nobody listens, counts what is lost, and goes on', async () => {
    const closed = net.createServer();
    const { port } = await receiver(closed);
    await new Promise((resolve) => closed.close(resolve));
    const { sender, onLost, logger } = senderTo({ transport: 'tcp', host: '127.0.0.1', port }, 2);
    for (const text of ['a', 'b', 'c', 'd']) sender.send(AT, text);
    expect(onLost).toHaveBeenCalledTimes(2);
    await vi.waitFor(() => expect(logger.messages('error').length).toBeGreaterThan(1));
    const { frames } = await receiver(net.createServer(), port);
    await vi.waitFor(() => expect(frames()).toHaveLength(2), { timeout: 20_000 });
    expect(logger.messages('info')).toContain('audit messages are sent by syslog again');
  }, 30_000);
});

/** By whichever XML parser this machine has. */
async function expectWellFormed(file: string): Promise<void> {
  const run = promisify(execFile);
  const parsers: readonly (readonly [string, readonly string[]])[] = [
    ['xmllint', ['--noout', file]],
    ['python3', ['-c', 'import sys, xml.dom.minidom as d; d.parse(sys.argv[1])', file]],
  ];
  for (const [command, argv] of parsers) {
    try {
      await run(command, argv);
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  process.stdout.write('not installed: xmllint, python3: XML is not parsed\n');
}

describe('DICOM audit messages', () => {
  const source = { sourceId: 'ct-gateway', enterpriseSiteId: 'City & Sons' };
  const told = [
    'daemon.started',
    'daemon.stopped',
    'object.served',
    'object.refused',
    'study.access_granted',
    'study.removed',
    'study.moved',
    'dicomweb.retrieved',
    'dicomweb.stored',
    'admin.logged_in',
    'admin.login_refused',
    'config.reloaded',
    'audit.entries_lost',
  ];

  it.each(told)('%s is well-formed XML, whatever stands in it', async (event) => {
    const message = dicomAuditMessage(
      {
        event,
        at: AT,
        actor: `"k1" <&> '\u0000`,
        peerAddress: '10.0.0.1',
        studyInstanceUid: '1.2.3',
        sopInstanceUid: '1.2.3.4',
        detail: 'a < b && c > "d" \u0007',
      },
      source,
    );
    const file = path.join(await fs.mkdtemp(path.join(os.tmpdir(), 'xml-')), 'message.xml');
    clean.push(() => fs.rm(path.dirname(file), { recursive: true }));
    await fs.writeFile(file, message ?? '');
    await expectWellFormed(file);
    expect(message).toContain('ParticipantObjectID="1.2.3"');
  });

  it('uses the codes of PS3.16 CID 400', () => {
    const codeOf = (event: string) =>
      /<EventID csd-code="(\d+)"/.exec(dicomAuditMessage({ event, at: AT }, source) ?? '')?.[1];
    expect([codeOf('daemon.started'), codeOf('object.served'), codeOf('study.access_refused')]).toEqual([
      '110100',
      '110104',
      '110103',
    ]);
    expect([codeOf('admin.logged_in'), codeOf('object.refused'), codeOf('study.removed')]).toEqual([
      '110114',
      '110113',
      '110105',
    ]);
    expect(dicomAuditMessage({ event: 'audit.files_removed', at: AT }, source)).toBeUndefined();
  });
});
