/* The C interface of Seesaw: classifies photos with small convolutional nets, on the CPU.
 *
 * Made from bindings/c/src by cbindgen. To update it:
 *   SEESAW_HEADER=overwrite cargo test -p seesaw-c --test header
 */

#ifndef SEESAW_H
#define SEESAW_H

#include <stddef.h>
#include <stdint.h>

/**
 * The version of this interface. It grows by one when a program that was compiled with an older
 * header must be compiled again; added functions and options do not change it.
 */
#define SEESAW_ABI_VERSION 1

/**
 * What a function returns. After anything but `SEESAW_STATUS_OK`, `seesaw_last_error` says more, and
 * the function has written nothing.
 */
typedef enum SeesawStatus {
  /**
   * Done.
   */
  SEESAW_STATUS_OK = 0,
  /**
   * An argument is null, misaligned, out of range, or of another length than required.
   */
  SEESAW_STATUS_ARGUMENT = 1,
  /**
   * The handle was never a model, or has been freed.
   */
  SEESAW_STATUS_HANDLE = 2,
  /**
   * The model cannot be read, is damaged, or is of a kind that is not known.
   */
  SEESAW_STATUS_MODEL = 3,
  /**
   * The photo cannot be decoded, or is too large.
   */
  SEESAW_STATUS_PHOTO = 4,
  /**
   * The net's outputs are not finite numbers: its weights are damaged, or the images were not finite.
   */
  SEESAW_STATUS_NOT_FINITE = 5,
  /**
   * The system refused threads or memory.
   */
  SEESAW_STATUS_SYSTEM = 6,
  /**
   * An error in the library itself; please report it.
   */
  SEESAW_STATUS_INTERNAL = 7,
} SeesawStatus;

/**
 * A model, known by its handle alone. Threads may share it and call it at the same time.
 */
typedef struct SeesawModel SeesawModel;

/**
 * How a model is opened. Set `size` to `sizeof(SeesawOptions)` and everything else to zero, then
 * change what should differ from the defaults.
 */
typedef struct SeesawOptions {
  /**
   * `sizeof(SeesawOptions)`, so that a library can tell which options the program knows.
   */
  size_t size;
  /**
   * Threads of a call, 1 to 1024; 0 for as many as the processor has cores. With 1, calls from
   * several threads run side by side; with more, they share the threads and take turns.
   */
  size_t threads;
  /**
   * The most images of one call of `seesaw_run` or `seesaw_features`, 1 to 4096; 0 for 1.
   */
  size_t batch;
} SeesawOptions;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * `SEESAW_ABI_VERSION` of the library that is loaded, to compare with that of the header.
 */
uint32_t seesaw_abi_version(void);

/**
 * The version of the library, such as "0.1.0". Never null; valid forever.
 */
const char *seesaw_version(void);

/**
 * The message of this thread's last failed call, in UTF-8 with a zero after it; empty before the
 * first failure. Never null; valid until the next call of this library on this thread.
 *
 * `length`, unless null, receives its length in bytes without the zero.
 *
 * # Safety
 * `length` is null or points at writable memory for a `size_t`.
 */
const char *seesaw_last_error(size_t *length);

/**
 * Opens a model file: safetensors as Seesaw writes it, or a PyTorch checkpoint of a net that is
 * known.
 *
 * `path` has `path_length` bytes and needs no zero at the end; it is UTF-8, or on Unix whatever the
 * file system has. `options` may be null. `*model` receives the handle, which
 * `seesaw_model_free` ends.
 *
 * # Safety
 * `path` points at `path_length` readable bytes, `options` is null or points at an options
 * structure of the size that it names, `model` points at a writable pointer.
 */
enum SeesawStatus seesaw_model_open(const char *path,
                                    size_t path_length,
                                    const struct SeesawOptions *options,
                                    struct SeesawModel **model);

/**
 * Opens a model from the bytes of its file, which are copied. Otherwise as `seesaw_model_open`.
 *
 * # Safety
 * `bytes` points at `length` readable bytes; otherwise as `seesaw_model_open`.
 */
enum SeesawStatus seesaw_model_open_bytes(const uint8_t *bytes,
                                          size_t length,
                                          const struct SeesawOptions *options,
                                          struct SeesawModel **model);

/**
 * Ends a handle. Calls that other threads are in are finished first; null and ended handles are
 * ignored.
 */
void seesaw_model_free(struct SeesawModel *model);

/**
 * The number of classes: of logits and probabilities of an image. 0 for a handle that is not open.
 */
size_t seesaw_model_classes(const struct SeesawModel *model);

/**
 * The side of the images of `seesaw_run`, in pixels. 0 for a handle that is not open.
 */
