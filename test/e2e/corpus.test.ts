import { createHash } from 'node:crypto';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ObjectToSend, storeObjects } from '../../src/dimse/scu/store-scu.ts';
import { type CorpusObject, listCorpus, readCorpusObject } from '../support/corpus.ts';
import { listIncoming, readConflictFolder, readObjectFolder } from '../support/object-folder.ts';
import { arePeersInstalled, runPeer } from '../support/peer-programs.ts';
import { CENTRES, createSite, type Site } from '../support/site.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startWireRecorder } from '../support/wire-recorder.ts';

const IMPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2';
const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';
const EXPLICIT_BIG_ENDIAN = '1.2.840.10008.1.2.2';
const CT_IMAGE_STORAGE = '1.2.840.10008.5.1.4.1.1.2';
const MATCHES_NOT = 0xa900;
const CALLED_AE = CENTRES.city.calledAe;
const CUSTOMER = CENTRES.city.customer;

/** What the files are in that do not say so themselves. */
const UNSTATED_SYNTAXES: Readonly<Record<string, string>> = {
  'ExplVR_BigEndNoMeta.dcm': EXPLICIT_BIG_ENDIAN,
  'ExplVR_LitEndNoMeta.dcm': EXPLICIT_LITTLE_ENDIAN,
  'meta_missing_tsyntax.dcm': IMPLICIT_LITTLE_ENDIAN,
  'no_meta.dcm': IMPLICIT_LITTLE_ENDIAN,
  'rtstruct.dcm': IMPLICIT_LITTLE_ENDIAN,
};

const NO_CLASS = 'SOPClassUID (0008,0016) is missing.';
const NOT_EXPLICIT = 'The Data Set is not in Explicit VR as its Transfer Syntax says.';
/** Every file that no object store could take, with the Error Comment that its sender reads. */
const REFUSED: Readonly<Record<string, string>> = {
  // No DICOM at all.
  'PROVENANCE.md': NOT_EXPLICIT,
  'README.txt': NOT_EXPLICIT,
  'charset_files/FileInfo.txt': NOT_EXPLICIT,
  'dicomdirtests/README.txt': NOT_EXPLICIT,
  'dicomdirtests/TINY_ALPHA/README': NOT_EXPLICIT,
  'rtplan.dump': NOT_EXPLICIT,
  'rtstruct.dump': NOT_EXPLICIT,
  'test1.json': NOT_EXPLICIT,
  'test_PN.json': NOT_EXPLICIT,
  'zipMR.gz': NOT_EXPLICIT,
  // Declared JPEG, encoded in Implicit VR.
  'SC_rgb_jpeg.dcm': NOT_EXPLICIT,
  // Data Sets without the UIDs of an instance, cut down to show one oddity of their encoding.
  'UN_sequence.dcm': NO_CLASS,
  'charset_files/chrSQEncoding.dcm': NO_CLASS,
  'charset_files/chrSQEncoding1.dcm': NO_CLASS,
  'empty_charset_LEI.dcm': NO_CLASS,
  'meta_missing_tsyntax.dcm': NO_CLASS,
  'nested_priv_SQ.dcm': NO_CLASS,
  'no_meta.dcm': NO_CLASS,
  'no_meta_group_length.dcm': NO_CLASS,
  'priv_SQ.dcm': NO_CLASS,
};
/** Indexes of media: no storage class, so no Presentation Context is accepted for them. */
const DICOMDIRS: readonly string[] = [
  'dicomdirtests/DICOMDIR',
  'dicomdirtests/DICOMDIR-bigEnd',
  'dicomdirtests/DICOMDIR-empty.dcm',
  'dicomdirtests/DICOMDIR-implicit',
  'dicomdirtests/DICOMDIR-nooffset',
  'dicomdirtests/DICOMDIR-nopatient',
  'dicomdirtests/DICOMDIR-reordered',
  'dicomdirtests/TINY_ALPHA/DICOMDIR',
];
/** Their File Meta Information names another instance than the Data Set; senders that believe it are told so. */
const CONTRADICTORY: readonly string[] = [
  'badVR.dcm',
  'charset_files/chrJapMulti.dcm',
  'charset_files/chrJapMultiExplicitIR6.dcm',
  'rtdose.dcm',
  'rtdose_1frame.dcm',
  'rtdose_expb.dcm',
  'rtdose_expb_1frame.dcm',
  'rtplan.dcm',
  'rtplan_truncated.dcm',
];

