// Copies what the compiler leaves out, the status page's style sheet, script and icon, beside the compiled code.
import { cpSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const assets = path.join('http', 'admin', 'assets');
cpSync(path.join(root, 'src', assets), path.join(root, 'dist', assets), { recursive: true });
