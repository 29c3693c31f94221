// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The Vercel AI SDK with its OpenAI provider (chat and responses) over every kind of provider.

import { contract } from './contract.mjs';
import { aiSdkOpenAiChat, aiSdkOpenAiResponses } from './frameworks.mjs';

contract('AI SDK, OpenAI chat', aiSdkOpenAiChat);
contract('AI SDK, OpenAI responses', aiSdkOpenAiResponses);
