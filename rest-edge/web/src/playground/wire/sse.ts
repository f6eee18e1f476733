// Server-sent events, read as they come.

export interface ServerEvent {
  /** `message` where the event has no name. */
  name: string;
  data: string;
}

/** Cuts bytes into events. A line ends with CR, LF or both; U+2028 and its like are text. */
export class EventReader {
  private readonly decoder = new TextDecoder();
  private rest = "";
  private name = "";
  private data: string[] = [];

  /** The events that end within these bytes. */
  push(bytes: Uint8Array): ServerEvent[] {
    this.rest += this.decoder.decode(bytes, { stream: true });
    const events: ServerEvent[] = [];
    for (;;) {
      const end = this.rest.search(/[\r\n]/);
      // After a CR at the very end an LF may follow.
      if (end < 0 || (this.rest[end] === "\r" && end + 1 === this.rest.length)) return events;
      const line = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + (this.rest.startsWith("\r\n", end) ? 2 : 1));
      if (line === "") this.finish(events);
      else this.take(line);
    }
  }

  private take(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.name = value;
    if (field === "data") this.data.push(value);
  }

  private finish(events: ServerEvent[]): void {
    if (this.data.length > 0) events.push({ name: this.name || "message", data: this.data.join("\n") });
    this.name = "";
    this.data = [];
  }
}
