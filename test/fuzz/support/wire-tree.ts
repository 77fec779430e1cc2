/**
 * What a requestor sent, as a tree whose lengths are computed when it is written: so that a mutation deep inside leaves a
 * stream that is still well-formed around it, and a wrong length is one that was meant to be wrong. Shares no code with
 * the acceptor's own reader.
 */

/** What a node stands for: mutations choose by it, or the hundreds of syntaxes of a proposal would take them all. */
export type Level =
  'pdu' | 'item' | 'sub-item' | 'pdv' | 'element' | 'context-id' | 'control' | 'value' | 'data' | 'field';
export const LEVELS: readonly Level[] = [
  'pdu',
  'item',
  'sub-item',
  'pdv',
  'element',
  'context-id',
  'control',
  'value',
  'data',
  'field',
];

/** Bytes as they stand. */
export interface Leaf {
  readonly kind: 'leaf';
  readonly level: Level;
  bytes: Buffer;
}
/** A head (a type or a tag), the length of the body, the body. */
export interface Block {
  readonly kind: 'block';
  readonly level: Level;
  head: Buffer;
  readonly lengthField: 'uint16-be' | 'uint32-be' | 'uint32-le';
  body: Node[];
  /** Stands in the length field instead of the truth. */
  lie?: number;
}
export type Node = Leaf | Block;

export const leaf = (level: Level, bytes: Buffer): Leaf => ({ kind: 'leaf', level, bytes });

const PDU_HEADER_BYTES = 6;
const ASSOCIATE_FIXED_BYTES = 68;

/** Reads a recorded stream of well-formed PDUs. */
export function readWireTree(stream: Buffer): Node[] {
  const pdus: Node[] = [];
  for (let at = 0; at < stream.length;) {
    const end = at + PDU_HEADER_BYTES + stream.readUInt32BE(at + 2);
    const type = stream.readUInt8(at);
    const body = stream.subarray(at + PDU_HEADER_BYTES, end);
    pdus.push({
      kind: 'block',
      level: 'pdu',
      head: Buffer.from(stream.subarray(at, at + 2)),
      lengthField: 'uint32-be',
      body: type === 1 ? associateBody(body) : type === 4 ? pdvs(body) : [leaf('field', Buffer.from(body))],
    });
    at = end;
  }
  return pdus;
}

function associateBody(body: Buffer): Node[] {
  const fields = [4, 16, 16, ASSOCIATE_FIXED_BYTES - 36];
  const nodes: Node[] = [];
  let at = 0;
  for (const length of fields) {
    nodes.push(leaf('field', Buffer.from(body.subarray(at, at + length))));
    at += length;
  }
  return [...nodes, ...items(body.subarray(at), 'item')];
}

/** Items of PS3.8 9.3.2: type, reserved byte, 16-bit length. */
function items(bytes: Buffer, level: 'item' | 'sub-item'): Node[] {
  const nodes: Node[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const type = bytes.readUInt8(at);
    const end = at + 4 + bytes.readUInt16BE(at + 2);
    const content = bytes.subarray(at + 4, end);
    let body: Node[];
    if (type === 0x20) {
      body = [
        leaf('context-id', Buffer.from(content.subarray(0, 1))),
        leaf('field', Buffer.from(content.subarray(1, 4))),
        ...items(content.subarray(4), 'sub-item'),
      ];
    } else if (type === 0x50) body = items(content, 'sub-item');
    else body = [leaf('field', Buffer.from(content))];
    nodes.push({
      kind: 'block',
      level,
      head: Buffer.from(bytes.subarray(at, at + 2)),
      lengthField: 'uint16-be',
      body,
    });
    at = end;
  }
  return nodes;
}

function pdvs(bytes: Buffer): Node[] {
  const nodes: Node[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    const control = bytes.readUInt8(at + 5);
    const fragment = bytes.subarray(at + 6, end);
    const content = (control & 1) === 0 ? undefined : commandElements(fragment);
    nodes.push({
      kind: 'block',
      level: 'pdv',
      head: Buffer.alloc(0),
      lengthField: 'uint32-be',
      body: [
        leaf('context-id', Buffer.from(bytes.subarray(at + 4, at + 5))),
        leaf('control', Buffer.from(bytes.subarray(at + 5, at + 6))),
        ...(content ?? [leaf('data', Buffer.from(fragment))]),
      ],
    });
    at = end;
  }
  return nodes;
}

/** Elements of a Command Set in one fragment (PS3.7 6.3.1); undefined where the fragment is not all of it. */
function commandElements(bytes: Buffer): Node[] | undefined {
  const nodes: Node[] = [];
  let at = 0;
  while (at + 8 <= bytes.length) {
    const end = at + 8 + bytes.readUInt32LE(at + 4);
    if (end > bytes.length) return undefined;
    nodes.push({
      kind: 'block',
      level: 'element',
      head: Buffer.from(bytes.subarray(at, at + 4)),
      lengthField: 'uint32-le',
      body: [leaf('value', Buffer.from(bytes.subarray(at + 8, end)))],
    });
    at = end;
  }
  return at === bytes.length ? nodes : undefined;
}

/** The bytes of a node, its lies included. */
export function writeNode(node: Node): Buffer {
  if (node.kind === 'leaf') return node.bytes;
  const body = Buffer.concat(node.body.map(writeNode));
  const length = node.lie ?? body.length;
  const field = Buffer.alloc(node.lengthField === 'uint16-be' ? 2 : 4);
  if (node.lengthField === 'uint16-be') field.writeUInt16BE(length % 0x1_0000);
  else if (node.lengthField === 'uint32-be') field.writeUInt32BE(length);
  else field.writeUInt32LE(length);
  return Buffer.concat([node.head, field, body]);
}

/** The length that a node would have without a lie. */
export function bodyLength(node: Block): number {
  return node.body.reduce((sum, child) => sum + writeNode(child).length, 0);
}

export function copyNode(node: Node): Node {
  if (node.kind === 'leaf') return { ...node, bytes: Buffer.from(node.bytes) };
  return { ...node, head: Buffer.from(node.head), body: node.body.map(copyNode) };
}

/** A node with the list that holds it. */
export interface Place {
  readonly node: Node;
  readonly siblings: Node[];
}

/** Every node of a level, in the order of the stream. */
export function placesOf(nodes: Node[], level: Level): Place[] {
  return nodes.flatMap((node) => [
    ...(node.level === level ? [{ node, siblings: nodes }] : []),
    ...(node.kind === 'block' ? placesOf(node.body, level) : []),
  ]);
}
