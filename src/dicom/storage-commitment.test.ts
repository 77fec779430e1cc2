import { describe, expect, it } from 'vitest';

import { createDataSetBuilder } from '../../test/support/data-set-builder.ts';
import type { DataSetBuilder } from '../../test/support/data-set-builder.ts';
import {
  ActionInformationError,
  commitmentEventType,
  readCommitmentAction,
  writeCommitmentEvent,
} from './storage-commitment.ts';
import { uid } from './uid.ts';

const ENCODINGS = [
  ['Implicit VR Little Endian', { explicitVr: false, littleEndian: true }],
  ['Explicit VR Little Endian', { explicitVr: true, littleEndian: true }],
  ['Explicit VR Big Endian', { explicitVr: true, littleEndian: false }],
] as const;
const CT = uid('1.2.840.10008.5.1.4.1.1.2');
const EXPLICIT = ENCODINGS[1][1];

const transaction = (build: DataSetBuilder, value = '2.25.99'): Buffer =>
  build.element(0x00081195, 'UI', value);
const reference = (build: DataSetBuilder, instance: string, undefinedLength = false): Buffer =>
  build.item(
    [
      build.element(0x00081150, 'UI', CT),
      build.element(0x00081155, 'UI', instance),
      // The requestor may say where it keeps the object; that is no reference of its own.
      build.element(0x00880130, 'SH', 'DISK1'),
    ],
    undefinedLength,
  );
function faultOf(action: Buffer, maxReferences = 10): string {
  try {
    readCommitmentAction(action, EXPLICIT, maxReferences);
  } catch (error) {
    if (error instanceof ActionInformationError) return `${error.fault}: ${error.message}`;
    throw error;
  }
  return 'none';
}

describe.each(ENCODINGS)('in %s', (_name, encoding) => {
  const build = createDataSetBuilder(encoding);

  it.each([false, true])('reads an Action Information, undefined lengths: %s', (undefinedLength) => {
    const items = [reference(build, '2.25.1', undefinedLength), reference(build, '2.25.2', undefinedLength)];
    const study = build.item([reference(build, '2.25.3').subarray(8)], undefinedLength);
    const action = Buffer.concat([
      // Retired; an item of it must not count as a reference.
      build.sequence(0x00081111, [study], undefinedLength),
      transaction(build),
      build.sequence(0x00081199, items, undefinedLength),
    ]);
    expect(readCommitmentAction(action, encoding, 10)).toEqual({
      transactionUid: '2.25.99',
      references: [
        { sopClassUid: CT, sopInstanceUid: '2.25.1' },
        { sopClassUid: CT, sopInstanceUid: '2.25.2' },
      ],
    });
  });

  it('writes an Event Information with both sequences', () => {
    const event = {
      transactionUid: uid('2.25.99'),
      committed: [{ sopClassUid: CT, sopInstanceUid: uid('2.25.1') }],
      failed: [
        { sopClassUid: CT, sopInstanceUid: uid('2.25.22'), reason: 'no-such-object-instance' as const },
      ],
    };
    expect(commitmentEventType(event)).toBe(2);
    expect(writeCommitmentEvent(event, encoding)).toEqual(
      Buffer.concat([
        transaction(build),
        build.sequence(0x00081198, [
          build.item([
            build.element(0x00081150, 'UI', CT),
            build.element(0x00081155, 'UI', '2.25.22'),
            build.element(0x00081197, 'US', build.number16(0x0112)),
          ]),
        ]),
        build.sequence(0x00081199, [
          build.item([build.element(0x00081150, 'UI', CT), build.element(0x00081155, 'UI', '2.25.1')]),
        ]),
      ]),
    );
  });
});

describe('an Action Information that cannot be acted on', () => {
  const build = createDataSetBuilder(EXPLICIT);
  const one = build.sequence(0x00081199, [reference(build, '2.25.1')]);

  it.each<[string, Buffer, string]>([
    ['no Transaction UID', one, 'missing-attribute: no Transaction UID'],
    [
      'an empty Transaction UID',
      Buffer.concat([transaction(build, ''), one]),
      'missing-attribute: no Transaction UID',
    ],
    [
      'a Transaction UID that is none',
      Buffer.concat([transaction(build, 'abc'), one]),
      'invalid-value: Transaction UID is no UID',
    ],
    ['no references', transaction(build), 'missing-attribute: no Referenced SOP Sequence or any item of it'],
    [
      'an empty sequence',
      Buffer.concat([transaction(build), build.sequence(0x00081199, [])]),
      'missing-attribute: no Referenced SOP Sequence or any item of it',
    ],
    [
      'a reference without its instance',
      Buffer.concat([
        transaction(build),
        build.sequence(0x00081199, [
          reference(build, '2.25.1'),
          build.item([build.element(0x00081150, 'UI', CT)]),
        ]),
      ]),
      'missing-attribute: no Referenced SOP Instance UID of reference 2',
    ],
    [
      'a sequence that is cut off',
      Buffer.concat([transaction(build), one]).subarray(0, -4),
      'invalid-value: (0008,1199) of 70 bytes runs past the 66 bytes left',
    ],
  ])('%s', (_name, action, fault) => {
    expect(faultOf(action)).toBe(fault);
  });

  it('more references than allowed', () => {
    const items = ['2.25.1', '2.25.2', '2.25.3'].map((instance) => reference(build, instance));
    const action = Buffer.concat([transaction(build), build.sequence(0x00081199, items)]);
    expect(faultOf(action, 3)).toBe('none');
    expect(faultOf(action, 2)).toBe('too-many-references: more than 2 references');
  });

  it('sequences nested without end', () => {
    let nested = build.sequence(0x00089999, []);
    for (let depth = 0; depth < 1000; depth += 1) nested = build.sequence(0x00089999, [build.item([nested])]);
    expect(faultOf(nested)).toContain('nested more than 16 deep');
  });

  it.each([...one.keys()])('any cut-off at byte %i is refused without a crash', (end) => {
    expect(faultOf(Buffer.concat([transaction(build), one.subarray(0, end)]))).not.toBe('none');
  });
});
