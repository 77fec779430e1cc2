import type { CliCommand, DaemonOptions } from '../command.ts';
import { describeCommand, withDaemonOptions } from '../command.ts';
import { createDaemonClient, findStudy, resolveDaemonAddress } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, printJson } from '../output.ts';
import { parseCustomerArgument, parseProductArgument, parseUidArgument } from '../parse.ts';

interface CancelOptions extends DaemonOptions {
  readonly customer?: string;
  readonly product?: string;
  readonly json?: true;
}

/** `cancel`: takes a study off the lists at Avara; images stay here. */
export const cancelCommand = createCancelCommand({
  name: 'cancel',
  isCancelled: true,
  summary: 'cancel a study at Avara',
  description:
    'Cancels a study at Avara: it is kept there and flagged inactive. Its images stay here. A study that Avara\ndoes not have yet is not sent any more.',
});

/** `uncancel`: the way back. */
export const uncancelCommand = createCancelCommand({
  name: 'uncancel',
  isCancelled: false,
  summary: 'undo the cancellation of a study at Avara',
  description:
    'Makes a cancelled study active at Avara again, and tells Avara what came meanwhile. A study that was\ncancelled before Avara had it is sent.',
});

function createCancelCommand(settings: {
  readonly name: string;
  readonly isCancelled: boolean;
  readonly summary: string;
  readonly description: string;
}): CliCommand {
  const { name, isCancelled, summary, description } = settings;
  return {
    build(context, finish) {
      const command = describeCommand({
        name,
        group: 'Studies',
        summary,
        description,
        examples: [
          [`${name} 1.2.840.113619.2.55.3.1`, 'at every product'],
          [`${name} 1.2.840.113619.2.55.3.1 --product viewer`, 'at one product'],
        ],
        exitCodes: { 3: 'the daemon does not answer' },
      });
      return withDaemonOptions(command)
        .argument('<study-uid>', 'Study Instance UID', parseUidArgument)
        .option('--customer <key>', 'customer of the study', parseCustomerArgument)
        .option('--product <product>', 'viewer or autoScribe; default: both', parseProductArgument)
        .option('--json', 'print JSON')
        .action(async (studyUid: string, options: CancelOptions) => {
          const client = createDaemonClient(resolveDaemonAddress(options, context.env));
          const { customer, studyInstanceUid } = await findStudy(client, studyUid, options.customer);
          const study = { customer, studyInstanceUid };
          const changed = await client.setCancelled(study, options.product, isCancelled);
          const paint = createPainter(context.stdout, context.env);
          if (options.json) printJson(context.stdout, { ...study, changed });
          else if (changed === 0)
            context.stdout.write(`${studyInstanceUid} of ${customer} has nothing at Avara to ${name}\n`);
          else
            context.stdout.write(
              `${paint('green', '✔')} ${studyInstanceUid} of ${customer}: Avara is told now ("avara-ingest status" shows how it went)\n`,
            );
          finish(changed === 0 ? EXIT_CODES.failed : EXIT_CODES.ok);
        });
    },
  };
}
