import type { CaptureIntake, CaptureOutcome } from '../ports/capture-intake.ts';
import type { Intake } from '../ports/intake.ts';
import { SourceReader } from './source-reader.ts';
import { takeObject } from './take-object.ts';

let uploads = 0;

/**
 * Takes captures of Avara's viewer through the one intake. What the upload must be is checked before it is kept. It
 * counts as an HTTP upload (`stow`) whose calling application is the viewer.
 */
export function createCaptureIntake({ intake }: { readonly intake: Intake }): CaptureIntake {
  return {
    async take({ study, seriesInstanceUid, sopInstanceUid }, body, peerAddress): Promise<CaptureOutcome> {
      const intakeId = `capture-${++uploads}`;
      const reader = await SourceReader.open({
        async *read() {
          yield await Promise.resolve(body);
        },
      });
      try {
        const outcome = await takeObject({
          intake: {
            ...intake,
            begin: (origin, declared) =>
              intake.begin(origin, {
                ...declared,
                within: {
                  studyInstanceUid: study.studyInstanceUid,
                  ...(seriesInstanceUid !== undefined && { seriesInstanceUid }),
                  ...(sopInstanceUid !== undefined && { sopInstanceUid }),
                },
              }),
          },
          origin: {
            source: 'stow',
            customer: study.customer,
            intakeId,
            ...(peerAddress !== undefined && { peerAddress }),
          },
          reader,
          isUnchanged: () => Promise.resolve(true),
        });
        switch (outcome.kind) {
          case 'stored':
          case 'duplicate':
          case 'conflict':
            return { kind: outcome.kind, sopInstanceUid: outcome.key.sopInstanceUid };
          case 'rejected':
            return {
              kind: 'refused',
              reason:
                outcome.code === 'damaged'
                  ? 'It is not of the study, series and instance that this URL is for, or it is damaged.'
                  : outcome.reason,
            };
          case 'postponed':
            return { kind: 'unavailable', reason: outcome.reason };
          case 'changed':
            return { kind: 'refused', reason: 'The upload changed while it was read.' };
        }
      } finally {
        await reader.close();
        intake.intakeEnded(intakeId);
      }
    },
  };
}
