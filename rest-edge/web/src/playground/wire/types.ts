// The shapes of the gateway's answers, as far as the page reads them; /openapi.json describes them in full.

/** Who asks: headers that go along with every request, each only where something was entered. */
export interface Identity {
  tenant: string;
  user: string;
  scope: string;
}

export interface Page<Item> {
  items: Item[];
  total: number;
  limit: number;
  offset: number;
}

export interface Model {
  alias: string;
  family: string | null;
  context_window: number | null;
  max_output_tokens: number | null;
  tools: boolean | null;
  reasoning: boolean | null;
  modalities: { input: string[]; output: string[] } | null;
  constraints: {
    min_max_tokens: number | null;
    accepts_image_url: boolean;
    typical_response_seconds: number | null;
  };
}

export interface ServerTool {
  name: string;
  description: string;
  parameters: unknown;
}

export interface Conversation {
  id: string;
  title: string | null;
  model: string;
  message_count: number;
  created_at: string;
  last_used_at: string;
}

export interface TextPart {
  type: "text";
  text: string;
}

export interface ImagePart {
  type: "image_url";
  image_url: { url: string };
}

export type Content = string | (TextPart | ImagePart)[] | null;

export interface ToolCall {
  id: string;
  type?: string;
  function?: { name: string; arguments: string };
}

export interface StoredMessage {
  sequence: number;
  role: "user" | "assistant" | "tool";
  content: Content;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
  refusal?: string;
  reasoning_content?: string;
  images?: { image_url?: { url?: string } }[];
  status: "complete" | "incomplete";
  model: string;
  turn_id: string;
}

export type Visibility = "private" | "public";

export interface MemoryEntry {
  key: string;
  value: string;
  visibility: Visibility;
  origin: { kind: "human" | "tool"; conversation_id?: string; turn_id?: string };
  updated_at: string;
}

export interface MemoryUsage {
  visibility: Visibility;
  scope_id: string;
  entries: number;
  used_bytes: number;
  cap_bytes: number;
  remaining_bytes: number;
}

export type Level = "tenant" | "scope" | "user";

export interface Prompt {
  level: Level;
  version: number;
  is_current: boolean;
  content?: string;
  note?: string;
  size_bytes: number;
  author_user_id?: string;
  author_token_id: string;
  created_at: string;
}

export interface EffectivePrompt {
  content?: string;
  levels: Prompt[];
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details?: { cached_tokens?: number };
  completion_tokens_details?: { reasoning_tokens?: number };
}

export interface Notice {
  code: string;
  message: string;
}