size_t seesaw_model_input_size(const struct SeesawModel *model);

/**
 * The number of features of an image. 0 for a handle that is not open.
 */
size_t seesaw_model_features(const struct SeesawModel *model);

/**
 * The name of a class, or its number where the model has no names. `*label` receives UTF-8 text
 * with a zero after it, valid until the model is freed; `*length`, unless `length` is null, its
 * length in bytes without that zero.
 *
 * # Safety
 * `label` points at a writable pointer; `length` is null or points at a writable `size_t`.
 */
enum SeesawStatus seesaw_model_label(const struct SeesawModel *model,
                                     size_t class_index,
                                     const char **label,
                                     size_t *length);

/**
 * What was chosen, assumed or left out when the model was opened: its note number `index`, from 0;
 * `SEESAW_STATUS_ARGUMENT` after the last one. Otherwise as `seesaw_model_label`.
 *
 * # Safety
 * As `seesaw_model_label`.
 */
enum SeesawStatus seesaw_model_note(const struct SeesawModel *model,
                                    size_t index,
                                    const char **note,
                                    size_t *length);

/**
 * The logits of `n` images, from 1 to the `batch` of the options.
 *
 * `images` is `[n, 3, size, size]` with the channels red, green and blue, normalized as the net was
 * trained; `logits` is `[n, classes]`. Lengths count values.
 *
 * # Safety
 * `images` points at `images_length` readable and `logits` at `logits_length` writable values, which
 * do not overlap.
 */
enum SeesawStatus seesaw_run(const struct SeesawModel *model,
                             const float *images,
                             size_t images_length,
                             float *logits,
                             size_t logits_length);

/**
 * The features of `n` images: what the net's last layer reads, `[n, features]`. Otherwise as
 * `seesaw_run`.
 *
 * # Safety
 * As `seesaw_run`.
 */
enum SeesawStatus seesaw_features(const struct SeesawModel *model,
                                  const float *images,
                                  size_t images_length,
                                  float *features,
                                  size_t features_length);

/**
 * The probability of each class, 0 to 1, of an image of any size, which is scaled and normalized as
 * the model wants it.
 *
 * A pixel is a byte of red, of green and of blue. Rows begin `stride` bytes apart, at least
 * `3 * width`; `rgb_length` is at least `stride * (height - 1) + 3 * width`.
 *
 * # Safety
 * `rgb` points at `rgb_length` readable bytes, `probabilities` at `probabilities_length` writable
 * values.
 */
enum SeesawStatus seesaw_classify_rgb(const struct SeesawModel *model,
                                      const uint8_t *rgb,
                                      size_t rgb_length,
                                      size_t width,
                                      size_t height,
                                      size_t stride,
                                      float *probabilities,
                                      size_t probabilities_length);

/**
 * As `seesaw_classify_rgb`, of a photo as its file has it: JPEG, PNG, WebP, GIF, TIFF, BMP, PNM or
 * HEIC, turned upright as its camera says.
 *
 * # Safety
 * `photo` points at `photo_length` readable bytes, `probabilities` at `probabilities_length`
 * writable values.
 */
enum SeesawStatus seesaw_classify_photo(const struct SeesawModel *model,
                                        const uint8_t *photo,
                                        size_t photo_length,
                                        float *probabilities,
                                        size_t probabilities_length);

/**
 * The features of an image of any size. Otherwise as `seesaw_classify_rgb`.
 *
 * # Safety
 * As `seesaw_classify_rgb`.
 */
enum SeesawStatus seesaw_features_rgb(const struct SeesawModel *model,
                                      const uint8_t *rgb,
                                      size_t rgb_length,
                                      size_t width,
                                      size_t height,
                                      size_t stride,
                                      float *features,
                                      size_t features_length);

/**
 * The message of this thread's last failed call, in UTF-8 with a zero after it; empty before the
 * first failure. Never null; valid until the next call of this library on this thread.
 *
 * `length`, unless null, receives its length in bytes without the zero.
 *
 * # Safety
 * `length` is null or points at writable memory for a `size_t`.
 */
const char *seesaw_last_error(size_t *length);

/**
 * Opens a model file: safetensors as Seesaw writes it, or a PyTorch checkpoint of a net that is
 * known.
 *
 * `path` has `path_length` bytes and needs no zero at the end; it is UTF-8, or on Unix whatever the
 * file system has. `options` may be null. `*model` receives the handle, which
 * `seesaw_model_free` ends.
 *
 * # Safety
 * `path` points at `path_length` readable bytes, `options` is null or points at an options
 * structure of the size that it names, `model` points at a writable pointer.
 */
enum SeesawStatus seesaw_model_open(const char *path,
                                    size_t path_length,
                                    const struct SeesawOptions *options,
                                    struct SeesawModel **model);

