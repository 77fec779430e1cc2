import { loadConfigSections } from '../../config/load.ts';
import type { RouteDecision, RouteExplanation } from '../../core/routing/route.ts';
import { createRouter } from '../../core/routing/route.ts';
import type { CliCommand } from '../command.ts';
import { describeCommand, withConfigOption } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Painter } from '../output.ts';
import { createPainter, printJson } from '../output.ts';
import { parseAddressArgument, parseAeTitleArgument } from '../parse.ts';

interface RouteOptions {
  readonly config: string;
  readonly called: string;
  readonly calling?: string;
  readonly from?: string;
  readonly json?: true;
}

/** `route`: which customer a sender gets, and why. */
export const routeCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'route',
      group: 'Tools',
      summary: 'tell which customer a sender would get, and why',
      description:
        'Tells which customer a sender would get with this configuration, and why each route matches or not.\nNeeds no running daemon. AE titles compare with upper and lower case.',
      examples: [
        ['route --called CITYMED --calling CT1 --from 10.20.1.5', 'one modality'],
        ['route --called CITYMED --json', 'for programs; any caller, address unknown'],
      ],
      exitCodes: { 1: 'the sender would be rejected' },
    });
    return withConfigOption(command)
      .requiredOption('--called <ae>', 'AE title that the sender calls', parseAeTitleArgument)
      .option('--calling <ae>', 'AE title of the sender', parseAeTitleArgument)
      .option('--from <ip>', 'IP address of the sender', parseAddressArgument)
      .option('--json', 'print JSON')
      .action((options: RouteOptions) => {
        const { routes } = loadConfigSections({ file: options.config, env: context.env }, ['routes']);
        const router = createRouter(routes);
        const sender = {
          calledAeTitle: options.called,
          callingAeTitle: options.calling ?? '',
          peerAddress: options.from,
        };
        const decision = router.decide(sender);
        const explanations = router.explain(sender);
        if (options.json) printJson(context.stdout, { decision, routes: explanations });
        else
          context.stdout.write(routeText(decision, explanations, createPainter(context.stdout, context.env)));
        finish(decision.kind === 'admitted' ? EXIT_CODES.ok : EXIT_CODES.failed);
      });
  },
};

function routeText(
  decision: RouteDecision,
  explanations: readonly RouteExplanation[],
  paint: Painter,
): string {
  const headline =
    decision.kind === 'admitted'
      ? `${paint('green', '✔')} ${paint('bold', decision.customer)}  ${decision.why}`
      : `${paint('red', '✖')} ${paint('bold', 'rejected')}  ${decision.explanation}\n  ${paint('dim', `A-ASSOCIATE-RJ: ${decision.reason}`)}`;
  if (explanations.length === 0) return `${headline}\n\n  The configuration has no routes.\n`;
  const width = Math.max(...explanations.map(({ route }) => `routes[${route}]`.length)) + 2;
  const indent = ' '.repeat(width + 4);
  const lines = explanations.flatMap(({ route, rule, customer, isMatch, isChosen, why }) => {
    const mark = isChosen ? paint('green', '→') : paint('dim', isMatch ? '✔' : '–');
    const outcome = isMatch && !isChosen ? 'matches, but is less specific' : why;
    return [
      `  ${mark} ${`routes[${route}]`.padEnd(width)}${paint('bold', customer)}: ${rule}`,
      `${indent}${isChosen ? outcome : paint('dim', outcome)}`,
    ];
  });
  return `${headline}\n\n${lines.join('\n')}\n`;
}
