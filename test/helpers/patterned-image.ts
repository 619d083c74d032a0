/** Bytes that tell where they belong: every 512-byte block carries its number, every seventh stretch is left zero. */
export function patternedImage(sizeBytes: number): Uint8Array {
  const image = Buffer.alloc(sizeBytes);
  for (let block = 0; block * 512 < sizeBytes; block += 1) {
    if (Math.floor(block / 3001) % 7 === 3) continue;
    for (let at = 0; at < 512; at += 4) image.writeUInt32LE((block * 2654435761 + at) >>> 0, block * 512 + at);
  }
  return image;
}
