/** Hands a document to the browser's downloads, byte for byte, so that numbers too large for a script stay whole. */
export function save(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The download begins after this; the browser keeps what it reads of it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
