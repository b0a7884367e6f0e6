/**
 * As much of WASI (preview 1) as a command needs that reads its input and prints: no files, and time stands still.
 *
 * Node's own can't be used: it may collect garbage inside a call that V8 makes by its fast path, and ends with SIGABRT or
 * SIGSEGV, after megabytes of memory growth sooner than later (Node 20.20).
 */

const OK = 0;
const BAD_DESCRIPTOR = 8;
const NOT_SUPPORTED = 52;
const IS_A_PIPE = 70;

export interface WasiOptions {
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly input: Uint8Array;
}

/** What `proc_exit` throws to end the program. */
class Exit {
  constructor(readonly status: number) {}
}

/** One run of one command. */
export class Wasi {
  private memory: WebAssembly.Memory | undefined;
  private readonly printed: Uint8Array[] = [];
  /** Bytes of the input that were read. */
  private read = 0;

  constructor(private readonly options: WasiOptions) {}

  /** What the program printed, standard output and standard error together. */
  get output(): string {
    return Buffer.concat(this.printed).toString();
  }

  /** Runs `_start`; answers the exit status. Throws what the program throws. */
  start(exports: WebAssembly.Exports, memory: WebAssembly.Memory): number {
    this.memory = memory;
    try {
      (exports["_start"] as () => void)();
    } catch (error) {
      if (error instanceof Exit) return error.status;
      throw error;
    }
    return 0;
  }

  /** What the module imports of WASI; calls that would need files answer that they are not supported. */
  importsOf(module: WebAssembly.Module): WebAssembly.ModuleImports {
    const imports: WebAssembly.ModuleImports = {};
    for (const { name } of WebAssembly.Module.imports(module)) imports[name] = () => NOT_SUPPORTED;
    return { ...imports, ...this.calls() };
  }

  private calls(): WebAssembly.ModuleImports {
    const { arguments: args, environment } = this.options;
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    return {
      args_sizes_get: (count: number, bytes: number) => this.sizes(args, count, bytes),
      args_get: (pointers: number, bytes: number) => this.strings(args, pointers, bytes),
      environ_sizes_get: (count: number, bytes: number) => this.sizes(variables, count, bytes),
      environ_get: (pointers: number, bytes: number) => this.strings(variables, pointers, bytes),
      clock_res_get: (_clock: number, time: number) => this.number64(time, 1n),
      clock_time_get: (_clock: number, _precision: bigint, time: number) =>
        this.number64(time, 1_700_000_000_000_000_000n),
      random_get: (bytes: number, count: number) => {
        new Uint8Array(this.buffer, bytes, count).fill(7);
        return OK;
      },
      fd_write: (descriptor: number, pieces: number, count: number, written: number) =>
        this.write(descriptor, pieces, count, written),
      fd_read: (descriptor: number, pieces: number, count: number, got: number) =>
        this.readInput(descriptor, pieces, count, got),
      fd_fdstat_get: (descriptor: number, status: number) => this.describe(descriptor, status),
      fd_fdstat_set_flags: () => OK,
      fd_close: () => OK,
      fd_seek: () => IS_A_PIPE,
      fd_prestat_get: () => BAD_DESCRIPTOR,
      fd_prestat_dir_name: () => BAD_DESCRIPTOR,
      proc_exit: (status: number) => {
        throw new Exit(status);
      },
    };
  }

  private get buffer(): ArrayBuffer {
    return this.memory!.buffer as ArrayBuffer;
  }

  private view(): DataView {
    return new DataView(this.buffer);
  }

  private number64(address: number, value: bigint): number {
    this.view().setBigUint64(address, value, true);
    return OK;
  }

  private sizes(strings: readonly string[], count: number, bytes: number): number {
    this.view().setUint32(count, strings.length, true);
    this.view().setUint32(bytes, Buffer.byteLength(strings.map((s) => `${s}\0`).join("")), true);
    return OK;
  }

  private strings(strings: readonly string[], pointers: number, bytes: number): number {
    let [pointer, at] = [pointers, bytes];
    for (const string of strings) {
      this.view().setUint32(pointer, at, true);
      pointer += 4;
      at += new TextEncoder().encodeInto(`${string}\0`, new Uint8Array(this.buffer, at)).written;
    }
    return OK;
  }

  /** The stretches of memory that `count` pairs of address and length at `pieces` name. */
  private pieces(pieces: number, count: number): Uint8Array[] {
    const view = this.view();
    return Array.from({ length: count }, (_, i) => {
      const pair = pieces + 8 * i;
      return new Uint8Array(
        this.buffer,
        view.getUint32(pair, true),
        view.getUint32(pair + 4, true),
      );
    });
  }

  private write(descriptor: number, pieces: number, count: number, written: number): number {
    if (descriptor !== 1 && descriptor !== 2) return BAD_DESCRIPTOR;
    const bytes = Buffer.concat(this.pieces(pieces, count));
    this.printed.push(bytes);
    this.view().setUint32(written, bytes.length, true);
    return OK;
  }

  private readInput(descriptor: number, pieces: number, count: number, got: number): number {
    if (descriptor !== 0) return BAD_DESCRIPTOR;
    const before = this.read;
    for (const piece of this.pieces(pieces, count)) {
      const bytes = this.options.input.subarray(this.read, this.read + piece.length);
      piece.set(bytes);
      this.read += bytes.length;
    }
    this.view().setUint32(got, this.read - before, true);
    return OK;
  }

  /** Standard input, output and error are character devices with every right. */
  private describe(descriptor: number, status: number): number {
    if (descriptor > 2) return BAD_DESCRIPTOR;
    new Uint8Array(this.buffer, status, 24).fill(0);
    this.view().setUint8(status, 2);
    this.number64(status + 8, 2n ** 64n - 1n);
    return OK;
  }
}
