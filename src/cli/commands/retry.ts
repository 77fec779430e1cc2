import type { CliCommand, DaemonOptions } from '../command.ts';
import { describeCommand, withDaemonOptions } from '../command.ts';
import { CliError } from '../context.ts';
import { createDaemonClient, findStudy, resolveDaemonAddress } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, printJson } from '../output.ts';
import { parseCustomerArgument, parseUidArgument } from '../parse.ts';

interface RetryOptions extends DaemonOptions {
  readonly all?: true;
  readonly reports?: true;
  readonly customer?: string;
  readonly json?: true;
}

/** `retry`: sends studies that need attention again. */
export const retryCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'retry',
      group: 'Studies',
      summary: 'send studies that need attention to Avara again',
      description:
        'Sends a study to Avara again, now: one that needs attention, or one that waits for its next try. Never makes\na second study at Avara.',
      examples: [
        ['retry 1.2.840.113619.2.55.3.1', 'one study'],
        ['retry --all', 'every study that needs attention or waits for its next try'],
        ['retry --all --customer city-medical', 'those of one customer'],
        ['retry --reports', 'fetch and send on reports that wait or need attention'],
      ],
      exitCodes: { 3: 'the daemon does not answer' },
    });
    return withDaemonOptions(command)
      .argument('[study-uid]', 'Study Instance UID', parseUidArgument)
      .option('--all', 'every study that needs attention or waits for its next try')
      .option(
        '--customer <key>',
        'customer of the study, or with --all: only this customer’s',
        parseCustomerArgument,
      )
      .option('--reports', 'instead of studies, every report that waits or needs attention')
      .option('--json', 'print JSON')
      .action(async (studyUid: string | undefined, options: RetryOptions) => {
        if (options.reports === true && studyUid === undefined && options.all !== true) {
          const client = createDaemonClient(resolveDaemonAddress(options, context.env));
          const retried = await client.retryReports();
          if (options.json) printJson(context.stdout, { retried });
          else context.stdout.write(`${retried} steps of reports are tried again now\n`);
          finish(EXIT_CODES.ok);
          return;
        }
        if ((studyUid === undefined) === (options.all !== true)) {
          throw new CliError('give either a Study Instance UID or --all, or --reports', {
            exitCode: EXIT_CODES.usage,
            hint: 'avara-ingest retry --help shows examples',
          });
        }
        const client = createDaemonClient(resolveDaemonAddress(options, context.env));
        const paint = createPainter(context.stdout, context.env);
        if (studyUid === undefined) {
          const retried = await client.retryAll(options.customer);
          if (options.json) printJson(context.stdout, { retried });
          else context.stdout.write(`${paint('green', '✔')} ${deliveriesText(retried)}\n`);
        } else {
          const { customer, studyInstanceUid } = await findStudy(client, studyUid, options.customer);
          const retried = await client.retry({ customer, studyInstanceUid });
          if (options.json) printJson(context.stdout, { customer, studyInstanceUid, retried });
          else
            context.stdout.write(
              `${paint('green', '✔')} ${studyInstanceUid} of ${customer}: ${deliveriesText(retried)}\n`,
            );
        }
        finish(EXIT_CODES.ok);
      });
  },
};

function deliveriesText(retried: number): string {
  if (retried === 0) return 'nothing to try again';
  return retried === 1
    ? '1 delivery to Avara is tried again now'
    : `${retried} deliveries to Avara are tried again now`;
}
