// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The OpenAI Node SDK, unmodified and with its own retry settings, against the real binary.

import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { Headgate, startProvider } from './headgate.mjs';

const hello = [{ role: 'user', content: 'Say hello to the new colleague.' }];

let headgate;
before(async () => {
    headgate = await Headgate.start();
});
after(async () => {
    assert.equal(await headgate.stop(), 0, headgate.errors);
});

/** The error a promise rejects with. */
async function errorOf(promise) {
    try {
        await promise;
    } catch (error) {
        return error;
    }
    return assert.fail('it should have been refused');
}

test('answers a request to "auto" and says what it decided', async () => {
    const { client, counted } = headgate.client();
    const { data, response } = await client.chat.completions
        .create({ model: 'auto', messages: hello, max_tokens: 64 })
        .withResponse();
    assert.equal(data.object, 'chat.completion');
    assert.ok(data.choices[0].message.content.length > 0);
    assert.ok(data.usage.completion_tokens > 0 && data.usage.completion_tokens <= 64);
    assert.ok(response.headers.get('x-headgate-decision'));
    assert.match(response.headers.get('x-headgate-model'), /sim-small/);
    assert.equal(counted.attempts, 1);
});

test('streams, without a usage chunk nobody asked for', async () => {
    const { client } = headgate.client();
    const stream = await client.chat.completions.create({ model: 'auto', messages: hello, max_tokens: 64, stream: true });
    let text = '';
    let finish = null;
    for await (const chunk of stream) {
        assert.equal(chunk.object, 'chat.completion.chunk');
        assert.ok(chunk.choices.length > 0, 'a chunk without choices was not asked for');
        text += chunk.choices[0].delta.content ?? '';
        finish = chunk.choices[0].finish_reason ?? finish;
    }
    assert.ok(text.length > 0);
    assert.ok(['stop', 'length'].includes(finish));
});

test('streams with usage when asked', async () => {
    const { client } = headgate.client();
    const stream = await client.chat.completions.create({
        model: 'sim-small',
        messages: hello,
        max_tokens: 32,
        stream: true,
        stream_options: { include_usage: true },
    });
    let usage = null;
    for await (const chunk of stream) usage = chunk.usage ?? usage;
    assert.ok(usage.prompt_tokens > 0 && usage.completion_tokens > 0);
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
});

test('lists the models and the routing names', async () => {
    const { client } = headgate.client();
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    for (const id of ['auto', 'auto:cheap', 'auto:best']) assert.ok(ids.includes(id), `${id} in ${ids}`);
    assert.ok(ids.some((id) => id.endsWith('sim-large')), String(ids));
});

test('passes tools, schemas and unknown fields through untouched', async (t) => {
    const provider = await startProvider((body) => {
        const call = { id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Köln"}' } };
        const usage = { prompt_tokens: 40, completion_tokens: 12, total_tokens: 52 };
        const base = { id: 'chatcmpl-1', created: 1790000000, model: body.model };
        if (body.response_format) {
            const message = { role: 'assistant', content: '{"city":"Köln","degrees":7}' };
            return { ...base, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'stop' }], usage };
        }
        if (!body.stream) {
            const message = { role: 'assistant', content: null, tool_calls: [call] };
            return { ...base, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'tool_calls' }], usage };
        }
        const chunk = (delta, finish = null) => ({
            ...base,
            object: 'chat.completion.chunk',
            choices: [{ index: 0, delta, finish_reason: finish }],
        });
        return [
            chunk({ role: 'assistant', content: null }),
            chunk({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '' } }] }),
            chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
            chunk({ tool_calls: [{ index: 0, function: { arguments: '"Köln"}' } }] }),
            chunk({}, 'tool_calls'),
            { ...base, object: 'chat.completion.chunk', choices: [], usage },
        ];
    });
    t.after(() => provider.stop());
    await headgate.cli('providers', 'add', '--name', 'stub', '--dialect', 'openai', '--url', provider.url);
    await headgate.cli('models', 'add', '--provider', 'stub', '--name', 'tool-user', '--tier', '1', '--input', '0.15',
        '--output', '0.60', '--context', '128000', '--max-output', '16384');
    const { client } = headgate.client();
    const tools = [{
        type: 'function',
        function: {
            name: 'get_weather',
            description: 'Weather of a city',
            parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        },
    }];
    const ask = { model: 'stub/tool-user', messages: [{ role: 'user', content: 'Weather in Köln? 🌧' }], max_tokens: 50 };

    await t.test('tools, not streamed', async () => {
        const answer = await client.chat.completions.create({ ...ask, tools, tool_choice: 'auto', x_unknown: { deep: [1, 2.50] } });
        assert.equal(answer.choices[0].finish_reason, 'tool_calls');
        assert.deepEqual(JSON.parse(answer.choices[0].message.tool_calls[0].function.arguments), { city: 'Köln' });
        const sent = provider.bodies.at(-1);
        assert.deepEqual(sent.tools, tools);
        assert.deepEqual(sent.messages, ask.messages);
        assert.deepEqual(sent.x_unknown, { deep: [1, 2.5] });
        assert.equal(sent.model, 'tool-user');
    });

    await t.test('tools, streamed', async () => {
        const stream = await client.chat.completions.create({ ...ask, tools, stream: true });
        let args = '';
        for await (const chunk of stream) {
            assert.ok(chunk.choices.length > 0);
            for (const call of chunk.choices[0].delta.tool_calls ?? []) args += call.function.arguments;
        }
        assert.deepEqual(JSON.parse(args), { city: 'Köln' });
        assert.equal(provider.bodies.at(-1).stream_options.include_usage, true);
    });

    await t.test('a JSON schema', async () => {
        const schema = {
            type: 'object',
            properties: { city: { type: 'string' }, degrees: { type: 'integer' } },
            required: ['city', 'degrees'],
            additionalProperties: false,
        };
        const format = { type: 'json_schema', json_schema: { name: 'weather', strict: true, schema } };
        const answer = await client.chat.completions.create({ ...ask, response_format: format });
        assert.deepEqual(JSON.parse(answer.choices[0].message.content), { city: 'Köln', degrees: 7 });
        assert.deepEqual(provider.bodies.at(-1).response_format, format);
    });
    await headgate.cli('providers', 'remove', 'stub');
});

