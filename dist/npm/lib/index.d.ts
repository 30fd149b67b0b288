/** The path of `tl` or `tl-probe`. Throws if there is none for this platform. */
export function programPath(name?: "tl" | "tl-probe"): string;

export interface EmulatorOptions {
  /** Options of `tl emulator`, for example `["--plan", "free"]`. */
  args?: string[];
  /** Another `tl`. */
  program?: string;
}

/** One request, as `GET /_emulator/journal` describes it. */
export interface JournalEntry {
  number: number;
  method: string;
  path: string;
  status: number;
  operation?: string;
  [field: string]: unknown;
}

export interface Emulator {
  readonly baseUrl: string;
  readonly apiKey: string;
  /** The page of the emulator, and the root of its control API. */
  readonly controlUrl: string;
  /** The variables that clients of the platform read. */
  readonly env: { TWELVELABS_BASE_URL: string; TWELVE_LABS_API_KEY: string };
  /** The requests so far. */
  journal(filters?: {
    operation?: string;
    method?: string;
    path?: string;
    status?: number;
    code?: string;
    after?: number;
    until?: number;
    bodies?: boolean;
  }): Promise<JournalEntry[]>;
  /** The time, as an RFC 3339 timestamp. */
  now(): Promise<string>;
  /** `real`, `manual`, or a factor such as `x60`. */
  setClock(mode: string): Promise<void>;
  /** Moves the clock by seconds, or until a task ends or all have. */
  advance(by: number | { until: "next-end" | "idle" }): Promise<void>;
  /** A fault in the syntax of `tl emulator --fault`. */
  addFault(fault: string): Promise<void>;
  clearFaults(): Promise<void>;
  /** Creates indexes and videos; the format is that of `tl emulator --seed`. */
  seed(seed: unknown): Promise<unknown>;
  /** Deletes all data and the journal; faults and clock mode are again those of the start. */
  reset(): Promise<void>;
  /** Sends a request to the control API; `path` begins after `/_emulator`. */
  control(method: string, path: string, body?: unknown): Promise<any>;
  /** Stops the emulator. Further calls do nothing. */
  stop(): Promise<void>;
}

/** Starts `tl emulator` on a free port of 127.0.0.1. */
export function startEmulator(options?: EmulatorOptions): Promise<Emulator>;
