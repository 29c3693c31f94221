// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The OpenAI Node SDK's Responses over every kind of provider.

import test from 'node:test';
import assert from 'node:assert/strict';
import { openAiResponses } from './adapters.mjs';
import { contract, errorOf } from './contract.mjs';

contract('OpenAI SDK, responses', openAiResponses, ({ headgate, adapter, counted }) => {
    test('a cap is refused with 400, which Codex does not retry', async () => {
        await headgate().cli('pools', 'add', '--name', 'tiny', '--scope', 'org', '--window', 'day', '--cap', '0.0000001');
        const before = counted.attempts;
        const error = await errorOf(adapter().client.responses.create({ model: 'sim-small', input: 'Hi.' }));
        assert.equal(error.status, 400);
        assert.equal(error.code, 'budget_exceeded');
        assert.equal(counted.attempts - before, 1);
        await headgate().cli('pools', 'archive', 'tiny');
    });
});
