import type { CliCommand } from '../command.ts';
import { alertCommand } from './alert.ts';
import { auditCommand } from './audit.ts';
import { backupCommand, restoreCommand } from './backup.ts';
import { cancelCommand, uncancelCommand } from './cancel.ts';
import { checkCommand } from './check.ts';
import { completeCommand } from './complete.ts';
import { correctCommand } from './correct.ts';
import { customersCommand } from './customers.ts';
import { demoCommand } from './demo.ts';
import { echoCommand } from './echo.ts';
import { emulatorCommand } from './emulator.ts';
import { importCommand } from './import.ts';
import { quarantineCommand } from './quarantine.ts';
import { logLevelCommand } from './log-level.ts';
import { moveCommand } from './move.ts';
import { openCommand } from './open.ts';
import { retentionCommand } from './retention.ts';
import { reindexCommand } from './reindex.ts';
import { retryCommand } from './retry.ts';
import { routeCommand } from './route.ts';
import { sendCommand } from './send.ts';
import { serveCommand } from './serve.ts';
import { serviceCommand } from './service.ts';
import { statusCommand } from './status.ts';
import { supportBundleCommand } from './support-bundle.ts';
import { verifyCommand } from './verify.ts';

/** Every command, in the order of the help. */
export const COMMANDS: readonly CliCommand[] = [
  serveCommand,
  checkCommand,
  serviceCommand,
  statusCommand,
  logLevelCommand,
  alertCommand,
  completeCommand,
  retryCommand,
  importCommand,
  verifyCommand,
  reindexCommand,
  backupCommand,
  restoreCommand,
  supportBundleCommand,
  quarantineCommand,
  cancelCommand,
  uncancelCommand,
  correctCommand,
  openCommand,
  moveCommand,
  retentionCommand,
  auditCommand,
  customersCommand,
  routeCommand,
  echoCommand,
  sendCommand,
  demoCommand,
  emulatorCommand,
];
