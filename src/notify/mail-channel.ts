import { spawn } from 'node:child_process';

import type { AlertChannel } from '../core/ports/alert-channel.ts';
import { subjectOf, textOfMessage } from './message-text.ts';

/** Of what the command says on standard error, so much is kept for the log. */
const MAX_COMPLAINT_LENGTH = 300;
/** Nothing else of the daemon's environment is the command's business: it may hold secrets. */
const PASSED_ON = ['PATH', 'HOME', 'LANG', 'TZ', 'USER', 'LOGNAME'];

export interface MailChannelOptions {
  /** Program and arguments, such as `/usr/sbin/sendmail -t -i`; started without a shell. */
  readonly command: readonly string[];
  readonly from?: string | undefined;
  readonly to: readonly string[];
  readonly timeoutMs: number;
  /** Of this installation. */
  readonly name: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Gives each message, with its headers, to a mail command on standard input (RFC 5322). */
export function createMailChannel(options: MailChannelOptions): AlertChannel {
  const { command, from, to, timeoutMs, name, env } = options;
  const [program = '', ...args] = command;
  return {
    name: 'mail',
    send(message) {
      const headers = [
        ...(from === undefined ? [] : [`From: ${from}`]),
        `To: ${to.join(', ')}`,
        `Subject: ${headerText(subjectOf(message, name))}`,
        `Date: ${mailDate(message.sentAt)}`,
        'MIME-Version: 1.0',
        'Content-Type: text/plain; charset=utf-8',
        'Content-Transfer-Encoding: 8bit',
        'Auto-Submitted: auto-generated',
      ];
      return run(program, args, `${headers.join('\n')}\n\n${textOfMessage(message, name)}`);
    },
  };

  function run(file: string, argv: readonly string[], input: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = spawn(file, argv, {
        stdio: ['pipe', 'ignore', 'pipe'],
        env: Object.fromEntries(
          PASSED_ON.flatMap((key) => (env[key] === undefined ? [] : [[key, env[key]]])),
        ),
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
      });
      let complaint = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        complaint = (complaint + text).slice(0, MAX_COMPLAINT_LENGTH);
      });
      child.on('error', (error) =>
        reject(new Error(`the mail command ${file} cannot be started: ${error.message}`, { cause: error })),
      );
      child.on('close', (code, signal) => {
        if (code === 0) resolve();
        else {
          const how = signal === null ? `ended with ${code}` : `was ended by ${signal}`;
          const said = complaint.trim();
          reject(new Error(`the mail command ${how}${said === '' ? '' : `: ${said}`}`));
        }
      });
      // A command that does not read its input still tells by its exit code.
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);
    });
  }
}

/** Headers are ASCII; other text is encoded as RFC 2047 has it, in words short enough for any mail system. */
function headerText(text: string): string {
  const line = text.replace(/[\r\n]+/g, ' ');
  if (/^[ -~]*$/.test(line)) return line;
  const words: string[] = [];
  let word = '';
  for (const character of line) {
    if (Buffer.byteLength(word + character) > 42) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  words.push(word);
  return words.map((one) => `=?utf-8?B?${Buffer.from(one).toString('base64')}?=`).join('\n ');
}

/** RFC 5322 3.3, in UTC. */
function mailDate(iso: string): string {
  return new Date(iso).toUTCString().replace('GMT', '+0000');
}
