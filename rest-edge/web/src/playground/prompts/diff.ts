// What changed between two texts, line by line.

export interface Line {
  kind: "same" | "removed" | "added";
  text: string;
}

/** Beyond this many pairs of lines texts are told apart as wholes, since a table of the pairs would be too large. */
const MAX_PAIRS = 4_000_000;

/** The longest common subsequence of lines decides what stayed; what both texts begin and end with is not compared. */
export function diff(from: string, to: string): Line[] {
  const old = from === "" ? [] : from.split("\n");
  const young = to === "" ? [] : to.split("\n");
  let start = 0;
  while (start < old.length && start < young.length && old[start] === young[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < young.length - start && old.at(-1 - end) === young.at(-1 - end)) end += 1;
  const same = (lines: string[]) => lines.map((text): Line => ({ kind: "same", text }));
  return [
    ...same(old.slice(0, start)),
    ...middle(old.slice(start, old.length - end), young.slice(start, young.length - end)),
    ...same(old.slice(old.length - end)),
  ];
}

function middle(old: string[], young: string[]): Line[] {
  if (old.length * young.length > MAX_PAIRS) {
    const all = (kind: Line["kind"], lines: string[]) => lines.map((text): Line => ({ kind, text }));
    return [...all("removed", old), ...all("added", young)];
  }
  const width = young.length + 1;
  // lengths[i * width + j] is the length of what old from i on and young from j on have in common.
  const lengths = new Uint16Array((old.length + 1) * width);
  const at = (i: number, j: number) => lengths[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = young.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] = old[i] === young[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < young.length) {
    if (i < old.length && j < young.length && old[i] === young[j]) {
      lines.push({ kind: "same", text: old[i] ?? "" });
      i += 1;
      j += 1;
    } else if (j >= young.length || (i < old.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ kind: "removed", text: old[i] ?? "" });
      i += 1;
    } else {
      lines.push({ kind: "added", text: young[j] ?? "" });
      j += 1;
    }
  }
  return lines;
}
