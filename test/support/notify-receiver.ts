import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** Prints a line of JSON per datagram: Node cannot receive any of the Unix domain. */
const SCRIPT = `
import json, socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + name[1:] if name.startswith("@") else name)
print(json.dumps("listening"), flush=True)
while True:
    print(json.dumps(s.recv(65536).decode()), flush=True)
`;

/** Stands in for a service manager: a real datagram socket, held by a Python process. */
export interface NotifyReceiver {
  /** What goes into `NOTIFY_SOCKET`. */
  readonly address: string;
  /** Every message so far, with its fields. */
  readonly messages: readonly Readonly<Record<string, string>>[];
  /** Resolves with the first message that fits, past or future. */
  received(
    fits: (message: Readonly<Record<string, string>>) => boolean,
  ): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
}

/** @param address a path in an existing folder, or an abstract name with a leading "@". */
export async function startNotifyReceiver(address: string): Promise<NotifyReceiver> {
  const child = spawn('/usr/bin/env', ['python3', '-c', SCRIPT, address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const messages: Record<string, string>[] = [];
  const listeners = new Set<() => void>();
  const lines = createInterface({ input: child.stdout });
  await once(lines, 'line');
  lines.on('line', (line) => {
    const fields = (JSON.parse(line) as string).trimEnd().split('\n');
    messages.push(
      Object.fromEntries(
        fields.map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
      ),
    );
    for (const listener of listeners) listener();
  });
  return {
    address: address.startsWith('@') ? address : path.resolve(address),
    messages,
    received: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = messages.find(fits);
          if (found === undefined) return;
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
        look();
      }),
    async close() {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}
