/** What a photo may be: a file, anything that the browser draws, or RGBA pixels in rows from the top. */
export type Photo =
  | Blob
  | ImageBitmap
  | HTMLImageElement
  | HTMLVideoElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | Pixels;

/** RGBA pixels, such as an `ImageData`: 4 bytes for each, rows from the top. Alpha is dropped. */
export interface Pixels {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface LoadOptions {
  /** Folder of `seesaw.wasm` and `seesaw-relaxed.wasm`; by default that of this module. */
  base?: string | URL;
  /** Whether to take the module with relaxed SIMD; by default where it runs. */
  relaxed?: boolean;
  /** Whether to run in a worker; by default yes, in Node no. */
  worker?: boolean;
}

/** A class of a photo. */
export interface Guess {
  /** The class, as the index of its logit. */
  readonly index: number;
  /** Its name, or its index where the model has no names. */
  readonly label: string;
  /** Its softmax probability, 0 to 1. */
  readonly probability: number;
}

/** Where in a photo the net sees a class. */
export interface ClassMap {
  /** The class. */
  readonly index: number;
  /** Rows and columns. */
  readonly side: number;
  /** Logits `[side, side]`; their mean is the logit of the photo. */
  readonly values: Float32Array;
  /** The part of the photo that the map covers, as fractions of the photo's width and height. */
  readonly region: { left: number; top: number; width: number; height: number };
}

export interface Classification {
  /** The most likely classes, the most likely first. */
  readonly classes: Guess[];
  /** Time for scaling the photo and running the net, without decoding it. */
  readonly milliseconds: number;
  /** Where the most likely class is seen, if requested. */
  readonly map: ClassMap | null;
}

export interface ClassifyOptions {
  /** How many classes to return; by default 5. */
  top?: number;
  /** Whether to compute the map of the most likely class; by default not. */
  map?: boolean;
}

/** A model that is ready to run. Calls are answered one after another. */
export interface Classifier {
  /** The name of the net. */
  readonly net: string;
  /** Class names in the order of the logits. */
  readonly labels: readonly string[];
  /** Side of the net's square input, in pixels. */
  readonly inputSize: number;
  /** How many features a photo has. */
  readonly featureCount: number;
  /** The instructions that the engine uses: `simd128` or `relaxed-simd`. */
  readonly engine: string;

  /** Classifies a photo. */
  classify(photo: Photo, options?: ClassifyOptions): Promise<Classification>;
  /** The features of a photo, which the linear layer reads. Similar photos have similar features. */
  features(photo: Photo): Promise<Float32Array>;
  /** Where in a photo the class with this index is seen. */
  explain(photo: Photo, index: number): Promise<ClassMap>;
  /** The logits of a normalized tensor, `[3, inputSize, inputSize]`. */
  logits(tensor: ArrayLike<number>): Promise<Float32Array>;
  /** Frees the model. Calls that are not answered are rejected. */
  close(): void;
}

/**
 * Loads a model: the address or the bytes of a safetensors file, as `seesaw train` and `seesaw import`
 * write them. Rejects where the file or the engine cannot be loaded.
 */
export function load(
  model: string | URL | ArrayBuffer | ArrayBufferView,
  options?: LoadOptions,
): Promise<Classifier>;

/** Whether WebAssembly modules with relaxed SIMD run here. */
export function hasRelaxedSimd(): boolean;
