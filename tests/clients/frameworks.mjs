// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The frameworks on top of the SDKs (Vercel AI SDK, LangChain), as contract.mjs wants them.

import { questions } from './adapters.mjs';
import { png, weatherSchema, weatherTool } from './mock.mjs';

// --- Vercel AI SDK: `make(headgate)` gives a function from a model's name to a language model

async function aiSdk(make) {
    const { generateText, streamText, jsonSchema, tool, stepCountIs, Output } = await import('ai');
    const usageOf = (usage) => ({ input: usage?.inputTokens ?? 0, output: usage?.outputTokens ?? 0 });
    const onError = () => {}; // the default writes to the console; the error is in the stream, too
    async function collect(settings, onChunk = () => {}) {
        const result = streamText({ maxOutputTokens: 800, onError, ...settings });
        let text = '';
        let finish = null;
        for await (const part of result.fullStream) {
            if (part.type === 'error') throw part.error instanceof Error ? part.error : new Error(JSON.stringify(part.error));
            if (part.type === 'abort') throw new Error('aborted');
            if (part.type === 'text-delta') {
                text += part.text;
                onChunk(part.text);
            }
            if (part.type === 'finish') finish = part;
        }
        if (!finish || ['error', 'unknown', 'other'].includes(finish.finishReason)) {
            throw new Error(`the stream ended with ${finish?.finishReason}`);
        }
        return { result, text, usage: usageOf(finish.totalUsage) };
    }
    return {
        async ask({ model, text, signal }) {
            const answer = await generateText({ model: make(model), prompt: text, maxOutputTokens: 200, abortSignal: signal });
            return { text: answer.text, usage: usageOf(answer.usage) };
        },
        stream: ({ model, text, signal, onChunk }) =>
            collect({ model: make(model), prompt: text, abortSignal: signal }, onChunk),
        async toolRound({ model, stream }) {
            const calls = [];
            const tools = {
                [weatherTool.name]: tool({
                    description: weatherTool.description,
                    inputSchema: jsonSchema(weatherTool.parameters),
                    execute: async (args) => {
                        calls.push({ name: weatherTool.name, args });
                        return { degrees: 7 };
                    },
                }),
            };
            const settings = { model: make(model), prompt: questions.weather, tools, stopWhen: stepCountIs(3) };
            const text = stream ? (await collect(settings)).text : (await generateText({ maxOutputTokens: 200, ...settings })).text;
            return { call: calls[0], text };
        },
        async structured({ model }) {
            const answer = await generateText({ model: make(model), prompt: questions.structured, maxOutputTokens: 200,
                output: Output.object({ schema: jsonSchema(weatherSchema), name: 'weather' }) });
            return answer.output;
        },
        async image({ model }) {
            const content = [{ type: 'text', text: questions.picture },
                { type: 'file', data: Buffer.from(png, 'base64'), mediaType: 'image/png' }];
            const answer = await generateText({ model: make(model), maxOutputTokens: 200, messages: [{ role: 'user', content }] });
            return { text: answer.text };
        },
    };
}

export async function aiSdkOpenAiChat({ url, key }) {
    const { createOpenAI } = await import('@ai-sdk/openai');
    const provider = createOpenAI({ baseURL: `${url}/v1`, apiKey: key });
    return aiSdk((model) => provider.chat(model));
}
export async function aiSdkOpenAiResponses({ url, key }) {
    const { createOpenAI } = await import('@ai-sdk/openai');
    const provider = createOpenAI({ baseURL: `${url}/v1`, apiKey: key });
    return aiSdk((model) => provider.responses(model));
}
export async function aiSdkAnthropic({ url, key }) {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    const provider = createAnthropic({ baseURL: `${url}/v1`, apiKey: key });
    return aiSdk((model) => provider(model));
}
export async function aiSdkCompatible({ url, key }) {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
    const provider = createOpenAICompatible({ name: 'headgate', baseURL: `${url}/v1`, apiKey: key, includeUsage: true,
        supportsStructuredOutputs: true });
    return aiSdk((model) => provider(model));
}

// --- LangChain

async function langChain(make, more = {}) {
    const { HumanMessage, ToolMessage } = await import('@langchain/core/messages');
    const { tool } = await import('@langchain/core/tools');
    const usageOf = (usage) => ({ input: usage?.input_tokens ?? 0, output: usage?.output_tokens ?? 0 });
    const weather = tool(async () => JSON.stringify({ degrees: 7 }),
        { name: weatherTool.name, description: weatherTool.description, schema: weatherTool.parameters });
    async function collect(runnable, input, options = {}, onChunk = () => {}) {
        let all = null;
        for await (const chunk of await runnable.stream(input, options)) {
            all = all ? all.concat(chunk) : chunk;
            if (chunk.text) onChunk(chunk.text);
        }
        return all;
    }
    return {
        ...more,
        async ask({ model, text, signal }) {
            const answer = await make(model).invoke(text, { signal });
            return { text: answer.text, usage: usageOf(answer.usage_metadata) };
        },
        async stream({ model, text, signal, onChunk }) {
            const answer = await collect(make(model), text, { signal }, onChunk);
            return { text: answer.text, usage: usageOf(answer.usage_metadata) };
        },
        async toolRound({ model, stream }) {
            const bound = make(model).bindTools([weather]);
            const ask = (messages) => (stream ? collect(bound, messages) : bound.invoke(messages));
            const messages = [new HumanMessage(questions.weather)];
            const first = await ask(messages);
            const call = first.tool_calls[0];
            messages.push(first, new ToolMessage({ tool_call_id: call.id, name: call.name, content: JSON.stringify({ degrees: 7 }) }));
            const last = await ask(messages);
            return { call: { name: call.name, args: call.args }, text: last.text };
        },
        async structured({ model }) {
            const runnable = make(model).withStructuredOutput(
                { title: 'weather', ...weatherSchema }, { name: 'weather', method: 'jsonSchema' });
            return runnable.invoke(questions.structured);
        },
        async image({ model }) {
            const content = [{ type: 'text', text: questions.picture },
                { type: 'image', source_type: 'base64', mime_type: 'image/png', data: png }];
            const answer = await make(model).invoke([new HumanMessage({ content })]);
            return { text: answer.text };
        },
    };
}

export async function langChainOpenAi({ url, key }) {
    const { ChatOpenAI } = await import('@langchain/openai');
    return langChain((model) => new ChatOpenAI({ model, apiKey: key, maxTokens: 800, configuration: { baseURL: `${url}/v1` } }));
}
export async function langChainAnthropic({ url, key }) {
    const { ChatAnthropic } = await import('@langchain/anthropic');
    return langChain((model) => new ChatAnthropic({ model, apiKey: key, maxTokens: 800, anthropicApiUrl: url }),
        { addsUpUsage: true });
}
