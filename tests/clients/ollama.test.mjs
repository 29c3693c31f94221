// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The Ollama client over every kind of provider.

import test from 'node:test';
import assert from 'node:assert/strict';
import { ollama } from './adapters.mjs';
import { contract } from './contract.mjs';

contract('Ollama client', ollama, ({ adapter }) => {
    test('lists models', async () => {
        const { models } = await adapter().client.list();
        assert.ok(models.some((model) => model.name === 'auto'), JSON.stringify(models.map((model) => model.name)));
    });

    test('generates, whole and streamed', async () => {
        const ask = { model: 'sim-small', prompt: 'Say hello.', options: { num_predict: 50 } };
        assert.ok((await adapter().client.generate(ask)).response.length > 0);
        let text = '';
        for await (const part of await adapter().client.generate({ ...ask, stream: true })) text += part.response;
        assert.ok(text.length > 0);
    });
});
