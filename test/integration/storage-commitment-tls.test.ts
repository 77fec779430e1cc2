import fs from 'node:fs/promises';
import path from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { customerKey } from '../../src/core/study/instance.ts';
import { uid } from '../../src/dicom/uid.ts';
import { createAwaitedCommitments } from '../../src/dimse/awaited-commitments.ts';
import { sendToPacs } from '../../src/dimse/scu/send-document.ts';
import { createSystemClock } from '../../src/platform/clock.ts';
import { createAuthority, isOpensslInstalled } from '../support/certificates.ts';
import type { CertificateAuthority, IssuedCertificate } from '../support/certificates.ts';
import { runCli } from '../support/cli.ts';
import { listenForReports, requestCommitment } from '../support/commitment-peer.ts';
import type { ReportListener } from '../support/commitment-peer.ts';
import { syntheticCt } from '../support/data-sets.ts';
import { createRecordingLogger } from '../support/recording-logger.ts';
import { sendObjects } from '../support/send-objects.ts';
import { CENTRES, createSite } from '../support/site.ts';
import type { Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const { city } = CENTRES;
const image = syntheticCt({ rows: 32, columns: 32 });
const reference = { sopClassUid: image.sopClassUid, sopInstanceUid: image.sopInstanceUid };

describe.skipIf(!isOpensslInstalled())('storage commitment over TLS', () => {
  let authority: CertificateAuthority;
  let later: CertificateAuthority;
  beforeAll(() => {
    authority = createAuthority();
    later = createAuthority('Later CA');
  });
  afterAll(() => {
    authority.remove();
    later.remove();
  });

  let site: Site | undefined;
  let modality: ReportListener | undefined;
  afterEach(async () => {
    modality?.close();
    await site?.close();
    [site, modality] = [undefined, undefined];
  });

  /** A modality that takes who shows a certificate of the authority, as dcmjs-dimse verifies it. */
  async function listen({ cert, key }: IssuedCertificate): Promise<ReportListener> {
    modality = await listenForReports(0, { cert, key, ca: authority.cert });
    return modality;
  }
  /** A site with files that the test may replace. */
  async function start(port: number, own: IssuedCertificate) {
    const folder = await fs.mkdtemp(path.join(path.dirname(authority.certFile), 'client-'));
    const files = { ca: path.join(folder, 'ca.pem'), cert: own.certFile, key: own.keyFile };
    await fs.copyFile(authority.certFile, files.ca);
    const peer = { aeTitle: 'CT1', host: '127.0.0.1', port, tls: { ...files, serverName: 'ct1.example' } };
    const started = await createSite({ config: { dimse: { host: '127.0.0.1', port: 0, peers: [peer] } } });
    site = started;
    const daemon = await started.start();
    const to = { to: daemon.dimse, calledAe: city.calledAe, callingAe: 'CT1' };
    expect(await sendObjects([image], to)).toEqual([0]);
    return {
      ...{ files, daemon, config: path.join(started.folder, 'config.json') },
      ask: (transactionUid: string) => requestCommitment({ ...to, transactionUid, references: [reference] }),
      admin: async (what: string) =>
        (await fetch(`http://${daemon.admin.host}:${daemon.admin.port}${what}`)).text(),
    };
  }
  const report = (transactionUid: string) =>
    waitUntil(`a report on ${transactionUid}`, () =>
      modality?.reports.find((one) => one.transactionUid === transactionUid),
    );

  test('is reported to a modality that both sides know by certificates', async () => {
    const { port } = await listen(authority.issue('/CN=ct1.example'));
    const { ask, admin, config } = await start(port, authority.issue('/CN=ingest.example', 10));
    expect(await ask('2.25.71')).toEqual({ status: 0 });
    expect(await report('2.25.71')).toMatchObject({ committed: [reference], failed: [] });

    // The certificate that it shows expires as visibly as that of a listener.
    const metric = await waitUntil(
      'the metric',
      async () =>
        /tls_certificate_days_left\{listener="dimse-client"\} (\d+)/.exec(await admin('/metrics'))?.[1],
    );
    expect(['8', '9', '10']).toContain(metric);
    const alerts = await waitUntil('an alert', async () => {
      const told = await admin('/api/alerts');
      return told.includes('certificate-expiring') ? told : undefined;
    });
    expect(alerts).toContain('The certificate of the daemon as a client of DICOM peers expires in');
    const { checks } = JSON.parse((await runCli('check', '--offline', '--json', '--config', config)).out) as {
      checks: readonly Record<string, string>[];
    };
    expect(checks.find(({ id }) => id === 'peer-tls')).toMatchObject({
      status: 'warning',
      detail: expect.stringMatching(/^our certificate for CT1: good until/) as string,
    });
  });

  test('is not reported to who has another certificate, and is once it is trusted, after a reload', async () => {
    const { port } = await listen(later.issue('/CN=ct1.example'));
    const { ask, daemon, files } = await start(port, authority.issue('/CN=ingest.example'));
    expect(await ask('2.25.72')).toEqual({ status: 0 });
    const failure = await daemon.logged(({ reason }) => String(reason).includes('not trusted'));
    expect(failure.reason).toBe(
      `CT1 at 127.0.0.1:${port}: its certificate is not trusted: its authority is unknown here`,
    );
    expect(modality?.associations).toEqual([]);

    await fs.copyFile(later.certFile, files.ca);
    daemon.process.kill('SIGHUP');
    expect(await report('2.25.72')).toMatchObject({ committed: [reference] });
  });

  test('is asked of a PACS, over TLS as the sending of a document is', async () => {
    const own = authority.issue('/CN=pacs.example');
    site = await createSite({
      config: {
        dimse: {
          ...{ host: '127.0.0.1', port: 0 },
          tls: { cert: own.certFile, key: own.keyFile, ca: authority.certFile, clientCert: 'required' },
        },
      },
    });
    const { dimse } = await site.start();
    const client = authority.issue('/CN=ingest.example');
    const send = (serverName: string) =>
      sendToPacs({
        ...{ host: '127.0.0.1', port: dimse.port, callingAeTitle: 'CT1', calledAeTitle: city.calledAe },
        tls: { ca: authority.certFile, cert: client.certFile, key: client.keyFile, serverName },
        object: {
          dataSet: image.dataSet,
          sopClassUid: uid(image.sopClassUid),
          sopInstanceUid: uid(image.sopInstanceUid),
          transferSyntaxUid: image.transferSyntaxUid,
        },
        customer: customerKey(city.customer),
        attempts: 0,
        awaited: createAwaitedCommitments(),
        clock: createSystemClock(),
        logger: createRecordingLogger(),
        signal: new AbortController().signal,
      });
    expect(await send('pacs.example')).toEqual({ kind: 'done', value: `${image.sopInstanceUid}, committed` });
    expect(await send('other.example')).toEqual({
      kind: 'transient',
      error: expect.stringContaining('its certificate is for pacs.example, not for other.example') as string,
    });
  });
});
