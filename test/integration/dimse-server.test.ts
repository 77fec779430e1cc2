import { afterEach, expect, test } from 'vitest';

import { createDimseServer } from '../../src/dimse/server.ts';
import { admitCityMedical, startDimseServer } from '../support/dimse-server.ts';
import type { RunningDimseServer } from '../support/dimse-server.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryIntake } from '../support/memory-intake.ts';
import { createRecordingLogger } from '../support/recording-logger.ts';
import { connectScriptedPeer, dataSetPdus, echoRq, storeRq } from '../support/scripted-peer.ts';
import { waitUntil } from '../support/wait-until.ts';

let running: RunningDimseServer | undefined;
afterEach(async () => {
  await running?.server.close();
  running = undefined;
});

const port = (): number => running?.port ?? 0;

test.each([
  ['maxAssociations', 0],
  ['maxPduLengthBytes', 100],
  ['artimTimeoutMs', Number.NaN],
])('%s of %d is refused at construction', (name, value) => {
  const create = () =>
    createDimseServer({
      admit: admitCityMedical,
      intake: createMemoryIntake(),
      logger: createRecordingLogger(),
      clock: createFakeClock(),
      [name]: value,
    });
  expect(create).toThrow(RangeError);
  expect(create).toThrow(name);
});

test('a port that is taken is an error of listen', async () => {
  running = await startDimseServer();
  await expect(startDimseServer({ port: running.port })).rejects.toThrow('EADDRINUSE');
});

test('the socket is tuned when it is accepted and after each read', async () => {
  let calls = 0;
  running = await startDimseServer({ tuneSocket: () => (calls += 1) });
  const peer = await connectScriptedPeer(running.port);
  await peer.associate();
  expect(calls).toBe(2);
  peer.send(echoRq());
  await peer.response();
  expect(calls).toBe(3);
});

test('connections beyond all that may wait are closed unheard, and that is logged once', async () => {
  const clock = createFakeClock();
  running = await startDimseServer({ maxAssociations: 1, maxPendingConnections: 1, clock });
  const admitted = await connectScriptedPeer(running.port);
  await admitted.associate();
  const waiting = await connectScriptedPeer(running.port);
  for (let extra = 0; extra < 3; extra += 1) {
    const dropped = await connectScriptedPeer(running.port);
    expect(await dropped.closed()).toEqual([]);
  }
  clock.advance(1000);
  expect(running.logger.messages('warn')).toEqual(['too many connections, closed unheard']);
  admitted.send(echoRq());
  expect((await admitted.response()).status).toBe(0);
  admitted.destroy();
  waiting.destroy();
  const closed = running.server.close();
  await clock.advanceAsync(1000);
  await closed;
  running = undefined;
});

test('connections of one peer that say nothing leave room for its Associations to come, up to its share', async () => {
  running = await startDimseServer({ maxPendingConnections: 40, maxPendingConnectionsPerPeer: 3 });
  const silent = await Promise.all([1, 2, 3].map(() => connectScriptedPeer(port())));
  const beyond = await connectScriptedPeer(port());
  expect(await beyond.closed()).toEqual([]);
  silent[0]?.destroy();
  await waitUntil('the connection is gone', () =>
    running?.server.associations().length === 2 ? true : undefined,
  );
  const peer = await connectScriptedPeer(port());
  await peer.associate();
  // An Association that is up takes nothing of the share.
  const next = await connectScriptedPeer(port());
  await next.associate();
  await Promise.all([peer.release(), next.release()]);
});

test('a further service is negotiated and served beside the others', async () => {
  running = await startDimseServer({
    services: [
      {
        commandField: 0x0030,
        supportsAbstractSyntax: (uid) => uid === '1.2.840.10008.5.1.4.1.1.2',
        begin: () => ({
          write: () => undefined,
          finish: () => ({ status: 'out-of-resources', errorComment: 'served by the further one' }),
          abort: () => Promise.resolve(),
        }),
      },
    ],
  });
  const peer = await connectScriptedPeer(running.port);
  await peer.associate();
  peer.send(echoRq(1, 1));
  expect(await peer.response()).toMatchObject({ status: 0xa700, errorComment: 'served by the further one' });
});

test('associations() shows what is going on', async () => {
  running = await startDimseServer();
  const peer = await connectScriptedPeer(running.port);
  await peer.associate();
  peer.send(storeRq(), dataSetPdus(Buffer.alloc(1000)));
  await peer.response();
  expect(running.server.associations()).toMatchObject([
    {
      peerAddress: '127.0.0.1',
      callingAeTitle: 'CT1',
      calledAeTitle: 'CITYMED',
      state: 'Sta6',
      objects: 1,
      bytes: 1000,
    },
  ]);
});
