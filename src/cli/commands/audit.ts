import path from 'node:path';
import { Command } from 'commander';
import { readAuditTrail, verifyAuditTrail } from '../../app/audit-tools.ts';
import type { AuditLine, AuditVerdict } from '../../app/audit-tools.ts';
import { loadConfigSections } from '../../config/load.ts';
import { type CliCommand, describeCommand, withConfigOption } from '../command.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, formatCount, printable, printJson, renderTable } from '../output.ts';
import {
  parseCustomerArgument,
  parseHashArgument,
  parseLimitArgument,
  parseMomentArgument,
  parseUidArgument,
} from '../parse.ts';

interface FolderOptions {
  readonly config: string;
  readonly folder?: string;
  readonly json?: true;
}
interface ListOptions {
  readonly study?: string;
  readonly customer?: string;
  readonly since?: string;
  readonly event?: string;
  readonly limit: number;
}

/** `audit`: who saw or changed what, and the proof that nothing of it was changed. */
export const auditCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'audit',
      group: 'Studies',
      summary: 'list the audit trail, or prove that nobody changed it',
      description:
        'Reads the files of the audit trail. Does not need a running daemon.\n\n"verify" proves that no record was changed, taken out or put in, and names the first place where one was. That the\nend was not cut off shows only against a head noted earlier: give its hash with --head.',
      examples: [
        ['audit list --study 1.2.840.113619.2.55.3.1', 'what happened with a study'],
        ['audit list --since 24h', 'the last day'],
        ['audit verify', 'prove it'],
      ],
      exitCodes: { 1: 'the trail does not hold together' },
    });
    withConfigOption(command)
      .option('--folder <path>', 'folder of the trail, instead of the one in the data folder')
      .option('--json', 'print JSON');
    const sub = (name: string, summary: string): Command => {
      const made = new Command(name).description(summary);
      command.addCommand(made);
      return made;
    };

    sub('list', 'list records, the oldest first')
      .option('--study <uid>', 'only those of a study', parseUidArgument)
      .option('--customer <key>', 'only those of a customer', parseCustomerArgument)
      .option(
        '--since <time>',
        'only later ones: 2026-03-01, 2026-03-01T12:00:00Z, 90m, 24h or 7d',
        parseMomentArgument,
      )
      .option('--event <name>', 'only events that begin so, such as object or study.access')
      .option('-n, --limit <count>', 'the latest so many', parseLimitArgument, 100)
      .action(async (options: ListOptions) => {
        const folder = command.opts<FolderOptions>();
        const found = await findRecords(folderOf(folder, context), options);
        if (folder.json) printJson(context.stdout, { records: found.map(({ record }) => record) });
        else context.stdout.write(listText(found, context));
        finish(EXIT_CODES.ok);
      });
    sub('verify', 'prove that no record was changed, taken out or put in')
      .option(
        '--head <hash>',
        'a hash that "verify" told earlier: the record must still be there',
        parseHashArgument,
      )
      .action(async (options: { readonly head?: string }) => {
        const folder = command.opts<FolderOptions>();
        const verdict = await readable(verifyAuditTrail(folderOf(folder, context), options.head));
        const isGood = verdict.firstBreak === undefined && verdict.hasKnownHead !== false;
        if (folder.json) printJson(context.stdout, { ok: isGood, ...verdict });
        else context.stdout.write(verdictText(verdict, context));
        finish(isGood ? EXIT_CODES.ok : EXIT_CODES.failed);
      });
    return command;
  },
};

function folderOf({ config, folder }: FolderOptions, { env }: CliContext): string {
  if (folder !== undefined) return path.resolve(folder);
  const { dataDir } = loadConfigSections({ file: config, env }, ['dataDir']);
  return path.join(path.resolve(path.dirname(config), dataDir), 'audit');
}

async function findRecords(folder: string, options: ListOptions): Promise<readonly AuditLine[]> {
  const found: AuditLine[] = [];
  const fits = ({ record }: AuditLine): boolean =>
    record !== undefined &&
    (options.study === undefined || record.studyInstanceUid === options.study) &&
    (options.customer === undefined || record.customer === options.customer) &&
    (options.since === undefined || record.at >= options.since) &&
    (options.event === undefined || record.event.startsWith(options.event));
  await readable(
    (async () => {
      for await (const line of readAuditTrail(folder)) {
        if (!fits(line)) continue;
        found.push(line);
        if (found.length > options.limit) found.shift();
      }
    })(),
  );
  return found;
}

async function readable<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    throw new CliError('the audit trail cannot be read', {
      exitCode: EXIT_CODES.failed,
      hint: 'run it as the user of the daemon; is it the right --config or --folder?',
      cause: error,
    });
  }
}

function listText(lines: readonly AuditLine[], context: CliContext): string {
  const paint = createPainter(context.stdout, context.env);
  if (lines.length === 0) return paint('dim', 'No such record.\n');
  const rows = lines.flatMap(({ record }) => {
    if (record === undefined) return [];
    const { seq, at, event, actor, customer, studyInstanceUid, sopInstanceUid, peerAddress, detail } = record;
    const uid = sopInstanceUid ?? studyInstanceUid ?? '';
    return [
      [String(seq), at, event, actor ?? '', peerAddress ?? '', customer ?? '', uid, detail ?? ''].map(
        printable,
      ),
    ];
  });
  const titles = ['SEQ', 'AT', 'EVENT', 'WHO', 'FROM', 'CUSTOMER', 'STUDY OR INSTANCE', 'DETAIL'];
  return renderTable(
    titles.map((title) => ({ title })),
    rows,
    paint,
  );
}

function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function verdictText(verdict: AuditVerdict, context: CliContext): string {
  const paint = createPainter(context.stdout, context.env);
  const { firstBreak, head, records, files, tornLines, unchained, startsAt } = verdict;
  const count = `${counted(records, 'record')} in ${counted(files, 'file')}`;
  const notes = [
    ...(startsAt === 'removed-files'
      ? ['Older files were removed; a record says so and proves the rest.']
      : []),
    ...(unchained > 0 ? [`${counted(unchained, 'record')} of a version without hashes.`] : []),
    ...(tornLines > 0 ? [`${counted(tornLines, 'line')} cut short by a crash; no record is missing.`] : []),
    ...(head === undefined ? [] : [`Head: seq ${head.seq}, hash ${head.hash}`]),
    ...(verdict.hasKnownHead === false ? [paint('red', 'No record has the hash given with --head.')] : []),
  ];
  const verdictLine =
    firstBreak === undefined
      ? `${paint('green', '✔')} ${count}: nothing was changed, taken out or put in`
      : `${paint('red', '✘')} ${count}: broken at ${firstBreak.file}, line ${firstBreak.line}` +
        `${firstBreak.seq === undefined ? '' : ` (seq ${firstBreak.seq})`}: ${firstBreak.reason}`;
  return `${[verdictLine, ...notes].join('\n')}\n`;
}
