import fs from 'node:fs/promises';
import path from 'node:path';
import { connect } from 'node:tls';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { createAuthority, isOpensslInstalled } from '../support/certificates.ts';
import type { CertificateAuthority, IssuedCertificate } from '../support/certificates.ts';
import { part10Of, syntheticCt } from '../support/data-sets.ts';
import { arePeersInstalled, runPeer } from '../support/peer-programs.ts';
import { connectScriptedPeer, echoRq } from '../support/scripted-peer.ts';
import { createSite, type Site } from '../support/site.ts';

interface Status {
  readonly dimseCertificate?: { readonly notAfter: string; readonly daysLeft: number };
  readonly pastAssociations: readonly Record<string, unknown>[];
}

describe.skipIf(!isOpensslInstalled() || !arePeersInstalled('echoscu', 'storescu'))('DICOM over TLS', () => {
  let authority: CertificateAuthority;
  let ct1: IssuedCertificate;
  beforeAll(() => {
    authority = createAuthority();
    ct1 = authority.issue('/CN=ct1.example');
  });
  afterAll(() => authority.remove());

  let site: Site | undefined;
  afterEach(() => site?.close());

  /** A site whose certificate lies in files that the test may replace. */
  async function start(own: IssuedCertificate) {
    const folder = await fs.mkdtemp(path.join(path.dirname(authority.certFile), 'tls-'));
    const files = { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem') };
    const install = async (certificate: Pick<IssuedCertificate, 'cert' | 'key'>): Promise<void> => {
      await fs.writeFile(files.cert, certificate.cert);
      await fs.writeFile(files.key, certificate.key);
    };
    await install(own);
    const started = await createSite({
      config: {
        dimse: {
          host: '127.0.0.1',
          port: 0,
          tls: {
            ...files,
            ca: authority.certFile,
            clientCert: 'optional',
            callingAeBySubject: { 'CN=ct1.example': ['CT1'] },
          },
        },
      },
    });
    site = started;
    const daemon = await started.start();
    const admin = async (what: string): Promise<string> =>
      (await fetch(`http://${daemon.admin.host}:${daemon.admin.port}${what}`)).text();
    const status = async (): Promise<Status> => JSON.parse(await admin('/api/status')) as Status;
    const port = String(daemon.dimse.port);
    const dcmtk = (program: string, callingAe: string, certificate: IssuedCertificate, ...files_: string[]) =>
      runPeer(program, [
        ...['+tls', certificate.keyFile, certificate.certFile, '+cf', authority.certFile],
        ...['-aet', callingAe, '-aec', 'CITYMED', '127.0.0.1', port, ...files_],
      ]);
    return { site: started, daemon, install, admin, status, dcmtk, folder };
  }

  test('DCMTK echoes and stores; an AE title is for the holder of its certificate', async () => {
    const { dcmtk, folder, status, admin } = await start(authority.issue('/CN=localhost', 20));
    expect(await dcmtk('echoscu', 'CT1', ct1)).toMatchObject({ code: 0 });
    const file = path.join(folder, 'ct.dcm');
    await fs.writeFile(file, part10Of(syntheticCt({ rows: 256, columns: 256 })));
    expect(await dcmtk('storescu', 'CT1', ct1, file)).toMatchObject({ code: 0 });
    expect((await dcmtk('echoscu', 'MR1', ct1)).output).toContain('Calling AE Title Not Recognized');
    expect((await dcmtk('echoscu', 'CT1', authority.issue('/CN=mr1.example'))).code).not.toBe(0);

    const { dimseCertificate, pastAssociations } = await status();
    expect(dimseCertificate?.daysLeft).toBeGreaterThan(17);
    expect(await admin('/metrics')).toMatch(
      /avara_ingest_tls_certificate_days_left\{listener="dimse"\} 1[89]/,
    );
    expect(
      pastAssociations.map(({ outcome, callingAeTitle, objects }) => [outcome, callingAeTitle, objects]),
    ).toEqual([
      ['rejected', 'CT1', 0],
      ['rejected', 'MR1', 0],
      ['released', 'CT1', 1],
      ['released', 'CT1', 0],
    ]);
  });

  test('a plain echoscu is turned away, and the next one with TLS is served', async () => {
    const { daemon, dcmtk } = await start(authority.issue('/CN=localhost', 20));
    const plain = await runPeer('echoscu', ['-aec', 'CITYMED', '127.0.0.1', String(daemon.dimse.port)]);
    expect(plain.code).not.toBe(0);
    await daemon.logged(
      ({ msg, hint }) => msg === 'TLS handshake failed' && hint === 'the peer does not speak TLS',
    );
    expect(await dcmtk('echoscu', 'CT1', ct1)).toMatchObject({ code: 0 });
  });

  test('a renewed certificate is taken over on SIGHUP without dropping an Association; a bad one is not', async () => {
    const { daemon, install, status } = await start(authority.issue('/CN=first.example', 5));
    const common = { ca: authority.cert, checkServerIdentity: () => undefined, cert: ct1.cert, key: ct1.key };
    const peer = await connectScriptedPeer(daemon.dimse.port, common);
    await peer.associate();
    await daemon.logged(({ msg }) => msg === 'the TLS certificate expires soon');

    const shown = async (): Promise<string> => {
      const socket = connect({ port: daemon.dimse.port, host: '127.0.0.1', ...common });
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return String(CN);
    };
    expect(await shown()).toBe('first.example');
    await install(authority.issue('/CN=second.example', 40));
    daemon.process.kill('SIGHUP');
    await daemon.logged(({ msg }) => msg === 'TLS certificate renewed');
    expect(await shown()).toBe('second.example');
    expect((await status()).dimseCertificate?.daysLeft).toBeGreaterThan(37);

    await install({ cert: authority.issue('/CN=third.example', 40).cert, key: ct1.key });
    daemon.process.kill('SIGHUP');
    await daemon.logged(
      ({ msg }) => msg === 'the new TLS certificate cannot be used, the old one stays in use',
    );
    expect(await shown()).toBe('second.example');

    peer.send(echoRq());
    expect((await peer.response()).status).toBe(0);
    await peer.release();
  });
});
