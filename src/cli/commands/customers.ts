import { Command } from 'commander';
import { createAvaraClient, createExpressCustomers } from '../../app/avara-tools.ts';
import type { ApiFailure, ExpressCustomer, ExpressCustomers } from '../../app/avara-tools.ts';
import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/load.ts';
import { VERSION } from '../../platform/version.ts';
import type { CliCommand } from '../command.ts';
import { describeCommand, withConfigOption } from '../command.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, printJson, renderTable } from '../output.ts';
import { parseCustomerArgument, parsePairArgument, parseUserArgument } from '../parse.ts';

interface CustomersOptions {
  readonly config: string;
  readonly account?: string;
  readonly json?: true;
}
interface ChangeOptions {
  readonly name?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

const ID_HELP = 'cus_… at Avara, or the customer’s key in the configuration';

/** `customers`: the Express customers of the account, and changes to them. */
export const customersCommand: CliCommand = {
  build(context, finish) {
    const command = describeCommand({
      name: 'customers',
      group: 'Tools',
      summary: 'list, create and change Express customers at Avara',
      description:
        'Lists the Express customers at Avara with the AE titles that lead to them, or changes them. Uses the API\nkey of the configuration, which needs Express customer access. Does not need a running daemon.',
      examples: [
        ['customers', 'all of them'],
        ['customers create "City Medical Center"', 'a new one; prints the lines for the configuration'],
        ['customers deactivate city-medical', 'no new studies; nothing is deleted'],
        ['customers add-user city-medical usr_…', 'let a user see its studies'],
      ],
    });

    const sub = (name: string, summary: string): Command => {
      const made = new Command(name).description(summary);
      command.addCommand(made);
      return made;
    };
    async function act(change: (tools: Tools) => Promise<ExpressCustomer | string>): Promise<void> {
      const options = command.opts<CustomersOptions>();
      const tools = openTools(options, context);
      const result = await change(tools);
      const paint = createPainter(context.stdout, context.env);
      if (options.json) printJson(context.stdout, typeof result === 'string' ? { done: result } : result);
      else if (typeof result === 'string') context.stdout.write(`${paint('green', '✔')} ${result}\n`);
      else {
        const state = result.isActive ? 'active' : 'inactive';
        context.stdout.write(
          `${paint('green', '✔')} ${result.expressCustomerId} "${result.name}" is ${state}\n`,
        );
        if (tools.keyOf(result) === undefined) context.stdout.write(configLines(result));
      }
      finish(EXIT_CODES.ok);
    }

    const list = async (): Promise<void> => {
      const options = command.opts<CustomersOptions>();
      const tools = openTools(options, context);
      const rows = valueOf(await tools.express.list()).map((customer) => {
        const key = tools.keyOf(customer);
        return { ...customer, key, calledAe: key === undefined ? [] : calledTitles(tools.config, key) };
      });
      if (options.json) printJson(context.stdout, { customers: rows });
      else context.stdout.write(listText(rows, tools.config, context));
      finish(EXIT_CODES.ok);
    };
    sub('list', 'list the customers at Avara (this is what `customers` alone does)').action(list);
    sub('create', 'create a customer')
      .argument('<name>', 'its name at Avara')
      .option('--metadata <name=value>', 'a pair of metadata; may be repeated', parsePairArgument)
      .action((name: string, options: ChangeOptions) =>
        act(async ({ express }) => valueOf(await express.create(name, options.metadata))),
      );
    sub('update', 'change name or metadata of a customer')
      .argument('<customer>', ID_HELP)
      .option('--name <name>', 'new name')
      .option('--metadata <name=value>', 'all of its metadata, pair by pair', parsePairArgument)
      .action((id: string, options: ChangeOptions) => {
        if (options.name === undefined && options.metadata === undefined) {
          throw new CliError('nothing to change', {
            exitCode: EXIT_CODES.usage,
            hint: 'give --name, --metadata or both',
          });
        }
        const { name, metadata } = options;
        return act(async (tools) => valueOf(await tools.express.update(tools.idOf(id), { name, metadata })));
      });
    for (const [name, isActive] of [
      ['deactivate', false],
      ['reactivate', true],
    ] as const) {
      sub(name, isActive ? 'undo a deactivation' : 'take no new studies and members; deletes nothing')
        .argument('<customer>', ID_HELP)
        .action((id: string) =>
          act(async (tools) => valueOf(await tools.express.setActive(tools.idOf(id), isActive))),
        );
    }
    for (const [name, isAdded] of [
      ['add-user', true],
      ['remove-user', false],
    ] as const) {
      sub(name, isAdded ? 'let a user see a customer’s studies' : 'take that right back')
        .argument('<customer>', ID_HELP)
        .argument('<user>', 'usr_… at Avara', parseUserArgument)
        .action((id: string, user: string) =>
          act(async (tools) => {
            const customerId = tools.idOf(id);
            const objection = valueOf(
              isAdded
                ? await tools.express.addUser(customerId, user)
                : await tools.express.removeUser(customerId, user),
            );
            if (objection !== undefined)
              throw new CliError(`Avara did not do it: ${objection}`, { exitCode: EXIT_CODES.failed });
            return `${user} ${isAdded ? 'is a member of' : 'is no member any more of'} ${id}`;
          }),
        );
    }
    return withConfigOption(command)
      .option('--account <key>', 'use the API key of this customer', parseCustomerArgument)
      .option('--json', 'print JSON')
      .action(list);
  },
};

interface Tools {
  readonly config: Config;
  readonly express: ExpressCustomers;
  idOf(text: string): string;
  /** The customer's key in the configuration. */
  keyOf(customer: ExpressCustomer): string | undefined;
}

function openTools(options: CustomersOptions, { env }: CliContext): Tools {
  const config = loadConfig({ file: options.config, env });
  const keys = new Set(Object.values(config.customers).map(({ avara }) => avara.apiKey.reveal()));
  const chosen =
    options.account === undefined ? Object.values(config.customers)[0] : config.customers[options.account];
  if (chosen === undefined || (options.account === undefined && keys.size > 1)) {
    throw new CliError(
      chosen === undefined ? 'no such customer in the configuration' : 'customers use several API keys',
      {
        exitCode: EXIT_CODES.usage,
        hint: `choose with --account, one of: ${Object.keys(config.customers).join(', ')}`,
      },
    );
  }
  const { baseUrl, apiKey } = chosen.avara;
  const client = createAvaraClient({ baseUrl, apiKey: apiKey.reveal(), version: VERSION, timeoutMs: 30_000 });
  const byId = new Map(
    Object.entries(config.customers).map(([key, customer]) => [
      customer.expressCustomerId.toLowerCase(),
      key,
    ]),
  );
  return {
    config,
    express: createExpressCustomers(client),
    idOf: (text) => customerId(config.customers[text]?.expressCustomerId ?? text),
    keyOf: ({ expressCustomerId }) => byId.get(expressCustomerId.toLowerCase()),
  };
}

function customerId(text: string): string {
  if (/^cus_[0-9a-fA-F]{32}$/.test(text)) return text;
  throw new CliError(`not a customer: ${text}`, { exitCode: EXIT_CODES.usage, hint: `give ${ID_HELP}` });
}

function valueOf<T>(result: { readonly ok: true; readonly value: T } | ApiFailure): T {
  if (result.ok) return result.value;
  throw new CliError(result.message, {
    exitCode: result.kind === 'transient' ? EXIT_CODES.unreachable : EXIT_CODES.failed,
    hint:
      result.kind === 'unauthorized'
        ? 'the API key needs Express customer access in the Avara dashboard'
        : undefined,
  });
}

function calledTitles({ routes }: Config, key: string): readonly string[] {
  const titles = routes.filter(({ customer }) => customer === key).map(({ calledAe }) => calledAe);
  return [...new Set(titles)];
}

interface ListedCustomer extends ExpressCustomer {
  readonly key: string | undefined;
  readonly calledAe: readonly string[];
}

function listText(rows: readonly ListedCustomer[], config: Config, context: CliContext): string {
  const paint = createPainter(context.stdout, context.env);
  const table = renderTable(
    [
      { title: 'ID' },
      { title: 'NAME' },
      { title: 'STATE' },
      { title: 'USERS', align: 'right' },
      { title: 'CUSTOMER' },
      { title: 'AE TITLES' },
    ],
    rows.map((row) => [
      row.expressCustomerId,
      row.name,
      row.isActive ? paint('green', 'active') : paint('red', 'inactive'),
      row.userCount === undefined ? '' : String(row.userCount),
      row.key ?? '',
      row.calledAe.join(' '),
    ]),
    paint,
  );
  const known = new Set(rows.map(({ expressCustomerId }) => expressCustomerId.toLowerCase()));
  const missing = Object.entries(config.customers)
    .filter(([, { expressCustomerId }]) => !known.has(expressCustomerId.toLowerCase()))
    .map(
      ([key, { expressCustomerId }]) => `${paint('red', '✖')} ${key}: Avara has no ${expressCustomerId}\n`,
    );
  const unmapped = rows.filter(({ key, isActive }) => key === undefined && isActive).map(configLines);
  return [table, ...missing, ...unmapped].join('');
}

/** What to paste into "customers" of the configuration. */
function configLines({ expressCustomerId, name }: ExpressCustomer): string {
  const key = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64);
  const settings = JSON.stringify({ expressCustomerId, products: ['viewer'] }, undefined, 1).replace(
    /\n */g,
    ' ',
  );
  return `\nto receive for it, add to "customers" of the configuration, and a route:\n  ${JSON.stringify(
    key === '' ? 'customer' : key,
  )}: ${settings}\n`;
}
