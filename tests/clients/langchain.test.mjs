// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// LangChain with its OpenAI and Anthropic packages over every kind of provider.

import { contract } from './contract.mjs';
import { langChainAnthropic, langChainOpenAi } from './frameworks.mjs';

contract('LangChain, OpenAI', langChainOpenAi);
contract('LangChain, Anthropic', langChainAnthropic);