const corpus = listCorpus();
const objects = new Map<string, CorpusObject>();
beforeAll(async () => {
  for (const { name, bytes } of corpus)
    objects.set(name, await readCorpusObject(bytes, UNSTATED_SYNTAXES[name] ?? EXPLICIT_LITTLE_ENDIAN));
});

function objectOf(name: string): CorpusObject {
  const found = objects.get(name);
  if (found === undefined) throw new Error(`no file ${name} in the corpus`);
  return found;
}

describe.runIf(corpus.length > 0)('real files', () => {
  describe('sent byte for byte', () => {
    let site: Site;
    beforeAll(async () => {
      site = await createSite();
      await site.start();
    });
    afterAll(() => site.close());

    it('are stored byte for byte, or refused for a reason that is known', async () => {
      const answers = await sendEach(site);
      const storable = corpus.filter(({ name }) => answers.get(name) === 'Success');
      const others = [...answers].filter(([, answer]) => answer !== 'Success');
      expect(Object.fromEntries(others)).toEqual({
        ...Object.fromEntries(Object.entries(REFUSED).map(([name, why]) => [name, `c000 ${why}`])),
        ...Object.fromEntries(DICOMDIRS.map((name) => [name, 'no Presentation Context'])),
      });

      await expectNothingIncoming(site);
      const sent = storable.map(({ name }) => {
        const { own, dataSet, transferSyntaxUid } = objectOf(name);
        return [own?.sopInstanceUid, transferSyntaxUid, sha256(dataSet)].join(' ');
      });
      expect(await linesStored(site)).toEqual([...new Set(sent)].sort());
    });

    it.each(CONTRADICTORY)('%s is refused under the UID of its File Meta Information', async (name) => {
      const { meta, own, dataSet, transferSyntaxUid } = objectOf(name);
      expect(meta.sopInstanceUid).not.toBe(own?.sopInstanceUid);
      const object = toSend(name, { transferSyntaxUid, dataSet, own: undefined, meta });
      const [answer] = (await send(site, [object])).values();
      expect(answer).toBe(MATCHES_NOT);
      await expectNothingIncoming(site);
    });
  });

  describe.skipIf(!arePeersInstalled('storescu'))('sent by storescu', () => {
    let site: Site;
    beforeAll(async () => {
      site = await createSite();
      await site.start();
    });
    afterAll(() => site.close());

    it('are stored as DCMTK sent them', async () => {
      const tap = await startWireRecorder(site.daemon.dimse);
      for (const [syntax, flag] of Object.entries(STORESCU_FLAGS)) {
        const files = corpus.filter(
          ({ name }) => !DICOMDIRS.includes(name) && objectOf(name).transferSyntaxUid === syntax,
        );
        // What DCMTK cannot read it leaves out, with an exit code that says so.
        await runPeer('storescu', [
          ...['-nh', '-R', flag, '-aec', CALLED_AE, '127.0.0.1', String(tap.port)],
          ...files.map((file) => file.path),
        ]);
      }
      await tap.close();
      const sent = tap.takeStores();
      process.stdout.write(`storescu sent ${sent.length} of ${corpus.length} files\n`);
      expect(sent.length).toBeGreaterThan(corpus.length / 2);
      await expectNothingIncoming(site);
      const lines = sent.map((store) =>
        [store.sopInstanceUid, store.transferSyntaxUid, store.dataSetSha256].join(' '),
      );
      expect(await linesStored(site)).toEqual([...new Set(lines)].sort());
      expect(site.daemon.log.filter(({ msg }) => msg === 'C-STORE refused')).toEqual([]);
    });
  });
});

