import type { CliCommand, DaemonOptions } from '../command.ts';
import { describeCommand, withDaemonOptions } from '../command.ts';
import { createDaemonClient, findStudy, resolveDaemonAddress } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, printJson } from '../output.ts';
import { parseCustomerArgument, parseUidArgument } from '../parse.ts';

interface CorrectOptions extends DaemonOptions {
  readonly customer?: string;
  readonly json?: true;
}

/** `correct`: later images of a study are right where they contradict the first. */
export const correctCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'correct',
      group: 'Studies',
      summary: 'take over what later images of a study state otherwise',
      description:
        'The first image of a study says whose it is; where later ones say something else (a corrected name, say),\n"status" shows a disagreement. This takes over the latest values and tells Avara. Stored images stay as they are.',
      examples: [['correct 1.2.840.113619.2.55.3.1', 'after the modality sent corrected images']],
      exitCodes: { 3: 'the daemon does not answer' },
    });
    return withDaemonOptions(command)
      .argument('<study-uid>', 'Study Instance UID', parseUidArgument)
      .option('--customer <key>', 'customer of the study', parseCustomerArgument)
      .option('--json', 'print JSON')
      .action(async (studyUid: string, options: CorrectOptions) => {
        const client = createDaemonClient(resolveDaemonAddress(options, context.env));
        const { customer, studyInstanceUid } = await findStudy(client, studyUid, options.customer);
        const corrected = await client.correct({ customer, studyInstanceUid });
        const paint = createPainter(context.stdout, context.env);
        if (options.json) printJson(context.stdout, { customer, studyInstanceUid, corrected });
        else if (corrected.length === 0)
          context.stdout.write(`the images of ${studyInstanceUid} of ${customer} do not disagree\n`);
        else
          context.stdout.write(
            `${paint('green', '✔')} ${studyInstanceUid} of ${customer}: ${corrected.join(', ')}\n`,
          );
        finish(EXIT_CODES.ok);
      });
  },
};
