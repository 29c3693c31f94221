// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The OpenAI Node SDK's chat completions and embeddings over every kind of provider.

import test from 'node:test';
import assert from 'node:assert/strict';
import { openAiChat } from './adapters.mjs';
import { contract } from './contract.mjs';

contract('OpenAI SDK, chat', openAiChat, ({ headgate, mock, adapter, counted }) => {
    test('embeddings, as the SDK asks for them (base64)', async () => {
        // A provider of a known name comes with the models of the price book.
        await headgate().cli('providers', 'add', '--name', 'openai', '--dialect', 'openai', '--url', `${mock().url}/v1`);
        const before = counted.attempts;
        const answer = await adapter().client.embeddings.create({ model: 'text-embedding-3-small', input: ['one', 'two'] });
        assert.equal(counted.attempts - before, 1);
        assert.equal(answer.data.length, 2);
        assert.equal(answer.data[0].embedding.length, 8);
        assert.ok(Math.abs(answer.data[0].embedding[4] - 0.5) < 1e-6);
        assert.equal(JSON.parse(mock().seen.at(-1).body).encoding_format, 'base64');
        await headgate().settled();
    });

    test('lists models', async () => {
        const ids = [];
        for await (const model of adapter().client.models.list()) ids.push(model.id);
        for (const id of ['auto', 'auto:cheap', 'auto:best']) assert.ok(ids.includes(id), `${id} in ${ids}`);
        assert.equal((await adapter().client.models.retrieve('auto')).id, 'auto');
    });
});
