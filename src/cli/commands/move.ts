import { z } from 'zod';
import { adminRequest } from '../admin-request.ts';
import { type CliCommand, type DaemonOptions, describeCommand, withDaemonOptions } from '../command.ts';
import { resolveDaemonAddress } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, formatCount, printJson } from '../output.ts';
import { parseCustomerArgument, parseUidArgument } from '../parse.ts';

/** Links are made one by one, for a study of many thousand images too. */
const MOVE_TIMEOUT_MS = 600_000;

interface MoveOptions extends DaemonOptions {
  readonly from: string;
  readonly to: string;
  readonly json?: true;
}

const schema = z.object({
  customer: z.string(),
  studyInstanceUid: z.string(),
  instances: z.number(),
  merged: z.boolean(),
});

/** `move`: gives a study that came under the wrong customer to the right one. */
export const moveCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'move',
      group: 'Studies',
      summary: 'give a study to another customer',
      description:
        'Gives a study that came under the wrong customer to the right one: images, index, and Avara, where it is cancelled\nunder the one and created under the other. URLs that were handed out stop working. Correct the route first, or\nlater images come under the wrong customer again.',
      examples: [
        ['move 1.2.840.113619.2.55.3.1 --from city-medical --to north-clinic', 'from the one to the other'],
      ],
      exitCodes: {
        1: 'refused: the reason is told, and nothing was changed',
        3: 'the daemon does not answer',
      },
    });
    return withDaemonOptions(command)
      .argument('<study-uid>', 'Study Instance UID', parseUidArgument)
      .requiredOption('--from <key>', 'customer that has it', parseCustomerArgument)
      .requiredOption('--to <key>', 'customer that is to have it', parseCustomerArgument)
      .option('--json', 'print JSON')
      .action(async (studyUid: string, options: MoveOptions) => {
        const daemon = resolveDaemonAddress(options, context.env);
        const moved = await adminRequest(daemon, {
          path: `/api/studies/${options.from}/${studyUid}/move?to=${options.to}`,
          method: 'POST',
          schema,
          timeoutMs: MOVE_TIMEOUT_MS,
        });
        const paint = createPainter(context.stdout, context.env);
        if (options.json) printJson(context.stdout, moved);
        else
          context.stdout.write(
            `${paint('green', '✔')} ${formatCount(moved.instances)} images are of ${options.to} now` +
              `${moved.merged ? ', with those that it had' : ''}; Avara is told ("avara-ingest status" shows how it went)\n`,
          );
        finish(EXIT_CODES.ok);
      });
  },
};
