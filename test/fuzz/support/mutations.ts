import fc from 'fast-check';

import { bodyLength, copyNode, leaf, LEVELS, placesOf, readWireTree, writeNode } from './wire-tree.ts';
import type { Level, Node, Place } from './wire-tree.ts';

/** One change; numbers that choose something are taken modulo what there is to choose from. */
export type Mutation = {
  readonly level: Level;
  readonly at: number;
} & (
  | { readonly kind: 'delete' }
  | { readonly kind: 'duplicate'; readonly times: number }
  | { readonly kind: 'swap'; readonly with: number }
  | { readonly kind: 'move'; readonly to: number }
  | { readonly kind: 'insert'; readonly bytes: readonly number[] }
  | { readonly kind: 'graft'; readonly from: number; readonly pick: number }
  | { readonly kind: 'lie'; readonly length: number }
  | { readonly kind: 'lie-by'; readonly by: number }
  | { readonly kind: 'retype'; readonly byte: number; readonly value: number }
  | { readonly kind: 'set-byte'; readonly byte: number; readonly value: number }
  | { readonly kind: 'resize'; readonly length: number }
);

/** How the peer ends: by closing its side, by staying silently, by a reset, or after its words without waiting. */
export type Ending = 'half-close' | 'stay' | 'reset';

export interface HostileCase {
  readonly recording: string;
  readonly mutations: readonly Mutation[];
  /** Single bytes of the finished stream. */
  readonly edits: readonly { readonly at: number; readonly value: number }[];
  /** Where the stream is cut off, as a share of its length; undefined: nowhere. */
  readonly cutAt: number | undefined;
  /** Where it is split into separate writes, as shares of its length. */
  readonly splits: readonly number[];
  readonly ending: Ending;
}

/** Bytes that no requestor made. */
export interface RandomCase {
  readonly recording: 'random';
  readonly bytes: readonly number[];
  readonly splits: readonly number[];
  readonly ending: Ending;
}

const byte = fc.nat(255);
const share = fc.double({ min: 0, max: 1, noNaN: true });
const LENGTHS = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0x7fff, 0xffff, 0x1_0000, 0x2_0001, 0x7fff_ffff, 0xffff_ffff,
];
/** Bytes that mean something somewhere: PDU types, item types, flags, halves of status and command numbers. */
const TELLING_BYTES = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0x20, 0x21, 0x30, 0x40, 0x50, 0x51, 0x58, 0x80, 0xfe, 0xff,
];
const tellingByte = fc.oneof(fc.constantFrom(...TELLING_BYTES), byte);

const mutation: fc.Arbitrary<Mutation> = fc
  .tuple(
    fc.record({ level: fc.constantFrom(...LEVELS), at: fc.nat(400) }),
    fc.oneof(
      fc.record({ kind: fc.constant('delete' as const) }),
      fc.record({ kind: fc.constant('duplicate' as const), times: fc.integer({ min: 1, max: 140 }) }),
      fc.record({ kind: fc.constant('swap' as const), with: fc.nat(400) }),
      fc.record({ kind: fc.constant('move' as const), to: fc.nat(400) }),
      fc.record({ kind: fc.constant('insert' as const), bytes: fc.array(tellingByte, { maxLength: 40 }) }),
      fc.record({ kind: fc.constant('graft' as const), from: fc.nat(50), pick: fc.nat(400) }),
      fc.record({
        kind: fc.constant('lie' as const),
        length: fc.oneof(fc.constantFrom(...LENGTHS), fc.nat(0xffff_ffff)),
      }),
      fc.record({ kind: fc.constant('lie-by' as const), by: fc.integer({ min: -9, max: 9 }) }),
      fc.record({ kind: fc.constant('retype' as const), byte: fc.nat(3), value: tellingByte }),
      fc.record({ kind: fc.constant('set-byte' as const), byte: fc.nat(70), value: tellingByte }),
      fc.record({
        kind: fc.constant('resize' as const),
        length: fc.oneof(fc.nat(12), fc.constantFrom(16, 63, 64, 65, 1000, 70_000)),
      }),
    ),
  )
  .map(([where, what]) => ({ ...where, ...what }));

const ending: fc.Arbitrary<Ending> = fc.oneof(
  { weight: 12, arbitrary: fc.constant('half-close' as const) },
  { weight: 2, arbitrary: fc.constant('reset' as const) },
  // Each of these waits for a timer of the acceptor.
  { weight: 1, arbitrary: fc.constant('stay' as const) },
);
const splits = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  { weight: 3, arbitrary: fc.array(share, { minLength: 1, maxLength: 6 }) },
);

