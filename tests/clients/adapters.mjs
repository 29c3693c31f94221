// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The SDKs that speak to a provider themselves, as contract.mjs wants them. All settings are the
// SDK's own but for the address and the key.

import { png, weatherSchema, weatherTool } from './mock.mjs';

export const questions = {
    weather: 'What is the weather in Köln?',
    structured: 'The same as structured data, please.',
    picture: 'What is in this picture?',
};
const toolResult = JSON.stringify({ degrees: 7 });

// --- OpenAI chat

export async function openAiChat({ url, key }) {
    const { default: OpenAI } = await import('openai');
    const client = new OpenAI({ apiKey: key, baseURL: `${url}/v1` });
    const usageOf = (usage) => ({ input: usage?.prompt_tokens ?? 0, output: usage?.completion_tokens ?? 0 });
    const tools = [{ type: 'function', function: weatherTool }];
    async function collect(body, options = {}, onChunk = () => {}) {
        const stream = await client.chat.completions.create(
            { ...body, stream: true, stream_options: { include_usage: true } }, options);
        const all = { text: '', calls: [], usage: null };
        for await (const chunk of stream) {
            all.usage = chunk.usage ?? all.usage;
            const delta = chunk.choices[0]?.delta ?? {};
            if (delta.content) {
                all.text += delta.content;
                onChunk(delta.content);
            }
            for (const call of delta.tool_calls ?? []) {
                const known = (all.calls[call.index] ??= { id: '', name: '', args: '' });
                known.id += call.id ?? '';
                known.name += call.function?.name ?? '';
                known.args += call.function?.arguments ?? '';
            }
        }
        return { ...all, usage: usageOf(all.usage) };
    }
    return {
        client,
        async ask({ model, text, signal }) {
            const answer = await client.chat.completions.create(
                { model, messages: [{ role: 'user', content: text }], max_tokens: 200 }, { signal });
            return { text: answer.choices[0].message.content, usage: usageOf(answer.usage) };
        },
        stream: ({ model, text, signal, onChunk }) =>
            collect({ model, messages: [{ role: 'user', content: text }], max_tokens: 800 }, { signal }, onChunk),
        async toolRound({ model, stream }) {
            const messages = [{ role: 'user', content: questions.weather }];
            let call;
            if (stream) {
                call = (await collect({ model, messages, tools, max_tokens: 200 })).calls[0];
            } else {
                const first = await client.chat.completions.create({ model, messages, tools, max_tokens: 200 });
                const made = first.choices[0].message.tool_calls[0];
                call = { id: made.id, name: made.function.name, args: made.function.arguments };
            }
            messages.push({ role: 'assistant', content: null,
                tool_calls: [{ id: call.id, type: 'function', function: { name: call.name, arguments: call.args } }] });
            messages.push({ role: 'tool', tool_call_id: call.id, content: toolResult });
            const last = stream
                ? await collect({ model, messages, tools, max_tokens: 200 })
                : (await client.chat.completions.create({ model, messages, tools, max_tokens: 200 })).choices[0].message;
            return { call: { name: call.name, args: JSON.parse(call.args) }, text: last.text ?? last.content };
        },
        async structured({ model }) {
            const answer = await client.chat.completions.parse({ model, max_tokens: 200,
                messages: [{ role: 'user', content: questions.structured }],
                response_format: { type: 'json_schema', json_schema: { name: 'weather', strict: true, schema: weatherSchema } } });
            return JSON.parse(answer.choices[0].message.content);
        },
        async image({ model }) {
            const content = [{ type: 'text', text: questions.picture },
                { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } }];
            const answer = await client.chat.completions.create({ model, messages: [{ role: 'user', content }], max_tokens: 200 });
            return { text: answer.choices[0].message.content };
        },
    };
}

// --- OpenAI responses

