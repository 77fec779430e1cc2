import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** One C-STORE as it went over the wire. */
export interface RecordedStore {
  readonly sopInstanceUid: string;
  /** Accepted for the Presentation Context that it was sent on. */
  readonly transferSyntaxUid: string;
  readonly dataSetBytes: number;
  readonly dataSetSha256: string;
}

export interface WireRecorder {
  /** Where senders connect to. */
  readonly port: number;
  /** Everything that was sent in full since the last call. */
  takeStores(): readonly RecordedStore[];
  close(): Promise<void>;
}

const PDU_HEADER_BYTES = 6;
const P_DATA_TF = 0x04;
const ASSOCIATE_AC = 0x02;
const AFFECTED_SOP_INSTANCE_UID = 0x1000;

/**
 * A wire tap between senders and an acceptor: passes every byte on, and reads along which Data Sets went by. It shares
 * no code with the acceptor, and knows just enough of PS3.8 9.3 for well-behaved peers.
 */
export async function startWireRecorder(target: { host: string; port: number }): Promise<WireRecorder> {
  let stores: RecordedStore[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ ...target, allowHalfOpen: true, noDelay: true });
    const contexts = new Map<number, string>();
    pass(near, far, createPduSplitter(createStoreReader(contexts, (store) => stores.push(store))));
    pass(
      far,
      near,
      createPduSplitter((type, body) => {
        if (type === ASSOCIATE_AC) readAcceptedContexts(body, contexts);
      }),
    );
  });

  function pass(from: Socket, to: Socket, look: (chunk: Buffer) => void): void {
    sockets.add(from);
    from.on('data', (chunk: Buffer) => {
      look(chunk);
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => sockets.delete(from));
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    takeStores() {
      const taken = stores;
      stores = [];
      return taken;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Cuts a stream into PDUs. */
function createPduSplitter(onPdu: (type: number, body: Buffer) => void): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0);
  return (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      if (held.length < PDU_HEADER_BYTES) return;
      const end = PDU_HEADER_BYTES + held.readUInt32BE(2);
      if (held.length < end) return;
      onPdu(held.readUInt8(0), held.subarray(PDU_HEADER_BYTES, end));
      held = held.subarray(end);
    }
  };
}

/** PS3.8 9.3.3: fixed fields of 68 bytes, then items of a type, a reserved byte and a length. */
function readAcceptedContexts(body: Buffer, contexts: Map<number, string>): void {
  for (let at = 68; at < body.length; at += 4 + body.readUInt16BE(at + 2)) {
    const isContext = body.readUInt8(at) === 0x21;
    if (!isContext || body.readUInt8(at + 6) !== 0) continue;
    const syntaxAt = at + 8;
    const syntaxEnd = syntaxAt + 4 + body.readUInt16BE(syntaxAt + 2);
    contexts.set(body.readUInt8(at + 4), body.toString('latin1', syntaxAt + 4, syntaxEnd));
  }
}

/** Puts the PDVs of P-DATA-TF PDUs (PS3.8 9.3.5) together to commands and Data Sets. */
function createStoreReader(
  contexts: ReadonlyMap<number, string>,
  onStore: (store: RecordedStore) => void,
): (type: number, body: Buffer) => void {
  let command: Buffer = Buffer.alloc(0);
  let digest = createHash('sha256');
  let dataSetBytes = 0;
  return (type, body) => {
    if (type !== P_DATA_TF) return;
    for (let at = 0; at < body.length;) {
      const end = at + 4 + body.readUInt32BE(at);
      const contextId = body.readUInt8(at + 4);
      const messageControlHeader = body.readUInt8(at + 5);
      const fragment = body.subarray(at + 6, end);
      at = end;
      const isCommand = (messageControlHeader & 1) !== 0;
      const isLast = (messageControlHeader & 2) !== 0;
      if (isCommand) {
        command = Buffer.concat([command, fragment]);
        // A command without a Data Set (C-ECHO) has no instance, and is followed by the next command.
        if (isLast && commandUid(command, AFFECTED_SOP_INSTANCE_UID) === undefined) command = Buffer.alloc(0);
        continue;
      }
      digest.update(fragment);
      dataSetBytes += fragment.length;
      if (!isLast) continue;
      onStore({
        sopInstanceUid: commandUid(command, AFFECTED_SOP_INSTANCE_UID) ?? '',
        transferSyntaxUid: contexts.get(contextId) ?? '',
        dataSetBytes,
        dataSetSha256: digest.digest('hex'),
      });
      command = Buffer.alloc(0);
      digest = createHash('sha256');
      dataSetBytes = 0;
    }
  };
}

/** A UID of group 0000, which is in Implicit VR Little Endian (PS3.7 6.3.1). */
function commandUid(command: Buffer, element: number): string | undefined {
  for (let at = 0; at + 8 <= command.length; at += 8 + command.readUInt32LE(at + 4)) {
    if (command.readUInt16LE(at + 2) !== element) continue;
    return command.toString('latin1', at + 8, at + 8 + command.readUInt32LE(at + 4)).replace(/[\0 ]+$/, '');
  }
  return undefined;
}
