// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The captured requests of real agents and SDKs (../shared/data/clients), replayed against the real
// binary: accepted by the simulated provider, with the right session, and handed on with every field
// and header when the provider speaks their own protocol. Skips visibly where the captures are not.

import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Headgate } from './headgate.mjs';
import { addUpstreams, startMock } from './mock.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const shared = process.env.HEADGATE_SHARED ?? join(root, '..', 'shared');
const folder = join(shared, 'data', 'clients');

/** Captures have "<str len=N>" where a text was taken out. */
function filled(value, key = '') {
    if (typeof value === 'string') {
        const length = /^<str len=(\d+)>$/.exec(value)?.[1];
        if (!length) return value;
        if (key === 'user_id') return JSON.stringify({ device_id: 'd', account_uuid: '', session_id: 'blob-session' });
        return 'words '.repeat(Math.ceil(Number(length) / 6)).slice(0, Number(length));
    }
    if (Array.isArray(value)) return value.map((each) => filled(each));
    if (value && typeof value === 'object') {
        return Object.fromEntries(Object.entries(value).map(([k, each]) => [k, filled(each, k)]));
    }
    return value;
}

function captures() {
    if (!existsSync(folder)) return [];
    const all = [];
    for (const file of readdirSync(folder)) {
        const { client, captures } = JSON.parse(readFileSync(join(folder, file), 'utf8'));
        for (const [name, one] of Object.entries(captures)) {
            for (const each of [one].flat()) {
                if (each.method === 'POST' && each.body) all.push({ name: `${client} ${name}`, ...each, body: filled(each.body) });
            }
        }
    }
    return all;
}

const own = new Set(['host', 'content-length', 'authorization', 'x-api-key', 'x-goog-api-key', 'connection',
    'accept-encoding', 'transfer-encoding']);

/** Sends a capture as it was, but for its model and its key. */
function replay(headgate, capture, model) {
    const body = { ...capture.body };
    if (body.model) body.model = model;
    const path = capture.url.replace(/(\/models\/)[^:]+:/, `$1${model}:`);
    const headers = {};
    for (const [name, value] of capture.headers) {
        const lower = name.toLowerCase();
        if (!own.has(lower)) headers[name] = filled(value);
        if (['authorization', 'x-api-key', 'x-goog-api-key'].includes(lower)) {
            headers[name] = lower === 'authorization' ? `Bearer ${headgate.key}` : headgate.key;
        }
    }
    return new Promise((resolve, reject) => {
        const sent = request(headgate.url + path, { method: 'POST', headers }, (answer) => {
            const chunks = [];
            answer.on('data', (chunk) => chunks.push(chunk));
            answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers,
                body: Buffer.concat(chunks).toString('utf8'), sent: { body, headers } }));
        });
        sent.on('error', reject);
        sent.end(JSON.stringify(body));
    });
}

let headgate;
let mock;
before(async () => {
    headgate = await Headgate.start();
    mock = await startMock();
    await addUpstreams(headgate, mock);
    await headgate.cli('providers', 'add', '--name', 'openai', '--dialect', 'openai', '--url', `${mock.url}/v1`);
});
after(async () => {
    await mock?.stop();
    assert.equal(await headgate.stop(), 0, headgate.errors);
});

const all = captures();
test('the captures are here', { skip: all.length === 0 && `no captured requests in ${folder}` }, () => {
    assert.ok(all.length >= 20, String(all.length));
});

const isEmbedding = (capture) => capture.url.includes('/embeddings');

/** The mock's model that speaks the capture's own protocol; null: none does. */
function sameDialect({ url }) {
    if (url.includes('/embeddings')) return 'text-embedding-3-small';
    if (url.includes('/chat/completions')) return 'chat-mock';
    if (url.includes('count_tokens') || url.includes(':countTokens')) return null;
    if (url.includes('/messages')) return 'claude-mock';
    if (url.includes(':generateContent') || url.includes(':streamGenerateContent')) return 'gemini-mock';
    return null;
}

for (const capture of all) {
    test(`${capture.name}: accepted by the simulated provider`, { skip: isEmbedding(capture) && 'it has no embeddings' }, async () => {
        const answer = await replay(headgate, capture, 'sim-small');
        assert.equal(answer.status, 200, `${answer.status} ${answer.body.slice(0, 600)}`);
        if (capture.body.stream || capture.url.includes('stream')) assert.match(answer.headers['content-type'], /event-stream/);
        else JSON.parse(answer.body);
    });
    const model = sameDialect(capture);
    test(`${capture.name}: handed on untouched`, { skip: !model && 'no upstream of this protocol' }, async () => {
        const answer = await replay(headgate, capture, model);
        assert.equal(answer.status, 200, `${answer.status} ${answer.body.slice(0, 600)}`);
        const seen = mock.seen.at(-1);
        const got = JSON.parse(seen.body);
        for (const [name, value] of Object.entries(answer.sent.body)) {
            if (['model', 'max_tokens', 'max_completion_tokens', 'stream_options', 'generationConfig'].includes(name)) continue;
            assert.deepEqual(got[name], value, `field ${name}`);
        }
        for (const name of Object.keys(answer.sent.headers).filter((n) => n.toLowerCase().startsWith('anthropic-'))) {
            assert.equal(seen.headers[name.toLowerCase()], answer.sent.headers[name], `header ${name}`);
        }
        assert.ok(!JSON.stringify(seen).includes(headgate.key), 'the client\'s key went upstream');
    });
}

test('agents\' sessions are Headgate sessions', { skip: all.length === 0 && 'no captures' }, async () => {
    await headgate.settled();
    const rows = await headgate.cli('decisions', 'list');
    const sessions = new Set(rows.map((row) => row.session));
    for (const capture of all) {
        const headers = Object.fromEntries(capture.headers.map(([n, v]) => [n.toLowerCase(), v]));
        const session = headers['x-claude-code-session-id'] ?? headers['session-id'] ?? headers['x-session-id'];
        if (session) assert.ok(sessions.has(session), `${capture.name}: ${session} is not in ${[...sessions]}`);
    }
    for (const row of rows) assert.doesNotMatch(String(row.user ?? ''), /session_id/, 'the blob is not a user');
});
