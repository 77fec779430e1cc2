import type { CliCommand, DaemonOptions } from '../command.ts';
import { describeCommand, withDaemonOptions } from '../command.ts';
import { createDaemonClient, findStudy, resolveDaemonAddress } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { printJson } from '../output.ts';
import {
  parseCustomerArgument,
  parseProductArgument,
  parseUidArgument,
  parseUserArgument,
} from '../parse.ts';

interface OpenOptions extends DaemonOptions {
  readonly customer?: string;
  readonly product?: string;
  readonly user?: string;
  readonly json?: true;
}

/** `open`: a temporary link to a study at Avara. */
export const openCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'open',
      group: 'Studies',
      summary: 'print a temporary link that opens a study at Avara',
      description:
        'Asks Avara for a link to a study and prints it. The link is good for a short time and for whoever has it.\nFor links in a PACS use GET /open/{study} of the public listener, which leads to such a link.',
      examples: [
        ['open 1.2.840.113619.2.55.3.1', 'in the first product that has it'],
        ['open 1.2.840.113619.2.55.3.1 --product autoScribe --user usr_…', 'for dictation, as this user'],
      ],
      exitCodes: { 3: 'the daemon does not answer' },
    });
    return withDaemonOptions(command)
      .argument('<study-uid>', 'Study Instance UID', parseUidArgument)
      .option('--customer <key>', 'customer of the study', parseCustomerArgument)
      .option('--product <product>', 'viewer or autoScribe', parseProductArgument)
      .option('--user <id>', 'Avara user (usr_…) that opens it; AutoScribe needs one', parseUserArgument)
      .option('--json', 'print JSON')
      .action(async (studyUid: string, options: OpenOptions) => {
        const client = createDaemonClient(resolveDaemonAddress(options, context.env));
        const { customer, studyInstanceUid } = await findStudy(client, studyUid, options.customer);
        const opened = await client.open({ customer, studyInstanceUid }, options);
        if (options.json) printJson(context.stdout, { customer, studyInstanceUid, ...opened });
        else context.stdout.write(`${opened.url}\n`);
        finish(EXIT_CODES.ok);
      });
  },
};
