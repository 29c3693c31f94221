// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The Vercel AI SDK with its Anthropic and OpenAI-compatible providers over every kind of provider.

import { contract } from './contract.mjs';
import { aiSdkAnthropic, aiSdkCompatible } from './frameworks.mjs';

contract('AI SDK, Anthropic', aiSdkAnthropic);
contract('AI SDK, OpenAI-compatible', aiSdkCompatible);
