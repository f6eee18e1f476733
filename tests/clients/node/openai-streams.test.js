// Streamed answers through the official OpenAI SDK for JavaScript, as any application uses it.

import { describe } from "node:test";

import { sdks } from "./openai-sdks.js";
import { testStreams } from "./openai-streams.js";

for (const sdk of sdks) describe(sdk.name, () => testStreams(sdk));