export async function openAiResponses({ url, key }) {
    const { default: OpenAI } = await import('openai');
    const client = new OpenAI({ apiKey: key, baseURL: `${url}/v1` });
    const usageOf = (usage) => ({ input: usage?.input_tokens ?? 0, output: usage?.output_tokens ?? 0 });
    const tools = [{ type: 'function', ...weatherTool, strict: true }];
    async function collect(body, options = {}, onChunk = () => {}) {
        const stream = await client.responses.create({ ...body, stream: true }, options);
        let text = '';
        let response = null;
        let terminals = 0;
        for await (const event of stream) {
            if (event.type === 'response.output_text.delta') {
                text += event.delta;
                onChunk(event.delta);
            }
            if (event.type === 'error') throw new Error(event.message);
            if (event.type === 'response.failed') throw new Error(event.response.error?.message);
            if (['response.completed', 'response.incomplete'].includes(event.type)) {
                terminals += 1;
                response = event.response;
            }
        }
        if (options.signal?.aborted) throw new Error('left');
        if (terminals !== 1) throw new Error(`${terminals} terminal events`);
        return { text, response, usage: usageOf(response.usage) };
    }
    return {
        client,
        async ask({ model, text, signal }) {
            const answer = await client.responses.create({ model, input: text, max_output_tokens: 200 }, { signal });
            return { text: answer.output_text, usage: usageOf(answer.usage) };
        },
        stream: ({ model, text, signal, onChunk }) =>
            collect({ model, input: text, max_output_tokens: 800 }, { signal }, onChunk),
        async toolRound({ model, stream }) {
            const input = [{ role: 'user', content: questions.weather }];
            const ask = async () => (stream
                ? (await collect({ model, input, tools, max_output_tokens: 200, store: false })).response
                : client.responses.create({ model, input, tools, max_output_tokens: 200, store: false }));
            const first = await ask();
            const call = first.output.find((item) => item.type === 'function_call');
            input.push(...first.output, { type: 'function_call_output', call_id: call.call_id, output: toolResult });
            const last = await ask();
            const text = last.output.flatMap((item) => item.content ?? []).map((part) => part.text ?? '').join('');
            return { call: { name: call.name, args: JSON.parse(call.arguments) }, text };
        },
        async structured({ model }) {
            const answer = await client.responses.parse({ model, input: questions.structured, max_output_tokens: 200,
                text: { format: { type: 'json_schema', name: 'weather', strict: true, schema: weatherSchema } } });
            return JSON.parse(answer.output_text);
        },
        async image({ model }) {
            const content = [{ type: 'input_text', text: questions.picture },
                { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${png}` }];
            const answer = await client.responses.create({ model, input: [{ role: 'user', content }], max_output_tokens: 200 });
            return { text: answer.output_text };
        },
    };
}

// --- Anthropic

export async function anthropic({ url, key }) {
    const { default: Anthropic } = await import('@anthropic-ai/sdk');
    const client = new Anthropic({ apiKey: key, baseURL: url });
    const usageOf = (usage) => ({
        input: (usage?.input_tokens ?? 0) + (usage?.cache_read_input_tokens ?? 0), output: usage?.output_tokens ?? 0 });
    const textOf = (message) => message.content.filter((b) => b.type === 'text').map((b) => b.text).join('');
    const tools = [{ name: weatherTool.name, description: weatherTool.description, input_schema: weatherTool.parameters }];
    async function collect(body, options = {}, onChunk = () => {}) {
        const stream = client.messages.stream(body, options);
        stream.on('text', onChunk);
        const message = await stream.finalMessage();
        return { message, text: textOf(message), usage: usageOf(message.usage) };
    }
    return {
        client,
        async ask({ model, text, signal }) {
            const message = await client.messages.create(
                { model, max_tokens: 200, messages: [{ role: 'user', content: text }] }, { signal });
            return { text: textOf(message), usage: usageOf(message.usage) };
        },
        stream: ({ model, text, signal, onChunk }) =>
            collect({ model, max_tokens: 800, messages: [{ role: 'user', content: text }] }, { signal }, onChunk),
        async toolRound({ model, stream }) {
            const messages = [{ role: 'user', content: questions.weather }];
            const ask = async () => (stream
                ? (await collect({ model, max_tokens: 200, tools, messages })).message
                : client.messages.create({ model, max_tokens: 200, tools, messages }));
            const first = await ask();
            const call = first.content.find((block) => block.type === 'tool_use');
            messages.push({ role: 'assistant', content: first.content });
            messages.push({ role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: toolResult }] });
            const last = await ask();
            if (first.stop_reason !== 'tool_use') throw new Error(`stop_reason ${first.stop_reason}`);
            return { call: { name: call.name, args: call.input }, text: textOf(last) };
        },
        async structured({ model }) {
            const message = await client.messages.create({ model, max_tokens: 200,
                messages: [{ role: 'user', content: questions.structured }],
                output_config: { format: { type: 'json_schema', schema: weatherSchema } } });
            return JSON.parse(textOf(message));
        },
        async image({ model }) {
            const content = [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } },
                { type: 'text', text: questions.picture }];
            const message = await client.messages.create({ model, max_tokens: 200, messages: [{ role: 'user', content }] });
            return { text: textOf(message) };
        },
    };
}

// --- Google GenAI

export async function googleGenAi({ url, key }) {
    const { GoogleGenAI } = await import('@google/genai');
    const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
    const usageOf = (usage) => ({ input: usage?.promptTokenCount ?? 0, output: usage?.candidatesTokenCount ?? 0 });
    const tools = [{ functionDeclarations: [{ name: weatherTool.name, description: weatherTool.description,
        parametersJsonSchema: weatherTool.parameters }] }];
    async function collect(body, onChunk = () => {}) {
        let text = '';
        let usage = null;
        const parts = [];
        let finish = null;
        for await (const chunk of await client.models.generateContentStream(body)) {
            parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
            finish = chunk.candidates?.[0]?.finishReason ?? finish;
            usage = chunk.usageMetadata ?? usage;
            if (chunk.text) {
                text += chunk.text;
                onChunk(chunk.text);
            }
        }
        if (!finish) throw new Error('the stream has no finishReason');
        return { text, parts, usage: usageOf(usage) };
    }
    return {
        client,
        async ask({ model, text, signal }) {
            const answer = await client.models.generateContent(
                { model, contents: text, config: { maxOutputTokens: 200, abortSignal: signal } });
            return { text: answer.text, usage: usageOf(answer.usageMetadata) };
        },
        stream: ({ model, text, signal, onChunk }) =>
            collect({ model, contents: text, config: { maxOutputTokens: 800, abortSignal: signal } }, onChunk),
        async toolRound({ model, stream }) {
            const contents = [{ role: 'user', parts: [{ text: questions.weather }] }];
            const ask = async () => {
                const body = { model, contents, config: { tools, maxOutputTokens: 200 } };
                return stream ? (await collect(body)).parts
                    : (await client.models.generateContent(body)).candidates[0].content.parts;
            };
            const first = await ask();
            const call = first.find((part) => part.functionCall).functionCall;
            contents.push({ role: 'model', parts: first });
            contents.push({ role: 'user', parts: [{ functionResponse: { id: call.id, name: call.name, response: { degrees: 7 } } }] });
            const last = await ask();
            return { call: { name: call.name, args: call.args }, text: last.map((part) => part.text ?? '').join('') };
        },
        async structured({ model }) {
            const answer = await client.models.generateContent({ model, contents: questions.structured,
                config: { responseMimeType: 'application/json', responseJsonSchema: weatherSchema, maxOutputTokens: 200 } });
            return JSON.parse(answer.text);
        },
        async image({ model }) {
            const parts = [{ text: questions.picture }, { inlineData: { mimeType: 'image/png', data: png } }];
            const answer = await client.models.generateContent(
                { model, contents: [{ role: 'user', parts }], config: { maxOutputTokens: 200 } });
            return { text: answer.text };
        },
    };
}

// --- Ollama

export async function ollama({ url, key }) {
    const { Ollama } = await import('ollama');
    const make = () => new Ollama({ host: url, headers: { Authorization: `Bearer ${key}` } });
    const usageOf = (answer) => ({ input: answer?.prompt_eval_count ?? 0, output: answer?.eval_count ?? 0 });
    const tools = [{ type: 'function', function: weatherTool }];
    const options = { num_predict: 800 };
    async function collect(body, signal, onChunk = () => {}) {
        const client = make();
        signal?.addEventListener('abort', () => client.abort());
        const all = { text: '', calls: [], usage: null };
        for await (const chunk of await client.chat({ ...body, stream: true, options })) {
            if (chunk.message.content) {
                all.text += chunk.message.content;
                onChunk(chunk.message.content);
            }
            all.calls.push(...(chunk.message.tool_calls ?? []));
            if (chunk.done) all.usage = chunk;
        }
        if (!all.usage) throw new Error('the stream has no end');
        return { text: all.text, calls: all.calls, usage: usageOf(all.usage) };
    }
    return {
        client: make(),
        async ask({ model, text }) {
            const answer = await make().chat({ model, messages: [{ role: 'user', content: text }], options });
            return { text: answer.message.content, usage: usageOf(answer) };
        },
        stream: ({ model, text, signal, onChunk }) =>
            collect({ model, messages: [{ role: 'user', content: text }] }, signal, onChunk),
        async toolRound({ model, stream }) {
            const messages = [{ role: 'user', content: questions.weather }];
            let call;
            if (stream) call = (await collect({ model, messages, tools })).calls[0];
            else call = (await make().chat({ model, messages, tools, options })).message.tool_calls[0];
            messages.push({ role: 'assistant', content: '', tool_calls: [call] });
            messages.push({ role: 'tool', tool_name: call.function.name, content: toolResult });
            const last = stream ? await collect({ model, messages, tools })
                : { text: (await make().chat({ model, messages, tools, options })).message.content };
            return { call: { name: call.function.name, args: call.function.arguments }, text: last.text };
        },
        async structured({ model }) {
            const answer = await make().chat(
                { model, messages: [{ role: 'user', content: questions.structured }], format: weatherSchema, options });
            return JSON.parse(answer.message.content);
        },
        async image({ model }) {
            const answer = await make().chat(
                { model, messages: [{ role: 'user', content: questions.picture, images: [png] }], options });
            return { text: answer.message.content };
        },
    };
}
