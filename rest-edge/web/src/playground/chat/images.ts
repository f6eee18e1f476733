// Pictures that a reader gives: looked at here, so that what the gateway would refuse is told at once.

export const IMAGE_TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif"];

/** What the gateway takes; a body of its usual size holds the base64 of a file of this one. */
const MAX_SIDE = 8192;
const MAX_PIXELS = 40_000_000;
const MAX_BYTES = 20 * 1024 * 1024;

export interface Picture {
  name: string;
  url: string;
  width: number;
  height: number;
}

/** A file as a data URI, or why it is none. */
export async function pictureOf(file: File): Promise<Picture | string> {
  if (!IMAGE_TYPES.includes(file.type)) return `${file.name}: only JPEG, PNG, WebP and GIF are taken.`;
  if (file.size > MAX_BYTES) return `${file.name}: larger than 20 MB.`;
  const url = await dataUri(file);
  const size = url === null ? null : await sizeOf(url);
  if (url === null || size === null) return `${file.name}: this is no picture that can be read.`;
  const { width, height } = size;
  if (width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS) {
    return `${file.name}: ${width} × ${height} is too large; at most 8192 per side and 40 megapixels.`;
  }
  return { name: file.name, url, width, height };
}

function dataUri(file: File): Promise<string | null> {
  return new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result as string);
    reader.onerror = () => done(null);
    reader.readAsDataURL(file);
  });
}

function sizeOf(url: string): Promise<{ width: number; height: number } | null> {
  return new Promise((done) => {
    const image = new Image();
    image.onload = () => done({ width: image.naturalWidth, height: image.naturalHeight });
    image.onerror = () => done(null);
    image.src = url;
  });
}

/** The pictures among what was dropped or pasted. */
export function filesOf(data: DataTransfer | null): File[] {
  return [...(data?.files ?? [])];
}
