// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// What every client must get from Headgate, whichever dialect it speaks and whichever dialect the
// provider behind speaks. A client is an adapter:
//   ask({model, text, signal})     → {text, usage: {input, output}}
//   stream({model, text, signal, onChunk}) → the same; must throw when the stream breaks off
//   toolRound({model, stream})     → {call: {name, args}, text}: asks for the weather, answers the call
//   structured({model})            → an object by weatherSchema
//   image({model})                 → {text}
// An absent function: the client has no such thing. addsUpUsage: it adds up the running totals of a
// stream, so its figure is no witness.

import test, { after, before, describe } from 'node:test';
import assert from 'node:assert/strict';
import { Headgate } from './headgate.mjs';
import { addUpstreams, answers, png, startMock, upstreams } from './mock.mjs';

const hello = 'Say hello to the new colleague.';
const stopWords = /try again|rate limit|overloaded/i;

/** Counts every request that global fetch sends to `url`. */
function countFetches(url) {
    const counted = { attempts: 0 };
    const original = globalThis.fetch;
    globalThis.fetch = (...args) => {
        const target = String(args[0]?.url ?? args[0]);
        if (target.startsWith(url())) counted.attempts += 1;
        return original(...args);
    };
    return counted;
}

/** The mock's Ollama reports no tokens; its others say the same numbers always. */
function checkUsage(upstream, usage) {
    if (upstream === 'sim') assert.ok(usage.input > 0 && usage.output > 0, JSON.stringify(usage));
    else if (upstream !== 'ollama') assert.deepEqual(usage, { input: 11, output: 7 });
}

export async function errorOf(promise) {
    try {
        await promise;
    } catch (error) {
        return error;
    }
    return assert.fail('it should have failed');
}

/** All that an error says to its user, with its causes. */
export function wordsOf(error) {
    const words = [];
    for (let each = error, depth = 0; each && depth < 6; each = each.cause ?? each.lastError, ++depth) {
        words.push(String(each.message ?? each), each.responseBody ?? '', JSON.stringify(each.error ?? ''));
    }
    return words.join('\n');
}

/** `more(context)` adds tests of what only this client has, `own` upstreams for it alone. */
export function contract(name, makeAdapter, more = () => {}, own = {}) {
    describe(name, () => define(name, makeAdapter, more, { ...upstreams, ...own }));
}

