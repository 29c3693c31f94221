// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The Anthropic Node SDK over every kind of provider.

import test from 'node:test';
import assert from 'node:assert/strict';
import { anthropic } from './adapters.mjs';
import { contract, errorOf } from './contract.mjs';

contract('Anthropic SDK', anthropic, ({ headgate, adapter, counted }) => {
    const hello = [{ role: 'user', content: 'How many tokens are these words?' }];

    test('counts tokens', async () => {
        for (const model of ['sim-small', 'chat-mock']) {
            const counted = await adapter().client.messages.countTokens({ model, messages: hello });
            assert.ok(counted.input_tokens > 3 && counted.input_tokens < 100, String(counted.input_tokens));
        }
    });

    test('lists models', async () => {
        const ids = [];
        for await (const model of adapter().client.models.list()) {
            assert.equal(model.type, 'model');
            ids.push(model.id);
        }
        assert.ok(ids.includes('auto'), String(ids));
    });

    test('a cap is a billing error, 402', async () => {
        await headgate().cli('pools', 'add', '--name', 'tiny', '--scope', 'org', '--window', 'day', '--cap', '0.0000001');
        const before = counted.attempts;
        const error = await errorOf(adapter().client.messages.create({ model: 'sim-small', max_tokens: 9, messages: hello }));
        assert.equal(error.status, 402);
        assert.equal(error.error.error.type, 'billing_error');
        assert.equal(counted.attempts - before, 1);
        await headgate().cli('pools', 'archive', 'tiny');
    });
});