/**
 * Opens a model from the bytes of its file, which are copied. Otherwise as `seesaw_model_open`.
 *
 * # Safety
 * `bytes` points at `length` readable bytes; otherwise as `seesaw_model_open`.
 */
enum SeesawStatus seesaw_model_open_bytes(const uint8_t *bytes,
                                          size_t length,
                                          const struct SeesawOptions *options,
                                          struct SeesawModel **model);

/**
 * Ends a handle. Calls that other threads are in are finished first; null and ended handles are
 * ignored.
 */
void seesaw_model_free(struct SeesawModel *model);

/**
 * The number of classes: of logits and probabilities of an image. 0 for a handle that is not open.
 */
size_t seesaw_model_classes(const struct SeesawModel *model);

/**
 * The side of the images of `seesaw_run`, in pixels. 0 for a handle that is not open.
 */
size_t seesaw_model_input_size(const struct SeesawModel *model);

/**
 * The number of features of an image. 0 for a handle that is not open.
 */
size_t seesaw_model_features(const struct SeesawModel *model);

/**
 * The name of a class, or its number where the model has no names. `*label` receives UTF-8 text
 * with a zero after it, valid until the model is freed; `*length`, unless `length` is null, its
 * length in bytes without that zero.
 *
 * # Safety
 * `label` points at a writable pointer; `length` is null or points at a writable `size_t`.
 */
enum SeesawStatus seesaw_model_label(const struct SeesawModel *model,
                                     size_t class_index,
                                     const char **label,
                                     size_t *length);

/**
 * What was chosen, assumed or left out when the model was opened: its note number `index`, from 0;
 * `SEESAW_STATUS_ARGUMENT` after the last one. Otherwise as `seesaw_model_label`.
 *
 * # Safety
 * As `seesaw_model_label`.
 */
enum SeesawStatus seesaw_model_note(const struct SeesawModel *model,
                                    size_t index,
                                    const char **note,
                                    size_t *length);

/**
 * The logits of `n` images, from 1 to the `batch` of the options.
 *
 * `images` is `[n, 3, size, size]` with the channels red, green and blue, normalized as the net was
 * trained; `logits` is `[n, classes]`. Lengths count values.
 *
 * # Safety
 * `images` points at `images_length` readable and `logits` at `logits_length` writable values, which
 * do not overlap.
 */
enum SeesawStatus seesaw_run(const struct SeesawModel *model,
                             const float *images,
                             size_t images_length,
                             float *logits,
                             size_t logits_length);

/**
 * The features of `n` images: what the net's last layer reads, `[n, features]`. Otherwise as
 * `seesaw_run`.
 *
 * # Safety
 * As `seesaw_run`.
 */
enum SeesawStatus seesaw_features(const struct SeesawModel *model,
                                  const float *images,
                                  size_t images_length,
                                  float *features,
                                  size_t features_length);

/**
 * The probability of each class, 0 to 1, of an image of any size, which is scaled and normalized as
 * the model wants it.
 *
 * A pixel is a byte of red, of green and of blue. Rows begin `stride` bytes apart, at least
 * `3 * width`; `rgb_length` is at least `stride * (height - 1) + 3 * width`.
 *
 * # Safety
 * `rgb` points at `rgb_length` readable bytes, `probabilities` at `probabilities_length` writable
 * values.
 */
enum SeesawStatus seesaw_classify_rgb(const struct SeesawModel *model,
                                      const uint8_t *rgb,
                                      size_t rgb_length,
                                      size_t width,
                                      size_t height,
                                      size_t stride,
                                      float *probabilities,
                                      size_t probabilities_length);

/**
 * As `seesaw_classify_rgb`, of a photo as its file has it: JPEG, PNG, WebP, GIF, TIFF, BMP, PNM or
 * HEIC, turned upright as its camera says.
 *
 * # Safety
 * `photo` points at `photo_length` readable bytes, `probabilities` at `probabilities_length`
 * writable values.
 */
enum SeesawStatus seesaw_classify_photo(const struct SeesawModel *model,
                                        const uint8_t *photo,
                                        size_t photo_length,
                                        float *probabilities,
                                        size_t probabilities_length);

/**
 * The features of an image of any size. Otherwise as `seesaw_classify_rgb`.
 *
 * # Safety
 * As `seesaw_classify_rgb`.
 */
enum SeesawStatus seesaw_features_rgb(const struct SeesawModel *model,
                                      const uint8_t *rgb,
                                      size_t rgb_length,
                                      size_t width,
                                      size_t height,
                                      size_t stride,
                                      float *features,
                                      size_t features_length);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SEESAW_H */