function define(name, makeAdapter, more, upstreams) {
    let headgate;
    let mock;
    let adapter;
    const counted = countFetches(() => headgate?.url ?? 'none');
    before(async () => {
        headgate = await Headgate.start();
        mock = await startMock();
        await addUpstreams(headgate, mock, upstreams);
        adapter = await makeAdapter(headgate);
    });
    after(async () => {
        await mock?.stop();
        assert.equal(await headgate.stop(), 0, headgate.errors);
    });

    const behind = { sim: 'sim-small', ...Object.fromEntries(Object.entries(upstreams).map(([k, u]) => [k, u.model])) };
    for (const [upstream, model] of Object.entries(behind)) {
        const isSim = upstream === 'sim';
        test(`${name} ← ${upstream}: answers`, async () => {
            const before = counted.attempts;
            const answer = await adapter.ask({ model, text: hello });
            assert.equal(counted.attempts, before + 1);
            assert.ok(answer.text.length > 0);
            if (!isSim) assert.equal(answer.text, answers.hello);
            checkUsage(upstream, answer.usage);
        });
        test(`${name} ← ${upstream}: streams`, async () => {
            let chunks = 0;
            const answer = await adapter.stream({ model, text: hello, onChunk: () => (chunks += 1) });
            assert.ok(answer.text.length > 0);
            if (!isSim) assert.equal(answer.text, answers.hello);
            assert.ok(chunks > 1, 'it came in pieces');
            if (!adapter.addsUpUsage) checkUsage(upstream, answer.usage);
        });
        if (isSim) continue;
        for (const stream of [false, true]) {
            test(`${name} ← ${upstream}: tools${stream ? ', streamed' : ''}`, async () => {
                const round = await adapter.toolRound({ model, stream });
                assert.equal(round.call.name, 'get_weather');
                assert.deepEqual(round.call.args, { city: 'Köln' });
                assert.equal(round.text, answers.weather);
            });
        }
        test(`${name} ← ${upstream}: structured output`, async (t) => {
            if (!adapter.structured) return t.skip('the client has no such thing');
            assert.deepEqual(await adapter.structured({ model }), answers.structured);
        });
        test(`${name} ← ${upstream}: an image`, async (t) => {
            if (!adapter.image) return t.skip('the client has no such thing');
            // Where nobody knows the most an image costs, a hard cap refuses it, once.
            const before = counted.attempts;
            try {
                assert.equal((await adapter.image({ model })).text, answers.picture);
            } catch (error) {
                assert.match(wordsOf(error), /cost of an image/);
            }
            assert.equal(counted.attempts, before + 1);
            await headgate.cli('pools', 'archive', 'organisation-day');
            try {
                assert.equal((await adapter.image({ model })).text, answers.picture);
            } finally {
                await headgate.cli('pools', 'restore', 'organisation-day');
            }
            const seen = mock.seen.at(-1).body;
            assert.ok(seen.includes(png.slice(0, 40)), `the image did not arrive: ${seen.slice(0, 400)}`);
        });
        test(`${name} ← ${upstream}: a stream that breaks off raises, once`, async () => {
            const before = counted.attempts;
            let text = '';
            const error = await errorOf(adapter.stream({ model, text: 'Please break off.', onChunk: (c) => (text += c ?? '') }));
            assert.ok(error instanceof Error, String(error));
            assert.ok(counted.attempts - before === 1, `${counted.attempts - before} attempts`);
            await headgate.settled();
        });
        test(`${name} ← ${upstream}: a client that leaves is settled`, async () => {
            const controller = new AbortController();
            let chunks = 0;
            const onChunk = () => {
                if (++chunks === 2) controller.abort();
            };
            await adapter.stream({ model, text: 'Tell it slowly.', signal: controller.signal, onChunk }).catch(() => {});
            assert.ok(chunks >= 2);
            await headgate.settled(60_000);
        });
    }

    test(`${name}: a cap is refused once, and its message is shown`, async () => {
        await headgate.cli('pools', 'add', '--name', 'tight-cap', '--scope', 'org', '--window', 'day', '--cap', '0.0000001');
        try {
            for (const model of ['sim-small', 'chat-mock', 'claude-mock']) {
                for (const how of ['ask', 'stream']) {
                    const before = counted.attempts;
                    const error = await errorOf(adapter[how]({ model, text: hello, onChunk: () => {} }));
                    assert.equal(counted.attempts - before, 1, `${how} ${model}: a cap must not be tried again`);
                    const words = wordsOf(error);
                    assert.match(words, /tight-cap/, `${how} ${model}`);
                    assert.match(words, /\$/);
                    assert.doesNotMatch(words, stopWords);
                }
            }
        } finally {
            await headgate.cli('pools', 'archive', 'tight-cap');
        }
        assert.ok((await adapter.ask({ model: 'sim-small', text: hello })).text.length > 0);
    });

    test(`${name}: an unknown model is named, once`, async () => {
        const before = counted.attempts;
        const error = await errorOf(adapter.ask({ model: 'no-such-model', text: hello }));
        assert.match(wordsOf(error), /no-such-model/);
        assert.equal(counted.attempts - before, 1);
    });

    more({ headgate: () => headgate, mock: () => mock, adapter: () => adapter, counted });

    test(`${name}: the books agree at the end`, async () => {
        await headgate.settled();
        const [verified] = await headgate.cli('ledger', 'verify');
        assert.equal(verified.ok, true, JSON.stringify(verified));
    });

}
