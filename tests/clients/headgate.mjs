// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Starts the real binary on a home folder of its own, and a small OpenAI-like provider beside it.
// Only processes started here are ended.

import { spawn, execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import OpenAI from 'openai';

const binary = process.env.HEADGATE_BINARY;
if (!binary) throw new Error('HEADGATE_BINARY names the program to test');

export class Headgate {
    static async start(extraEnv = {}) {
        const headgate = new Headgate();
        headgate.home = mkdtempSync(join(tmpdir(), 'headgate-clients-'));
        headgate.env = { ...process.env, HEADGATE_HOME: headgate.home, HEADGATE_SIM_LATENCY: '0', ...extraEnv };
        headgate.errors = '';
        headgate.process = spawn(binary, ['serve', '--listen', '127.0.0.1:0', '--json'], {
            env: headgate.env,
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        headgate.exited = new Promise((resolve) => headgate.process.on('exit', resolve));
        headgate.process.stderr.on('data', (data) => (headgate.errors += data));
        const lines = createInterface({ input: headgate.process.stdout });
        const first = await Promise.race([
            new Promise((resolve) => lines.once('line', resolve)),
            headgate.exited.then(() => ''),
        ]);
        if (!first) throw new Error(`headgate did not start: ${headgate.errors}`);
        const ready = JSON.parse(first);
        headgate.url = ready.url;
        headgate.key = ready.client_key;
        return headgate;
    }

    /** Runs a verb; resolves with its JSON rows, rejects with its message. */
    cli(...args) {
        return new Promise((resolve, reject) => {
            execFile(binary, [...args, '--json'], { env: this.env }, (error, stdout, stderr) => {
                if (error) reject(new Error(`headgate ${args.join(' ')}: ${stderr}`));
                else resolve(stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)));
            });
        });
    }

    /** An SDK client that counts the HTTP attempts it makes; all other settings are the SDK's own. */
    client(options = {}) {
        const counted = { attempts: 0 };
        const client = new OpenAI({
            apiKey: this.key,
            baseURL: `${this.url}/v1`,
            fetch: (...args) => {
                counted.attempts += 1;
                return fetch(...args);
            },
            ...options,
        });
        return { client, counted };
    }

    /** Waits until nothing is held any more, at most `ms`. */
    async settled(ms = 20_000) {
        const until = Date.now() + ms;
        for (;;) {
            const [status] = await this.cli('status');
            if (Number(status.held_usd) === 0 && status.in_flight === 0) return status;
            if (Date.now() > until) throw new Error(`still held: ${JSON.stringify(status)}`);
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    }

    async stop() {
        this.process.kill('SIGTERM');
        const code = await this.exited;
        rmSync(this.home, { recursive: true, force: true });
        return code;
    }
}

/** Answers chat completions with what `answer(body)` returns; keeps the bodies it was sent. */
export async function startProvider(answer) {
    const provider = { bodies: [], raw: [] };
    const server = createServer((request, response) => {
        const chunks = [];
        request.on('data', (chunk) => chunks.push(chunk));
        request.on('end', () => {
            const raw = Buffer.concat(chunks).toString('utf8');
            const body = JSON.parse(raw);
            provider.raw.push(raw);
            provider.bodies.push(body);
            const made = answer(body);
            if (Array.isArray(made)) {
                response.writeHead(200, { 'content-type': 'text/event-stream' });
                for (const event of made) response.write(`data: ${JSON.stringify(event)}\n\n`);
                response.end('data: [DONE]\n\n');
            } else {
                const text = JSON.stringify(made);
                response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
                response.end(text);
            }
        });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    provider.url = `http://127.0.0.1:${server.address().port}/v1`;
    provider.stop = () => {
        server.closeAllConnections();
        return new Promise((resolve) => server.close(resolve));
    };
    return provider;
}
