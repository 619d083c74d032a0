import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageListsState } from "./packages.ts";

export interface GuestImage {
  /** Path of the uncompressed ELF kernel. */
  readonly kernel: string;
  /** Path of the base initramfs, a cpio archive; a host's own files go behind it (`guest-config.ts`). */
  readonly initramfs: string;
  /** Of a system on a disk: the kernel as boot loaders want it, and the first root file system, which finds the other. */
  readonly bootKernel: string;
  readonly bootInitramfs: string;
  /** Names the content: recipe and package versions. Hexadecimal SHA-256. */
  readonly contentKey: string;
}

/** In each image's directory: what it was made of. */
interface Manifest {
  readonly recipe: string;
  readonly packages: readonly string[];
}

/** Beside the images, one per recipe: which image is the newest, and the state of apt's lists that says so. */
interface CurrentImage {
  readonly contentKey: string;
  readonly listsState: string;
}

/** Images beyond these, the longest unused first, go when a new one comes. */
const KEPT_IMAGES = 8;
const BUILD_PREFIX = "building-";

/** The images of one recipe in a cache directory. A directory named by a content key is a complete image, always. */
export class ImageCache {
  readonly directory: string;
  readonly recipe: string;

  constructor(cacheDir: string, recipe: string) {
    this.directory = join(cacheDir, "guest-images");
    this.recipe = recipe;
  }

  /** The newest image, if apt's lists are still those that it was made by: nothing newer can be known then. */
  async current(): Promise<GuestImage | undefined> {
    const current = await readJson<CurrentImage>(this.#currentFile());
    if (current === undefined || current.listsState !== (await packageListsState())) return undefined;
    return this.image(current.contentKey);
  }

  /** The newest image of this recipe, whatever apt's lists say now. */
  async newest(): Promise<GuestImage | undefined> {
    const current = await readJson<CurrentImage>(this.#currentFile());
    return current === undefined ? undefined : this.image(current.contentKey);
  }

  async image(contentKey: string): Promise<GuestImage | undefined> {
    const directory = join(this.directory, contentKey);
    const image = {
      kernel: join(directory, "vmlinux"),
      initramfs: join(directory, "initramfs"),
      bootKernel: join(directory, "vmlinuz"),
      bootInitramfs: join(directory, "boot-initramfs"),
      contentKey,
    };
    try {
      await Promise.all([stat(image.kernel), stat(image.initramfs), stat(image.bootKernel), stat(image.bootInitramfs)]);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    return image;
  }

  /** Puts the files that `build` writes into a fresh directory in place as one image, or leaves nothing. */
  async add(
    contentKey: string,
    packages: readonly string[],
    build: (directory: string) => Promise<void>,
  ): Promise<void> {
    await mkdir(this.directory, { recursive: true });
    const directory = await mkdtemp(join(this.directory, BUILD_PREFIX));
    try {
      await build(directory);
      const manifest: Manifest = { recipe: this.recipe, packages };
      await writeFile(join(directory, "manifest.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
      await rename(directory, join(this.directory, contentKey));
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  async setCurrent(contentKey: string, listsState: string): Promise<void> {
    const current: CurrentImage = { contentKey, listsState };
    await writeFile(`${this.#currentFile()}.new`, JSON.stringify(current));
    await rename(`${this.#currentFile()}.new`, this.#currentFile());
    const now = new Date();
    await utimes(join(this.directory, contentKey), now, now);
  }

  /** Removes what killed builds left and images long unused. Only for the holder of the build lock. */
  async tidy(): Promise<void> {
    const names = await readdir(this.directory);
    const leftOver = names.filter((name) => name.startsWith(BUILD_PREFIX));
    const images = names.filter((name) => /^[0-9a-f]{64}$/.test(name));
    const used = await Promise.all(
      images.map(async (name) => ({ name, at: (await stat(join(this.directory, name))).mtimeMs })),
    );
    const old = used.sort((a, b) => b.at - a.at).slice(KEPT_IMAGES);
    for (const name of [...leftOver, ...old.map((image) => image.name)]) {
      await rm(join(this.directory, name), { recursive: true, force: true });
    }
  }

  #currentFile(): string {
    return join(this.directory, `current-${this.recipe.slice(0, 32)}.json`);
  }
}

async function readJson<Value>(file: string): Promise<Value | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Value;
  } catch (error) {
    // A file cut short by a crash says as little as none: the image is looked up or made anew.
    if (isMissing(error) || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
