// The error catalog: what a reader can do about each code. It is read once, at the first error.

export interface CatalogEntry {
  code: string;
  title: string;
  remediation: string;
}

let reading: Promise<Map<string, CatalogEntry>> | null = null;

async function read(): Promise<Map<string, CatalogEntry>> {
  const answer = await fetch("/errors");
  if (!answer.ok) throw new Error("The catalog cannot be read.");
  const { entries } = (await answer.json()) as { entries: CatalogEntry[] };
  return new Map(entries.map((entry) => [entry.code, entry]));
}

/** What the catalog says of a code; nothing when it cannot be read, since an error must be shown all the same. */
export async function look(code: string): Promise<CatalogEntry | undefined> {
  try {
    reading ??= read();
    return (await reading).get(code);
  } catch {
    reading = null;
    return undefined;
  }
}