/** What makes storescu propose a syntax, by Transfer Syntax UID. */
const STORESCU_FLAGS: Readonly<Record<string, string>> = {
  [IMPLICIT_LITTLE_ENDIAN]: '-xi',
  [EXPLICIT_LITTLE_ENDIAN]: '-xe',
  [EXPLICIT_BIG_ENDIAN]: '-xb',
  '1.2.840.10008.1.2.1.99': '-xd',
  '1.2.840.10008.1.2.4.50': '-xy',
  '1.2.840.10008.1.2.4.51': '-xx',
  '1.2.840.10008.1.2.4.70': '-xs',
  '1.2.840.10008.1.2.4.80': '-xt',
  '1.2.840.10008.1.2.4.81': '-xu',
  '1.2.840.10008.1.2.4.90': '-xv',
  '1.2.840.10008.1.2.4.91': '-xw',
  '1.2.840.10008.1.2.5': '-xr',
};

/** A sender takes the UIDs from the Data Set, or else from the File Meta Information; where there are none it makes them up. */
function toSend(name: string, { own, meta, dataSet, transferSyntaxUid }: CorpusObject): ObjectToSend {
  const madeUp = `2.25.${BigInt(`0x${sha256(Buffer.from(name)).slice(0, 24)}`)}`;
  return {
    sopClassUid: own?.sopClassUid ?? meta.sopClassUid ?? CT_IMAGE_STORAGE,
    sopInstanceUid: own?.sopInstanceUid ?? meta.sopInstanceUid ?? madeUp,
    transferSyntaxUid,
    readDataSet: () => dataSet,
  };
}

/** @returns the DIMSE Status of each object that was answered. */
async function send(
  site: Site,
  toBeSent: readonly ObjectToSend[],
): Promise<ReadonlyMap<ObjectToSend, number>> {
  const answers = new Map<ObjectToSend, number>();
  await storeObjects({
    ...site.daemon.dimse,
    callingAeTitle: 'CORPUS',
    calledAeTitle: CALLED_AE,
    objects: toBeSent,
    onResponse: (object, status) => answers.set(object, status),
  });
  return answers;
}

/** Sends every file, each over its own Association. @returns how each was answered, by name. */
async function sendEach(site: Site): Promise<ReadonlyMap<string, string>> {
  const answers = new Map<string, string>();
  for (const { name } of corpus) {
    const logged = site.daemon.log.length;
    const [status] = (await send(site, [toSend(name, objectOf(name))])).values();
    if (status === undefined) answers.set(name, 'no Presentation Context');
    else if (status === 0) answers.set(name, 'Success');
    else {
      const line = await site.daemon.logged(
        (one) => one.msg === 'C-STORE refused' && site.daemon.log.indexOf(one) >= logged,
      );
      answers.set(name, `${status.toString(16)} ${String(line.comment)}`);
    }
  }
  return answers;
}

/** Real files share UIDs although their bytes differ: all are kept, one of each UID in the object store. */
async function linesStored(site: Site): Promise<readonly string[]> {
  const dataDir = path.join(site.folder, 'data');
  const kept = [...(await readObjectFolder(dataDir)), ...(await readConflictFolder(dataDir))];
  expect(kept.every(({ customer }) => customer === CUSTOMER)).toBe(true);
  return kept
    .map((object) => [object.sopInstanceUid, object.transferSyntaxUid, object.dataSetSha256].join(' '))
    .sort();
}

async function expectNothingIncoming(site: Site): Promise<void> {
  await waitUntil('no reception under way', async () =>
    (await listIncoming(path.join(site.folder, 'data'))).length === 0 ? true : undefined,
  );
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
