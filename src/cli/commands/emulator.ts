import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { loadConfig } from '../../config/load.ts';
import type { AvaraEmulatorOptions } from '../../emulator/avara-emulator.ts';
import type { CliCommand } from '../command.ts';
import { describeCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../context.ts';
import { urlHost } from '../daemon-client.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createPainter, printJson } from '../output.ts';
import { parsePortArgument, parseUrlArgument } from '../parse.ts';

interface EmulatorCommandOptions {
  readonly host: string;
  readonly port: number;
  readonly config?: string;
  readonly webhookUrl?: string;
  readonly state?: string;
  readonly json?: true;
}

/** The customer that the emulator knows where no configuration names any: that of config.example.json. */
const EXAMPLE_CUSTOMER = {
  id: 'cus_1234567890abcdef1234567890abcdef',
  name: 'City Medical Center',
  isActive: true,
};

/** `emulator`: a stand-in for Avara. */
export const emulatorCommand: CliCommand = {
  build(context, finish) {
    return describeCommand({
      name: 'emulator',
      group: 'Tools',
      summary: 'run a stand-in for Avara, for trying things out',
      description:
        'Runs a stand-in for Avara’s API and viewer on this machine. With --config it knows the API keys, secrets and\ncustomers of that configuration; without, it makes a key and a secret and prints them. Point avara.baseUrl of\nthe daemon at the address that it prints. Not for real patient data.',
      examples: [
        ['emulator --config config.json', 'knows what the configuration names'],
        ['emulator --port 9090 --webhook-url http://127.0.0.1:8080/webhooks/avara', 'makes its own key'],
      ],
      exitCodes: { 4: 'could not start: port in use' },
    })
      .option('--host <address>', 'address to listen on', '127.0.0.1')
      .option('-p, --port <port>', 'TCP port; 0 takes a free one', parsePortArgument, 9090)
      .option('-c, --config <file>', 'take API keys, secrets and customers from this configuration')
      .option('--webhook-url <url>', 'where the daemon’s webhook receiver is', parseUrlArgument)
      .option('--state <file>', 'keep studies in this file over restarts')
      .option('--json', 'print the address (and key) as JSON')
      .action(async (options: EmulatorCommandOptions) => {
        const account =
          options.config === undefined
            ? newAccount(options.webhookUrl)
            : accountOf(options.config, context.env, options.webhookUrl);
        // Loaded on use: the daemon, in the same program, has no need of it.
        const { createAvaraEmulator } = await import('../../emulator/avara-emulator.ts');
        const emulator = createAvaraEmulator({
          host: options.host,
          port: options.port,
          ...account,
          ...(options.state === undefined ? {} : { stateFile: resolve(options.state) }),
        });
        const stopped = new Promise<void>((resolve) => {
          context.process.onSignal('SIGINT', resolve);
          context.process.onSignal('SIGTERM', resolve);
        });
        const { url } = await emulator.start().catch((error: unknown) => {
          throw startFailure(error, `${options.host}:${options.port}`);
        });
        announce(context, {
          url,
          account,
          isNewAccount: options.config === undefined,
          asJson: options.json === true,
        });
        await stopped;
        await emulator.stop();
        finish(EXIT_CODES.ok);
      });
  },
};

type Account = Pick<AvaraEmulatorOptions, 'apiKeys'> &
  Required<Pick<AvaraEmulatorOptions, 'expressCustomers'>>;

function newAccount(webhookUrl: string | undefined): Account {
  return {
    apiKeys: [
      {
        key: `sk_live_${randomBytes(16).toString('hex')}`,
        description: 'emulator',
        studyScope: 'all',
        expressAccess: 'write',
        webhookSecret: `whsec_${randomBytes(24).toString('base64')}`,
        ...(webhookUrl === undefined ? {} : { webhookUrl }),
      },
    ],
    expressCustomers: [EXAMPLE_CUSTOMER],
  };
}

function accountOf(file: string, env: CliContext['env'], webhookUrl: string | undefined): Account {
  const { customers, http } = loadConfig({ file, env });
  const listener =
    http.port === 0 ? undefined : `http${http.tls === null ? '' : 's'}://${urlHost(http.host)}:${http.port}`;
  const receiver = webhookUrl ?? (listener === undefined ? undefined : `${listener}/webhooks/avara`);
  const secretOf = new Map<string, string>();
  for (const { avara } of Object.values(customers)) {
    secretOf.set(avara.apiKey.reveal(), avara.webhookSecrets[0]?.reveal() ?? '');
  }
  return {
    apiKeys: [...secretOf].map(([key, webhookSecret], index) => ({
      key,
      description: `key ${index + 1} of the configuration`,
      studyScope: 'all',
      expressAccess: 'write',
      webhookSecret,
      ...(receiver === undefined ? {} : { webhookUrl: receiver }),
    })),
    expressCustomers: Object.entries(customers).map(([key, { expressCustomerId, facilityName }]) => ({
      id: expressCustomerId,
      name: facilityName ?? key,
      isActive: true,
    })),
  };
}

interface Announcement {
  readonly url: string;
  readonly account: Account;
  readonly isNewAccount: boolean;
  readonly asJson: boolean;
}

function announce(context: CliContext, { url, account, isNewAccount, asJson }: Announcement): void {
  const [apiKey] = account.apiKeys;
  // Keys from a configuration are real secrets and stay unprinted; ours were made a moment ago and open nothing.
  const made =
    isNewAccount && apiKey !== undefined
      ? { baseUrl: url, apiKey: apiKey.key, webhookSecret: apiKey.webhookSecret }
      : { baseUrl: url };
  if (asJson) {
    printJson(context.stdout, { url, avara: made, customers: account.expressCustomers });
    return;
  }
  const paint = createPainter(context.stdout, context.env);
  const lines = [
    `${paint('green', '✔')} ${paint('bold', 'Avara emulator')} at ${url}  ${paint('dim', '(a stand-in, not Avara; Ctrl+C ends it)')}`,
    '',
    'In the daemon’s configuration:',
    `  "avara": ${JSON.stringify(made, undefined, 2).replaceAll('\n', '\n  ')}`,
    '',
    'Express customers:',
    ...account.expressCustomers.map(({ id, name }) => `  ${id}  ${name}`),
  ];
  context.stdout.write(`${lines.join('\n')}\n`);
}

function startFailure(error: unknown, where: string): CliError {
  const isInUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  const message = error instanceof Error ? error.message : String(error);
  return new CliError(isInUse ? `${where} is already in use` : `the emulator could not start: ${message}`, {
    exitCode: EXIT_CODES.cannotStart,
    hint: isInUse ? 'choose another port with --port, or 0 for a free one' : undefined,
    cause: error,
  });
}
