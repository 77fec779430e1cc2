import type { CliCommand, DaemonOptions } from '../command.ts';
import { describeCommand, withDaemonOptions } from '../command.ts';
import { createDaemonClient, findStudy, resolveDaemonAddress } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, printJson } from '../output.ts';
import { parseCustomerArgument, parseUidArgument } from '../parse.ts';

interface CompleteOptions extends DaemonOptions {
  readonly customer?: string;
  readonly json?: true;
}

/** `complete`: an operator says that a study has all its images. */
export const completeCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'complete',
      group: 'Studies',
      summary: 'send a study to Avara now, without waiting for more images',
      description:
        'Makes a study stable at once, so that it goes to Avara without the usual wait. Images that arrive later\nstill join it.',
      examples: [
        ['complete 1.2.840.113619.2.55.3.1', 'one study'],
        ['complete 1.2.840.113619.2.55.3.1 --customer city-medical', 'where several customers have it'],
      ],
      exitCodes: { 3: 'the daemon does not answer' },
    });
    return withDaemonOptions(command)
      .argument('<study-uid>', 'Study Instance UID', parseUidArgument)
      .option('--customer <key>', 'customer of the study', parseCustomerArgument)
      .option('--json', 'print JSON')
      .action(async (studyUid: string, options: CompleteOptions) => {
        const client = createDaemonClient(resolveDaemonAddress(options, context.env));
        const { customer, studyInstanceUid } = await findStudy(client, studyUid, options.customer);
        await client.complete({ customer, studyInstanceUid });
        const paint = createPainter(context.stdout, context.env);
        if (options.json) printJson(context.stdout, { completed: [{ customer, studyInstanceUid }] });
        else context.stdout.write(`${paint('green', '✔')} ${studyInstanceUid} of ${customer} is complete\n`);
        finish(EXIT_CODES.ok);
      });
  },
};
