import fc from 'fast-check';
import { expect, test } from 'vitest';

import { readPdu } from './reader.ts';
import type { Pdu, UserInformation } from './types.ts';
import { writePdu } from './writer.ts';

const LIMITS = { maxAssociatePduBytes: 1024 * 1024, maxPDataTfBytes: 0 };

const byte = fc.nat(255);
const uint16 = fc.nat(0xffff);
const uid = fc
  .array(fc.nat(999_999), { minLength: 1, maxLength: 8 })
  .map((components) => components.join('.'));
const title = fc.stringMatching(/^[\x21-\x7e]{1,16}$/).map((text) => text.padEnd(16));
const buffer = (size: fc.SizeForArbitrary | undefined, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength, ...(size !== undefined && { size }) }).map((bytes) => Buffer.from(bytes));

const userInformation: fc.Arbitrary<UserInformation> = fc.record(
  {
    maximumLengthReceived: fc.nat(0xffffffff),
    implementationClassUid: uid,
    implementationVersionName: fc.stringMatching(/^[\x21-\x7e]{1,16}$/),
    asynchronousOperationsWindow: fc.record({
      maximumNumberOperationsInvoked: uint16,
      maximumNumberOperationsPerformed: uint16,
    }),
    roleSelections: fc.array(fc.record({ sopClassUid: uid, scuRole: fc.boolean(), scpRole: fc.boolean() })),
    extendedNegotiations: fc.array(
      fc.record({ sopClassUid: uid, serviceClassApplicationInformation: buffer(undefined, 20) }),
    ),
    commonExtendedNegotiations: fc.array(
      fc.record({ sopClassUid: uid, serviceClassUid: uid, relatedGeneralSopClassUids: fc.array(uid) }),
    ),
    userIdentity: fc.record({
      userIdentityType: byte,
      positiveResponseRequested: fc.boolean(),
      primaryField: buffer(undefined, 100),
      secondaryField: buffer(undefined, 100),
    }),
    userIdentityResponse: buffer(undefined, 100),
  },
  { requiredKeys: ['roleSelections', 'extendedNegotiations', 'commonExtendedNegotiations'] },
);

const associateFields = {
  protocolVersion: uint16,
  calledAeTitleField: title,
  callingAeTitleField: title,
  reserved: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
  applicationContextName: uid,
  userInformation,
};
const contextIds = fc.uniqueArray(
  fc.nat(127).map((n) => n * 2 + 1),
  { maxLength: 128, size: 'medium' },
);

const pdu: fc.Arbitrary<Pdu> = fc.oneof(
  fc.record({
    type: fc.constant('A-ASSOCIATE-RQ' as const),
    ...associateFields,
    presentationContexts: contextIds.chain((ids) =>
      fc.tuple(
        ...ids.map((id) =>
          fc.record({
            id: fc.constant(id),
            abstractSyntaxUid: uid,
            transferSyntaxUids: fc.array(uid, { maxLength: 6 }),
          }),
        ),
      ),
    ),
  }),
  fc.record({
    type: fc.constant('A-ASSOCIATE-AC' as const),
    ...associateFields,
    presentationContexts: contextIds.chain((ids) =>
      fc.tuple(...ids.map((id) => fc.record({ id: fc.constant(id), result: byte, transferSyntaxUid: uid }))),
    ),
  }),
  fc.record({
    type: fc.constant('A-ASSOCIATE-RJ' as const),
    result: byte,
    source: byte,
    reason: byte,
  }),
  fc.record({
    type: fc.constant('P-DATA-TF' as const),
    presentationDataValues: fc.array(
      fc.record({
        presentationContextId: byte,
        isCommand: fc.boolean(),
        isLastFragment: fc.boolean(),
        fragment: buffer(undefined, 300),
      }),
      { minLength: 1 },
    ),
  }),
  fc.record({ type: fc.constantFrom('A-RELEASE-RQ' as const, 'A-RELEASE-RP' as const) }),
  fc.record({ type: fc.constant('A-ABORT' as const), source: byte, reason: byte }),
);

test('what is written reads back as the same PDU', () => {
  fc.assert(
    fc.property(pdu, (value) => {
      const bytes = writePdu(value);
      expect(readPdu(bytes, LIMITS)).toEqual({ kind: 'pdu', pdu: value, consumedBytes: bytes.length });
    }),
  );
});

test('whatever reads as a PDU is written and read again as the same', () => {
  fc.assert(
    fc.property(pdu, fc.nat(), byte, (value, position, replacement) => {
      const bytes = writePdu(value);
      bytes[position % bytes.length] = replacement;
      const damaged = readPdu(bytes, LIMITS);
      if (damaged.kind !== 'pdu') return;
      const again = writePdu(damaged.pdu);
      expect(readPdu(again, LIMITS)).toEqual({ kind: 'pdu', pdu: damaged.pdu, consumedBytes: again.length });
    }),
    { numRuns: 500 },
  );
});

test('arbitrary bytes never do worse than being refused', () => {
  fc.assert(
    fc.property(fc.nat(8), buffer('large', 2000), (pduType, rest) => {
      const bytes = Buffer.concat([
        Buffer.from([pduType, 0, 0, 0, rest.length >> 8, rest.length & 0xff]),
        rest,
      ]);
      expect(['pdu', 'invalid']).toContain(readPdu(bytes, LIMITS).kind);
    }),
    { numRuns: 500 },
  );
});
