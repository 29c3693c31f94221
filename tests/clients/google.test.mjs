// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The Google GenAI SDK over every kind of provider.

import test from 'node:test';
import assert from 'node:assert/strict';
import { googleGenAi } from './adapters.mjs';
import { contract, errorOf } from './contract.mjs';

contract('Google GenAI SDK', googleGenAi, ({ headgate, adapter, counted }) => {
    test('counts tokens', async () => {
        const answer = await adapter().client.models.countTokens({ model: 'sim-small', contents: 'How many are these?' });
        assert.ok(answer.totalTokens > 2 && answer.totalTokens < 100, String(answer.totalTokens));
    });

    test('a cap is a failed precondition, 400', async () => {
        await headgate().cli('pools', 'add', '--name', 'tiny', '--scope', 'org', '--window', 'day', '--cap', '0.0000001');
        const before = counted.attempts;
        const error = await errorOf(adapter().client.models.generateContent({ model: 'sim-small', contents: 'Hi.' }));
        assert.equal(error.status, 400);
        assert.match(error.message, /FAILED_PRECONDITION/);
        assert.equal(counted.attempts - before, 1);
        await headgate().cli('pools', 'archive', 'tiny');
    });
});
