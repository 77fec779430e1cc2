import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Folders of src/ with what each may import besides itself: the arrows of docs/architecture.md. */
const LEAVES = ['observability', 'platform'];
const MAY_IMPORT = {
  dicom: [],
  observability: [],
  platform: [],
  core: ['dicom'],
  config: ['core', 'dicom'],
  dimse: ['core', 'dicom', ...LEAVES],
  folder: ['core', 'dicom', ...LEAVES],
  storage: ['core', 'dicom', ...LEAVES],
  pixels: ['core', 'dicom', ...LEAVES],
  sqlite: ['core', 'dicom', ...LEAVES],
  avara: ['core', 'dicom', ...LEAVES],
  http: ['core', 'dicom', ...LEAVES],
  notify: ['core', 'dicom', ...LEAVES],
  // The emulator stands in for another company's service: it shares nothing with the daemon but the standard.
  emulator: ['dicom', ...LEAVES],
  app: [
    'config',
    'core',
    'dicom',
    'dimse',
    'folder',
    'storage',
    'pixels',
    'sqlite',
    'avara',
    'http',
    'notify',
    ...LEAVES,
  ],
  cli: ['app', 'config', 'core', 'dicom', 'emulator', 'dimse', ...LEAVES],
};
const FOLDERS = Object.keys(MAY_IMPORT);

/** What browsers give the status page's script. A name that is not here is a mistake, or is to be added. */
const BROWSER_GLOBALS = Object.fromEntries(
  [
    'DOMParser',
    'EventSource',
    'FormData',
    'Node',
    'URL',
    'URLSearchParams',
    'addEventListener',
    'clearTimeout',
    'document',
    'fetch',
    'history',
    'localStorage',
    'location',
    'matchMedia',
    'navigator',
    'setInterval',
    'setTimeout',
    'window',
  ].map((name) => [name, 'readonly']),
);

/** Effects that core/ and dicom/ leave to adapters. */
const EFFECTS = [
  'node:fs',
  'node:net',
  'node:http',
  'node:tls',
  'node:child_process',
  'better-sqlite3',
  'hono',
  'pino',
];

/** The import arrows as rules, one block per folder. Relative imports go up to src/ and down again by folder name. */
const importArrows = FOLDERS.map((folder) => {
  const forbidden = FOLDERS.filter((other) => other !== folder && !MAY_IMPORT[folder].includes(other));
  const isPure = folder === 'core' || folder === 'dicom';
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(?:\\.\\./)+(?:src/)?(?:${forbidden.join('|')})/`,
              message: `src/${folder} may import only: ${[folder, ...MAY_IMPORT[folder]].join(', ')}.`,
            },
          ],
          paths: isPure
            ? EFFECTS.map((name) => ({
                name,
                message: `${folder}/ decides without I/O; put the effect in an adapter.`,
              }))
            : [],
        },
      ],
    },
  };
});

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'coverage/**', 'fixtures/data/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-restricted-exports': [
        'error',
        { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/prefer-nullish-coalescing': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          name: 'better-sqlite3',
          message:
            'Import { Database } from src/sqlite/driver.mjs: not every release is safe with every Node.js.',
          allowTypeImports: true,
        },
      ],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  ...importArrows,
  {
    // Unit tests of pure code look at real files and sockets.
    files: ['src/core/**/*.test.ts', 'src/dicom/**/*.test.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
  {
    files: ['src/core/**/*.ts', 'src/dicom/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': ['error', 'process', 'fetch'],
    },
  },
  {
    files: ['src/cli/**/*.ts', 'fixtures/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  { files: ['*.config.ts'], rules: { 'no-restricted-exports': 'off' } },
  {
    files: ['**/*.js'],
    ignores: ['src/http/admin/assets/**'],
    languageOptions: { globals: { process: 'readonly' } },
  },
  {
    // The status page's script runs in browsers, as it stands.
    files: ['src/http/admin/assets/**/*.js'],
    languageOptions: { sourceType: 'script', globals: BROWSER_GLOBALS },
    rules: { eqeqeq: 'error', 'no-console': 'error', 'no-var': 'error', 'prefer-const': 'error' },
  },
);
