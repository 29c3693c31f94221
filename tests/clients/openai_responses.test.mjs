// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The OpenAI Node SDK's Responses over every kind of provider.

import test from 'node:test';
import assert from 'node:assert/strict';
import { openAiResponses } from './adapters.mjs';
import { contract, errorOf } from './contract.mjs';
import { answers, responsesUpstream } from './mock.mjs';

function own({ headgate, mock, adapter, counted }) {
    test('a provider of the same protocol gets what the client sent', async () => {
        const seenBefore = mock().seen.length;
        const body = { model: 'responses-mock', input: 'Say hello.', max_output_tokens: 100, metadata: { a: 'b' } };
        const answer = await adapter().client.responses.create(body);
        assert.equal(answer.output_text, answers.hello);
        assert.equal(mock().seen.length, seenBefore + 1);
        const seen = mock().seen.at(-1);
        assert.equal(seen.path, '/v1/responses');
        assert.deepEqual(JSON.parse(seen.body), body);
        assert.equal(answer.id.startsWith('resp'), true);
    });

    test('a response goes on for the key that made it, for no other', async () => {
        const client = adapter().client;
        const first = await client.responses.create({ model: 'responses-mock', input: 'Say hello.' });
        const more = { model: 'responses-mock', input: 'Say more.', previous_response_id: first.id };
        assert.equal((await client.responses.create(more)).output_text, answers.hello);
        assert.equal(JSON.parse(mock().seen.at(-1).body).previous_response_id, first.id);
        const [made] = await headgate().cli('keys', 'create', '--name', 'somebody-else');
        const seenBefore = mock().seen.length;
        const attempts = counted.attempts;
        const foreign = await errorOf(client.withOptions({ apiKey: made.key }).responses.create(more));
        assert.equal(foreign.status, 400);
        assert.equal(foreign.code, 'previous_response_not_found');
        assert.equal(counted.attempts, attempts + 1);
        assert.equal(mock().seen.length, seenBefore);
    });

    test('a cap is refused with 400, which Codex does not retry', async () => {
        await headgate().cli('pools', 'add', '--name', 'tiny', '--scope', 'org', '--window', 'day', '--cap', '0.0000001');
        const before = counted.attempts;
        const error = await errorOf(adapter().client.responses.create({ model: 'sim-small', input: 'Hi.' }));
        assert.equal(error.status, 400);
        assert.equal(error.code, 'budget_exceeded');
        assert.equal(counted.attempts - before, 1);
        await headgate().cli('pools', 'archive', 'tiny');
    });
}

contract('OpenAI SDK, responses', openAiResponses, own, { responses: responsesUpstream });