test('refuses once, with a readable message, when the money is used up', async () => {
    await headgate.cli('pools', 'add', '--name', 'tight', '--scope', 'org', '--window', 'day', '--cap', '0.0000001');
    for (const stream of [false, true]) {
        const { client, counted } = headgate.client();
        const error = await errorOf(client.chat.completions.create({ model: 'auto', messages: hello, stream }));
        assert.equal(counted.attempts, 1, 'the SDK must not retry a cap');
        assert.ok(error instanceof OpenAI.APIError);
        assert.equal(error.status, 402);
        assert.equal(error.code, 'budget_exceeded');
        assert.equal(error.type, 'insufficient_quota');
        assert.match(error.message, /tight/);
        assert.match(error.message, /\$/);
        assert.doesNotMatch(error.message, /try again|rate limit|overloaded/i);
    }
    // A change by the command line reaches the running proxy at once.
    await headgate.cli('pools', 'set', 'tight', '--cap', '5.00');
    const { client } = headgate.client();
    const answer = await client.chat.completions.create({ model: 'auto', messages: hello, max_tokens: 32 });
    assert.ok(answer.choices[0].message.content);
    await headgate.cli('pools', 'archive', 'tight');
});

test('refuses a wrong and a revoked key with 401, once', async () => {
    const wrong = headgate.client({ apiKey: 'hg-0123456789abcdef0123456789abcdef' });
    const first = await errorOf(wrong.client.chat.completions.create({ model: 'auto', messages: hello }));
    assert.ok(first instanceof OpenAI.AuthenticationError, String(first));
    assert.equal(wrong.counted.attempts, 1);

    const [made] = await headgate.cli('keys', 'create', '--name', 'short-lived', '--team', 'search');
    const { client, counted } = headgate.client({ apiKey: made.key });
    await client.chat.completions.create({ model: 'auto', messages: hello, max_tokens: 16 });
    await headgate.cli('keys', 'revoke', 'short-lived');
    const error = await errorOf(client.chat.completions.create({ model: 'auto', messages: hello, max_tokens: 16 }));
    assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
    assert.equal(counted.attempts, 2);
});

test('names an unknown model and the remedy, once', async () => {
    const { client, counted } = headgate.client();
    const error = await errorOf(client.chat.completions.create({ model: 'no-such-model', messages: hello }));
    assert.equal(error.status, 404);
    assert.match(error.message, /no-such-model/);
    assert.equal(counted.attempts, 1);
});

test('survives a client that leaves in mid-stream, and settles', async () => {
    const { client } = headgate.client();
    for (let round = 0; round < 5; ++round) {
        const controller = new AbortController();
        const stream = await client.chat.completions.create(
            { model: 'sim-large', messages: hello, max_tokens: 400, stream: true },
            { signal: controller.signal },
        );
        let seen = 0;
        for await (const chunk of stream) {
            seen += chunk.choices.length;
            if (seen > round) break;
        }
        controller.abort();
    }
    await headgate.settled();
    const [verified] = await headgate.cli('ledger', 'verify');
    assert.equal(verified.ok, true, JSON.stringify(verified));
    const answer = await client.chat.completions.create({ model: 'auto', messages: hello, max_tokens: 32 });
    assert.ok(answer.choices[0].message.content);
});
