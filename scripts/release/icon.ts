// Draws the icon of the Windows executable: a tunnel's mouth with light at its end. Pure.

/** Sizes that Windows asks for, from lists to large tiles. */
const SIZES = [16, 24, 32, 48, 64, 256] as const;

/** Each pixel is looked at so many times in each direction, for smooth edges. */
const SAMPLES = 4;

type Colour = readonly [red: number, green: number, blue: number, alpha: number];

const NOTHING: Colour = [0, 0, 0, 0];
const STONE: Colour = [47, 62, 92, 255];
const DARK: Colour = [14, 20, 33, 255];
const LIGHT: Colour = [255, 196, 84, 255];

/** An .ico file: one image for each size, 32 bits a pixel. */
export function drawIcon(): Uint8Array {
  const images = SIZES.map((size) => bitmap(size));
  const head = Buffer.alloc(6 + 16 * SIZES.length);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(SIZES.length, 4);
  let offset = head.length;
  for (const [index, size] of SIZES.entries()) {
    const at = 6 + 16 * index;
    const length = images[index]?.length ?? 0;
    // 256 does not fit into a byte: 0 stands for it.
    head.writeUInt8(size % 256, at);
    head.writeUInt8(size % 256, at + 1);
    head.writeUInt16LE(1, at + 4);
    head.writeUInt16LE(32, at + 6);
    head.writeUInt32LE(length, at + 8);
    head.writeUInt32LE(offset, at + 12);
    offset += length;
  }
  return Buffer.concat([head, ...images]);
}

/** BITMAPINFOHEADER, the pixels from the bottom row up, and an empty mask (the pixels have alpha). */
function bitmap(size: number): Uint8Array {
  const head = Buffer.alloc(40);
  head.writeUInt32LE(40, 0);
  head.writeInt32LE(size, 4);
  // Pixels and mask count together.
  head.writeInt32LE(size * 2, 8);
  head.writeUInt16LE(1, 12);
  head.writeUInt16LE(32, 14);
  const pixels = Buffer.alloc(size * size * 4);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const [red, green, blue, alpha] = average(column, row, size);
      pixels.set([blue, green, red, alpha], ((size - 1 - row) * size + column) * 4);
    }
  }
  const maskBytes = Math.ceil(size / 32) * 4 * size;
  return Buffer.concat([head, pixels, Buffer.alloc(maskBytes)]);
}

function average(column: number, row: number, size: number): Colour {
  const total = [0, 0, 0, 0];
  for (let sample = 0; sample < SAMPLES * SAMPLES; sample += 1) {
    const x = (column + ((sample % SAMPLES) + 0.5) / SAMPLES) / size;
    const y = (row + (Math.floor(sample / SAMPLES) + 0.5) / SAMPLES) / size;
    const [red, green, blue, alpha] = colourAt(x, y);
    // Invisible samples must not darken the edge.
    for (const [index, value] of [red * alpha, green * alpha, blue * alpha, alpha].entries()) {
      total[index] = (total[index] ?? 0) + value;
    }
  }
  const [red = 0, green = 0, blue = 0, alpha = 0] = total;
  const mean = (value: number): number => (alpha === 0 ? 0 : Math.round(value / alpha));
  return [mean(red), mean(green), mean(blue), Math.round(alpha / (SAMPLES * SAMPLES))];
}

/** The picture in the unit square: arches within arches, standing on the ground. */
function colourAt(x: number, y: number): Colour {
  if (isInArch(x, y, 0.14)) return LIGHT;
  if (isInArch(x, y, 0.34)) return DARK;
  return isInArch(x, y, 0.48) ? STONE : NOTHING;
}

function isInArch(x: number, y: number, radius: number): boolean {
  const ground = 0.94;
  const centre = 0.52;
  if (y > ground) return false;
  const across = Math.abs(x - 0.5);
  return y > centre ? across < radius : Math.hypot(across, y - centre) < radius;
}
