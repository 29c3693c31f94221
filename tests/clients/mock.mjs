// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The independent mock upstream (@copilotkit/aimock), configured as one provider of each dialect.
// What it answers depends on the words of the last user message only, so that every client asks
// the same questions.

import { createServer, request as httpRequest } from 'node:http';
import { LLMock } from '@copilotkit/aimock';

export const answers = {
    hello: 'Hello from the other side. Grüße, 你好, 🌧.',
    weather: 'It is 7 degrees in Köln.',
    structured: { city: 'Köln', degrees: 7 },
    picture: 'A red dot.',
};

/** One red pixel. */
export const png =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

export const weatherTool = {
    name: 'get_weather',
    description: 'Weather of a city',
    parameters: {
        type: 'object',
        properties: { city: { type: 'string' } },
        required: ['city'],
        additionalProperties: false,
    },
};

export const weatherSchema = {
    type: 'object',
    properties: { city: { type: 'string' }, degrees: { type: 'integer' } },
    required: ['city', 'degrees'],
    additionalProperties: false,
};

const long = 'A long story about a proxy that never told a lie about money. '.repeat(40);

export const upstreams = {
    chat: { provider: 'mock-chat', dialect: 'openai', path: '/v1', model: 'chat-mock' },
    anthropic: { provider: 'mock-anthropic', dialect: 'anthropic', path: '/v1', model: 'claude-mock' },
    gemini: { provider: 'mock-gemini', dialect: 'gemini', path: '/v1beta', model: 'gemini-mock' },
    ollama: { provider: 'mock-ollama', dialect: 'ollama', path: '', model: 'llama-mock' },
};

/** The mock's /v1/responses, for clients that speak it: everything passes through unchanged. */
export const responsesUpstream = {
    provider: 'mock-responses', dialect: 'openai', path: '/v1', model: 'responses-mock', options: ['--responses', 'yes'],
};

/** Every dialect's own words for the same usage. */
const usage = {
    prompt_tokens: 11, completion_tokens: 7, input_tokens: 11, output_tokens: 7, promptTokenCount: 11,
    candidatesTokenCount: 7,
};

/** Hands requests on to `target` and remembers their raw bodies: the mock's own journal does not. */
async function startRecorder(target, seen) {
    const server = createServer((incoming, outgoing) => {
        const chunks = [];
        incoming.on('data', (chunk) => chunks.push(chunk));
        incoming.on('end', () => {
            const body = Buffer.concat(chunks);
            seen.push({ path: incoming.url, headers: incoming.headers, body: body.toString('utf8') });
            const onward = httpRequest(target + incoming.url, { method: incoming.method, headers: incoming.headers }, (answer) => {
                outgoing.writeHead(answer.statusCode, answer.headers);
                answer.on('data', (chunk) => outgoing.write(chunk));
                answer.on('end', () => outgoing.end());
                answer.on('error', () => outgoing.destroy());
                answer.on('aborted', () => outgoing.destroy());
            });
            onward.on('error', () => outgoing.destroy());
            outgoing.on('close', () => onward.destroy());
            onward.end(body);
        });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return server;
}

export async function startMock() {
    const mock = new LLMock({ port: 0, chunkSize: 7 });
    const add = (match, response, opts) => mock.on(match, { usage, ...response }, opts);
    add({ userMessage: /picture/ }, { content: answers.picture });
    add({ userMessage: /weather/, hasToolResult: true }, { content: answers.weather });
    add({ userMessage: /weather/ },
        { toolCalls: [{ name: weatherTool.name, arguments: JSON.stringify({ city: 'Köln' }), id: 'call_w1' }] });
    add({ userMessage: /structured/ }, { content: JSON.stringify(answers.structured) });
    // A pause before each chunk, so that the first ones are on their way when it breaks off.
    add({ userMessage: /break off/ }, { content: long }, { truncateAfterChunks: 12, latency: 10 });
    add({ userMessage: /slowly/ }, { content: long }, { latency: 20 });
    mock.onEmbedding(/.*/, { embedding: Array.from({ length: 8 }, (_, i) => i / 8) });
    add({ userMessage: /./ }, { content: answers.hello });
    await mock.start();
    const seen = [];
    const recorder = await startRecorder(mock.url, seen);
    return {
        url: `http://127.0.0.1:${recorder.address().port}`,
        seen,
        async stop() {
            recorder.closeAllConnections();
            await new Promise((resolve) => recorder.close(resolve));
            await mock.stop();
        },
    };
}

/** Adds the mock to a Headgate as the providers that are given. */
export async function addUpstreams(headgate, mock, given = upstreams) {
    for (const { provider, dialect, path, model, options = [] } of Object.values(given)) {
        await headgate.cli('providers', 'add', '--name', provider, '--dialect', dialect, '--url', mock.url + path, ...options);
        await headgate.cli('models', 'add', '--provider', provider, '--name', model, '--tier', '2', '--input', '1.00',
            '--output', '4.00', '--context', '200000', '--max-output', '16384', '--tokenizer', 'o200k_base');
    }
}