/** Mutated Associations, and now and then plain noise. @param names of the recordings to start from. */
export function hostileCase(names: readonly string[]): fc.Arbitrary<HostileCase | RandomCase> {
  return fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        recording: fc.constantFrom(...names),
        mutations: fc.array(mutation, { maxLength: 4 }),
        edits: fc.oneof(
          { weight: 3, arbitrary: fc.constant([]) },
          {
            weight: 1,
            arbitrary: fc.array(fc.record({ at: fc.nat(), value: tellingByte }), { maxLength: 3 }),
          },
        ),
        cutAt: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: share }),
        splits,
        ending,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        recording: fc.constant('random' as const),
        bytes: fc.array(tellingByte, { maxLength: 400, size: 'max' }),
        splits,
        ending,
      }),
    },
  );
}

/** Longest stream that a case may grow to: duplicates of duplicates are many. */
const MAX_STREAM_BYTES = 4 * 1024 * 1024;

/** The bytes of a case. @param recordings by name. */
export function bytesOfCase(
  hostile: HostileCase | RandomCase,
  recordings: ReadonlyMap<string, Buffer>,
): Buffer {
  if ('bytes' in hostile) return Buffer.from(hostile.bytes);
  const tree = readWireTree(recordings.get(hostile.recording) ?? Buffer.alloc(0));
  const others = [...recordings.values()];
  for (const change of hostile.mutations) applyMutation(tree, change, others);
  let stream = Buffer.concat(tree.map(writeNode));
  if (stream.length > MAX_STREAM_BYTES) stream = stream.subarray(0, MAX_STREAM_BYTES);
  for (const { at, value } of hostile.edits) {
    if (stream.length > 0) stream.writeUInt8(value, at % stream.length);
  }
  return hostile.cutAt === undefined ? stream : stream.subarray(0, Math.floor(stream.length * hostile.cutAt));
}

/** The writes that a stream goes out in. */
export function piecesOf(stream: Buffer, shares: readonly number[]): readonly Buffer[] {
  const cuts = [
    0,
    ...shares.map((part) => Math.floor(part * stream.length)).sort((a, b) => a - b),
    stream.length,
  ];
  return cuts.slice(1).map((end, index) => stream.subarray(cuts[index], end));
}

function pick<T>(from: readonly T[], at: number): T | undefined {
  return from[at % Math.max(1, from.length)];
}

function applyMutation(tree: Node[], change: Mutation, recordings: readonly Buffer[]): void {
  const places = placesOf(tree, change.level);
  const place = pick(places, change.at);
  if (place === undefined) return;
  const { node, siblings } = place;
  const index = siblings.indexOf(node);
  switch (change.kind) {
    case 'delete':
      siblings.splice(index, 1);
      return;
    case 'duplicate':
      siblings.splice(index, 0, ...Array.from({ length: change.times }, () => copyNode(node)));
      return;
    case 'swap': {
      const other = pick(places, change.with);
      if (other !== undefined) swap(place, other);
      return;
    }
    case 'move': {
      siblings.splice(index, 1);
      siblings.splice(change.to % (siblings.length + 1), 0, node);
      return;
    }
    case 'insert':
      siblings.splice(index, 0, leaf('field', Buffer.from(change.bytes)));
      return;
    case 'graft': {
      const donor = readWireTree(pick(recordings, change.from) ?? Buffer.alloc(0));
      const grafted = pick(placesOf(donor, change.level), change.pick);
      if (grafted !== undefined) siblings.splice(index, 0, grafted.node);
      return;
    }
    case 'lie':
      if (node.kind === 'block') node.lie = change.length;
      return;
    case 'lie-by':
      if (node.kind === 'block') node.lie = Math.max(0, bodyLength(node) + change.by);
      return;
    case 'retype':
      if (node.kind === 'block' && node.head.length > 0) {
        node.head.writeUInt8(change.value, change.byte % node.head.length);
      }
      return;
    case 'set-byte':
      if (node.kind === 'leaf' && node.bytes.length > 0) {
        node.bytes.writeUInt8(change.value, change.byte % node.bytes.length);
      }
      return;
    case 'resize':
      if (node.kind === 'leaf') {
        const resized = Buffer.alloc(change.length, 0x31);
        node.bytes.copy(resized);
        node.bytes = resized;
      }
      return;
  }
}

function swap(one: Place, other: Place): void {
  const oneAt = one.siblings.indexOf(one.node);
  const otherAt = other.siblings.indexOf(other.node);
  one.siblings[oneAt] = other.node;
  other.siblings[otherAt] = one.node;
}
