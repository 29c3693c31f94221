// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Runs the client tests, or says why it cannot: 77 is ctest's "skipped". In CI they must run.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
if (!existsSync(join(here, 'node_modules', '@copilotkit', 'aimock'))) {
    console.log('SKIPPED: tests/clients/node_modules is missing or old; run: npm ci --prefix tests/clients');
    process.exit(process.env.CI ? 1 : 77);
}
const tests = process.argv.slice(2).map((name) => join(here, name));
const run = spawnSync(process.execPath, ['--test', ...tests], { stdio: 'inherit' });
process.exit(run.status ?? 1);
