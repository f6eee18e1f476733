// The parameters of a chat: what was entered, as text, and what of it goes into a request.

export interface Parameters {
  temperature: string;
  top_p: string;
  max_tokens: string;
  seed: string;
  /** One a line. */
  stop: string;
  reasoning_effort: string;
  instructions: string;
  response_format: string;
  tools: string;
  systemPrompt: Switch;
  memory: Switch;
  serverTools: Switch;
  isKeyed: boolean;
}

/** Empty: as the gateway does it by itself. */
export type Switch = "" | "on" | "off";

export const NO_PARAMETERS: Parameters = {
  temperature: "",
  top_p: "",
  max_tokens: "",
  seed: "",
  stop: "",
  reasoning_effort: "",
  instructions: "",
  response_format: "",
  tools: "",
  systemPrompt: "",
  memory: "",
  serverTools: "",
  isKeyed: false,
};

export interface Read {
  /** Members of the request: only what was set. */
  members: Record<string, unknown>;
  augment: string;
  /** What cannot be sent, by field. */
  problems: Partial<Record<keyof Parameters, string>>;
  count: number;
}

/** Reads what was entered. Ranges are the gateway's to judge; this only sees that there is a number, or JSON. */
export function readParameters(parameters: Parameters): Read {
  const members: Record<string, unknown> = {};
  const problems: Read["problems"] = {};
  for (const name of ["temperature", "top_p", "max_tokens", "seed"] as const) {
    const text = parameters[name].trim();
    if (text === "") continue;
    const value = Number(text);
    if (Number.isFinite(value)) members[name] = value;
    else problems[name] = "This is not a number.";
  }
  const stop = parameters.stop.split("\n").filter((line) => line !== "");
  if (stop.length > 0) members["stop"] = stop;
  if (parameters.reasoning_effort !== "") members["reasoning_effort"] = parameters.reasoning_effort;
  for (const name of ["response_format", "tools"] as const) {
    if (parameters[name].trim() === "") continue;
    try {
      members[name] = JSON.parse(parameters[name]) as unknown;
    } catch (error) {
      problems[name] = `This is not JSON: ${error instanceof Error ? error.message : ""}`;
    }
  }
  if (members["tools"] !== undefined && !Array.isArray(members["tools"])) problems.tools = "Tools are a JSON array.";
  const switches = [
    ["system-prompt", parameters.systemPrompt],
    ["memory", parameters.memory],
    ["server-tools", parameters.serverTools],
  ].filter(([, value]) => value !== "");
  const augment = switches.map(([name, value]) => `${name}=${value}`).join(", ");
  const count = Object.keys(members).length + Object.keys(problems).length + switches.length;
  return { members, augment, problems, count: count + (parameters.instructions.trim() === "" ? 0 : 1) };
}
