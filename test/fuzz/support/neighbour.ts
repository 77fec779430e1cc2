import { createHash } from 'node:crypto';

import { connectScriptedPeer, dataSetPdus, storeRq } from '../../support/scripted-peer.ts';
import { syntheticCt } from '../../support/data-sets.ts';
import type { CountingIntake } from './counting-intake.ts';

/** A well-behaved modality that sends on and on while others misbehave. */
export interface Neighbour {
  /** Ends after the transfer under way. @returns how many were made. @throws Error where one went wrong. */
  stop(): Promise<number>;
}

/** Starts sending objects of about half a megabyte, each on an Association of its own, and compares their digests. */
export function startNeighbour(port: number, intake: CountingIntake): Neighbour {
  const { dataSet } = syntheticCt({ rows: 512, columns: 512 });
  const digest = createHash('sha256').update(dataSet).digest('hex');
  let transfers = 0;
  let isStopping = false;
  // Read only in `stop`: a failure on the way must not count as unhandled.
  const work = run().then(
    () => undefined,
    (error: unknown) => ({ error }),
  );

  async function run(): Promise<void> {
    do {
      const sopInstanceUid = `2.25.777.${transfers}`;
      const arrived = intake.awaitDigest(sopInstanceUid);
      const peer = await connectScriptedPeer(port);
      await peer.associate();
      peer.send(storeRq({ messageId: 7, sopInstanceUid }), dataSetPdus(dataSet));
      const { status, messageId } = await peer.response();
      if (status !== 0 || messageId !== 7) throw new Error(`answered ${status} to message ${messageId}`);
      if ((await arrived) !== digest) throw new Error('the bytes are not those that were sent');
      await peer.release();
      transfers += 1;
    } while (!isStopping);
  }

  return {
    async stop() {
      isStopping = true;
      const failure = await work;
      if (failure) throw new Error('the transfer beside was disturbed', { cause: failure.error });
      return transfers;
    },
  };
}
