import { type CliCommand, type DaemonOptions, describeCommand, withDaemonOptions } from '../command.ts';
import { CliError } from '../context.ts';
import { resolveDaemonAddress } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createFileClient } from '../file-client.ts';
import {
  createPainter,
  formatBytes,
  formatCount,
  formatDuration,
  printable,
  printJson,
  renderTable,
} from '../output.ts';
import { parseCustomerArgument, parseLimitArgument } from '../parse.ts';

interface QuarantineOptions extends DaemonOptions {
  readonly customer?: string;
  readonly limit: number;
  readonly retry?: true;
  readonly asIs?: true;
  readonly json?: true;
}

/** `quarantine`: what could not be stored, why, and trying it again. */
export const quarantineCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'quarantine',
      group: 'Studies',
      summary: 'list files that could not be stored, or try them again',
      description:
        'Lists what came from watched folders and imports and could not be stored, with the reason. With --retry, tries one\nentry (by its id) or all of them again, after the cause was put right.',
      examples: [
        ['quarantine', 'the newest entries'],
        ['quarantine --retry', 'try all of them again'],
        ['quarantine 20261121T101500-00ff00ff00ff00ff --retry --as-is', 'store a cut off file as it is'],
      ],
      exitCodes: { 1: 'an entry could not be stored', 3: 'the daemon does not answer' },
    });
    return withDaemonOptions(command)
      .argument('[id]', 'one entry')
      .option('--customer <key>', 'only this customer’s', parseCustomerArgument)
      .option('-n, --limit <count>', 'entries to list', parseLimitArgument, 50)
      .option('--retry', 'try again')
      .option('--as-is', 'with --retry: store also what is cut off or damaged, if its UIDs can be read')
      .option('--json', 'print JSON')
      .action(async (id: string | undefined, options: QuarantineOptions) => {
        const client = createFileClient(resolveDaemonAddress(options, context.env));
        const { stdout } = context;
        const paint = createPainter(stdout, context.env);
        if (options.retry === true) {
          const asIs = options.asIs === true;
          const result = await client.retryQuarantined({ id, customer: options.customer, asIs });
          if (options.json === true) printJson(stdout, result);
          else stdout.write(`${formatCount(result.stored)} of ${formatCount(result.tried)} stored\n`);
          finish(result.stored === result.tried ? EXIT_CODES.ok : EXIT_CODES.failed);
          return;
        }
        if (options.asIs === true)
          throw new CliError('--as-is needs --retry', { exitCode: EXIT_CODES.usage });
        const { total, entries } = await client.quarantined(options.limit, options.customer);
        const shown = id === undefined ? entries : entries.filter((entry) => entry.id === id);
        if (options.json === true) printJson(stdout, { total, entries: shown });
        else if (shown.length === 0) stdout.write(paint('dim', 'Nothing is in quarantine.\n'));
        else {
          const rows = shown.map((entry) => [
            entry.id,
            entry.customer,
            `${formatDuration(Date.now() - Date.parse(entry.quarantinedAt))} ago`,
            formatBytes(entry.bytes),
            printable(entry.member === undefined ? entry.path : `${entry.path}!/${entry.member}`),
            entry.reason,
          ]);
          stdout.write(
            renderTable(
              [
                { title: 'ID' },
                { title: 'CUSTOMER' },
                { title: 'SINCE', align: 'right' },
                { title: 'SIZE', align: 'right' },
                { title: 'FROM' },
                { title: 'WHY' },
              ],
              rows,
              paint,
            ),
          );
          if (total > shown.length) stdout.write(paint('dim', `  ${formatCount(total)} in all\n`));
        }
        finish(EXIT_CODES.ok);
      });
  },
};
