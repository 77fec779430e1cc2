import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { FIXTURE_FILES } from '../support/fixture-files.ts';
import { startOrthanc } from '../support/orthanc.ts';
import type { Orthanc } from '../support/orthanc.ts';
import { arePeersInstalled } from '../support/peer-programs.ts';
import { CENTRES, createSite } from '../support/site.ts';
import type { Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';

const { city } = CENTRES;
const images = FIXTURE_FILES.filter(({ file }) => file.startsWith('citymed/ct-head/'));

interface CommitmentResult {
  readonly Status: 'Pending' | 'Success' | 'Failure';
  readonly RemoteAET: string;
  readonly Success?: readonly { readonly SOPInstanceUID: string }[];
  readonly Failures?: readonly { readonly SOPInstanceUID: string; readonly FailureReason: number }[];
}

describe.skipIf(!arePeersInstalled('Orthanc'))('storage commitment for Orthanc', () => {
  let orthanc: Orthanc;
  let site: Site;
  /** Orthanc's ids of the images, by SOP Instance UID. */
  const ids = new Map<string, string>();

  beforeAll(async () => {
    orthanc = await startOrthanc();
    const peers = [{ aeTitle: orthanc.aeTitle, host: '127.0.0.1', port: orthanc.dicomPort }];
    site = await createSite({ config: { dimse: { host: '127.0.0.1', port: 0, peers } } });
    const { dimse } = await site.start();
    await orthanc.call('PUT', '/modalities/daemon', {
      AET: city.calledAe,
      Host: dimse.host,
      Port: dimse.port,
    });
    for (const image of images) {
      const stored = await orthanc.call<{ ID: string }>('POST', '/instances', await readFile(image.path));
      ids.set(image.sopInstanceUid, stored?.ID ?? '');
    }
  });
  afterAll(async () => {
    await site.close();
    await orthanc.close();
  });

  /** Asks for all images. @returns what Orthanc then knows of it. */
  async function commit(): Promise<CommitmentResult> {
    const asked = await orthanc.call<{ Path: string }>('POST', '/modalities/daemon/storage-commitment', {
      Resources: [...ids.values()],
    });
    return waitUntil('Orthanc has the report', async () => {
      const result = await orthanc.call<CommitmentResult>('GET', asked?.Path ?? '');
      return result === undefined || result.Status === 'Pending' ? undefined : result;
    });
  }

  test('tells it first what is missing, then that all is kept', async () => {
    const [last, ...others] = [...ids].reverse();
    await orthanc.call(
      'POST',
      '/modalities/daemon/store',
      others.map(([, id]) => id),
    );
    const partly = await commit();
    expect(partly).toMatchObject({
      Status: 'Failure',
      RemoteAET: city.calledAe,
      Failures: [{ SOPInstanceUID: last?.[0], FailureReason: 0x0112 }],
    });
    expect(partly.Success).toHaveLength(images.length - 1);

    await orthanc.call('POST', '/modalities/daemon/store', last?.[1]);
    const whole = await commit();
    expect(whole).toMatchObject({ Status: 'Success', RemoteAET: city.calledAe });
    expect(whole.Success).toHaveLength(images.length);
    await site.daemon.logged(
      (line) => line.msg === 'storage commitment reported' && line.over === 'new-association',
    );
  });
});
