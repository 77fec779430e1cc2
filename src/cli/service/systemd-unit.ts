/** What a unit file is made of; all paths absolute. */
export interface SystemdUnitOptions {
  readonly version: string;
  readonly user: string;
  /** Node.js, and the program's main file. */
  readonly node: string;
  readonly main: string;
  readonly configFile: string;
  readonly dataDir: string;
  /** Folders besides the data folder that the daemon writes to or deletes from. */
  readonly writableFolders: readonly string[];
  /** Whether a port below 1024 is to be bound. */
  readonly hasPrivilegedPort: boolean;
  /** File of `NAME=value` lines, where the configuration names environment variables. */
  readonly environmentFile?: string | undefined;
  /** Credentials by name, each with the file it is read from. */
  readonly credentials: readonly { readonly name: string; readonly file: string }[];
  /** Whether messages to the manager come from the process itself, from a helper process, or not at all. */
  readonly notify: 'main' | 'helper' | 'none';
  /** Whether something that the daemon must read lies in a home folder. */
  readonly readsHome: boolean;
  /** How long the daemon itself takes to stop, milliseconds. */
  readonly stopDeadlineMs: number;
}

/** Where systemd makes folders by itself, with the right owner. */
const STATE_ROOT = '/var/lib/';
/** Time beyond the daemon's own deadline before it is killed. */
const STOP_MARGIN_SECONDS = 30;
/**
 * Node.js's own options for the daemon. As much as Node.js 20 gives new objects by itself: from 24 on it lets them take
 * twice that, or four times on large machines, before it looks which are in use.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=16'];

/**
 * A unit file for systemd 245 and later (systemd.service(5), systemd.exec(5)).
 *
 * `MemoryDenyWriteExecute=` is not there: V8 makes machine code while it runs, and ends without it. `ProcSubset=pid` is
 * not there: Node.js reads `/proc/meminfo`. `SystemCallFilter=` keeps the daemon to what services need.
 */
export function systemdUnit(options: SystemdUnitOptions): string {
  const { dataDir, hasPrivilegedPort, environmentFile } = options;
  const state = dataDir.startsWith(STATE_ROOT) ? dataDir.slice(STATE_ROOT.length) : undefined;
  // Watched folders may come later (a share that is not mounted yet); the data folder must be there.
  const writable = [
    ...(state === undefined ? [quote(dataDir)] : []),
    ...options.writableFolders.map((folder) => quote(`-${folder}`)),
  ];
  const command = [options.node, ...NODE_FLAGS, options.main, 'serve', '--config', options.configFile]
    .map(argument)
    .join(' ');
  const capability = hasPrivilegedPort ? 'CAP_NET_BIND_SERVICE' : '';

  return `# Written by "avara-ingest service" ${options.version}. Run it again after a change of paths, ports below 1024 or
# secrets; put changes of your own into a drop-in ("systemctl edit"), which stays.
[Unit]
Description=avara-ingest, DICOM ingest daemon
Wants=network-online.target
After=network-online.target
${lines([`RequiresMountsFor=${quote(dataDir)}`])}
# While it is down no image is taken, so it is started again for as long as it takes; a loop of crashes raises an alert.
StartLimitIntervalSec=0

[Service]
${lines([
  ...(options.notify === 'none'
    ? ['Type=exec']
    : ['Type=notify', `NotifyAccess=${options.notify === 'main' ? 'main' : 'all'}`]),
  `User=${options.user}`,
  `Group=${options.user}`,
  `ExecStart=${command}`,
  'ExecReload=/bin/kill -HUP $MAINPID',
])}
Restart=on-failure
RestartSec=10
# A configuration that cannot be used does not get better by itself.
RestartPreventExitStatus=2
# A start that recovers after a crash asks for more time by itself.
TimeoutStartSec=120
TimeoutStopSec=${Math.ceil(options.stopDeadlineMs / 1000) + STOP_MARGIN_SECONDS}
KillMode=mixed
${lines([
  // Fed only while the event loop turns and the index takes writes.
  ...(options.notify === 'none' ? [] : ['WatchdogSec=120']),
  ...(environmentFile === undefined ? [] : [`EnvironmentFile=${environmentFile}`]),
  ...options.credentials.map(({ name, file }) => `LoadCredential=${name}:${file}`),
])}
SyslogIdentifier=avara-ingest
LimitNOFILE=65536
# A core file would hold patient data.
LimitCORE=0
OOMScoreAdjust=-500

UMask=0027
${lines([
  ...(state === undefined ? [] : [`StateDirectory=${quote(state)}`, 'StateDirectoryMode=0750']),
  ...(writable.length === 0 ? [] : [`ReadWritePaths=${writable.join(' ')}`]),
])}
CapabilityBoundingSet=${capability}
AmbientCapabilities=${capability}
NoNewPrivileges=true
ProtectSystem=strict
ProtectHome=${options.readsHome ? 'read-only' : 'true'}
PrivateTmp=true
PrivateDevices=true
DevicePolicy=closed
ProtectClock=true
ProtectControlGroups=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
ProtectProc=invisible
KeyringMode=private
LockPersonality=true
RemoveIPC=true
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`.replace(/\n\n\n+/g, '\n\n');
}

/** Lines of a section; an empty list leaves no line behind. */
function lines(items: readonly string[]): string {
  return items.join('\n');
}

/**
 * A word as systemd.syntax(7) reads it: `%` begins a specifier, and white space, quotes and backslashes want quoting.
 * @throws RangeError for what no unit file can hold.
 */
function quote(word: string): string {
  if (/\p{Cc}/u.test(word)) throw new RangeError(`a path must not hold control characters: ${word}`);
  const escaped = word.replaceAll('%', '%%');
  if (!/[\s"'\\;]/.test(word)) return escaped;
  return `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** The same in a command line, where `$` begins a variable. */
function argument(word: string): string {
  return quote(word).replaceAll('$', '$$$$');
}
