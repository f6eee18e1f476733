// Whole answers through the official OpenAI SDK for JavaScript, as any application uses it.

import { describe } from "node:test";

import { testChats } from "./openai-chats.js";
import { sdks } from "./openai-sdks.js";

for (const sdk of sdks) describe(sdk.name, () => testChats(sdk));
