/* A frame in, strings out, by LiteRT's C API alone: no Python, no TensorFlow.
 *
 *     fused-ocr export tflite plates plates.tflite --input-size 720x1280
 *     LITERT=$(python -c 'import ai_edge_litert as l; print(l.__path__[0])')
 *     gcc -O2 -Wall -o read examples/phone/read.c $LITERT/libLiteRt.so \
 *         -Wl,-rpath,$LITERT
 *     ./read plates.tflite frame.ppm
 *
 * The frame is a binary PPM of the model's own size. It prints a line for each
 * reading: the string, its score and its box (y1 x1 y2 x2, pixels), with tabs between
 * them. The library is the one that the ai-edge-litert package brings; Android and iOS
 * packages of LiteRT have the same functions.
 *
 * The package has no headers, so what is used is declared here as litert/c/ of
 * github.com/google-ai-edge/LiteRT (Apache-2.0) has it. Written for and run with LiteRT
 * 2.3.0: some of these functions had other arguments before.
 */

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct LiteRtEnvironmentT *LiteRtEnvironment;
typedef struct LiteRtModelT *LiteRtModel;
typedef struct LiteRtSignatureT *LiteRtSignature;
typedef struct LiteRtTensorT *LiteRtTensor;
typedef struct LiteRtOptionsT *LiteRtOptions;
typedef struct LiteRtCompiledModelT *LiteRtCompiledModel;
typedef struct LiteRtTensorBufferT *LiteRtTensorBuffer;
typedef struct LiteRtTensorBufferRequirementsT *LiteRtTensorBufferRequirements;
typedef int LiteRtStatus; /* 0 is fine; litert_common.h lists the others */

/* litert_layout.h and litert_model_types.h */
typedef struct {
  int element_type;
  unsigned int rank : 7, has_strides : 1;
  int32_t dimensions[8];
  uint32_t strides[8];
} LiteRtRankedTensorType;

enum { FLOAT32 = 1, INT32 = 2, UINT8 = 3 }; /* of LiteRtElementType */
enum { READ = 0, WRITE = 1 };               /* of LiteRtTensorBufferLockMode */
enum { CPU = 1 };                           /* of LiteRtHwAccelerators */

/* litert_environment.h, litert_options.h */
LiteRtStatus LiteRtCreateEnvironment(int, const void *options, LiteRtEnvironment *);
void LiteRtDestroyEnvironment(LiteRtEnvironment);
LiteRtStatus LiteRtCreateOptions(LiteRtOptions *);
LiteRtStatus LiteRtSetOptionsHardwareAccelerators(LiteRtOptions, int);
void LiteRtDestroyOptions(LiteRtOptions);

/* litert_model.h */
LiteRtStatus LiteRtCreateModelFromFile(LiteRtEnvironment, const char *, LiteRtModel *);
void LiteRtDestroyModel(LiteRtModel);
LiteRtStatus LiteRtGetModelSignature(LiteRtModel, size_t, LiteRtSignature *);
LiteRtStatus LiteRtGetNumModelSignatures(LiteRtModel, size_t *);
LiteRtStatus LiteRtGetNumSignatureInputs(LiteRtSignature, size_t *);
LiteRtStatus LiteRtGetNumSignatureOutputs(LiteRtSignature, size_t *);
LiteRtStatus LiteRtGetSignatureInputName(LiteRtSignature, size_t, const char **);
LiteRtStatus LiteRtGetSignatureOutputName(LiteRtSignature, size_t, const char **);
LiteRtStatus LiteRtGetSignatureInputTensorByIndex(LiteRtSignature, size_t,
                                                  LiteRtTensor *);
LiteRtStatus LiteRtGetSignatureOutputTensorByIndex(LiteRtSignature, size_t,
                                                   LiteRtTensor *);
LiteRtStatus LiteRtGetRankedTensorType(LiteRtTensor, LiteRtRankedTensorType *);

/* litert_compiled_model.h */
LiteRtStatus LiteRtCreateCompiledModel(LiteRtEnvironment, LiteRtModel, LiteRtOptions,
                                       LiteRtCompiledModel *);
void LiteRtDestroyCompiledModel(LiteRtCompiledModel);
LiteRtStatus LiteRtGetCompiledModelInputBufferRequirements(
    LiteRtCompiledModel, size_t signature, size_t input,
    LiteRtTensorBufferRequirements *);
LiteRtStatus LiteRtGetCompiledModelOutputBufferRequirements(
    LiteRtCompiledModel, size_t signature, size_t output,
    LiteRtTensorBufferRequirements *);
LiteRtStatus LiteRtRunCompiledModel(LiteRtCompiledModel, size_t signature, size_t,
                                    LiteRtTensorBuffer *inputs, size_t,
                                    LiteRtTensorBuffer *outputs);

/* litert_tensor_buffer.h */
LiteRtStatus LiteRtCreateManagedTensorBufferFromRequirements(
    LiteRtEnvironment, const LiteRtRankedTensorType *, LiteRtTensorBufferRequirements,
    LiteRtTensorBuffer *);
LiteRtStatus LiteRtGetTensorBufferPackedSize(LiteRtTensorBuffer, size_t *);
LiteRtStatus LiteRtLockTensorBuffer(LiteRtTensorBuffer, void **, int mode);
LiteRtStatus LiteRtUnlockTensorBuffer(LiteRtTensorBuffer);
void LiteRtDestroyTensorBuffer(LiteRtTensorBuffer);

static void fail(const char *what, const char *why) {
  fprintf(stderr, "Error: %s: %s\n", what, why);
  exit(1);
}

static void require(LiteRtStatus status, const char *what) {
  char why[64];
  snprintf(why, sizeof why, "LiteRT says status %d", status);
  if (status) fail(what, why);
}

/* LiteRT does not notice that a file is cut off, and crashes. Behind the network of
 * these files is an archive, whose last 22 bytes begin so. */
static void require_whole(const char *path) {
  char tail[22];
  FILE *file = fopen(path, "rb");
  if (!file) fail(path, "it cannot be opened");
  if (fseek(file, -(long)sizeof tail, SEEK_END) ||
      fread(tail, sizeof tail, 1, file) != 1 || memcmp(tail, "PK\5\6", 4))
    fail(path, "it is cut off, or not exported by fused-ocr");
  fclose(file);
}

/* The next number of a PPM's head, behind blanks and comments. */
static int number(FILE *file, const char *path) {
  int value = 0, c = fgetc(file);
  for (; isspace(c) || c == '#'; c = fgetc(file))
    if (c == '#')
      while (c != '\n' && c != EOF) c = fgetc(file);
  if (!isdigit(c)) fail(path, "it is no binary PPM");
  for (; isdigit(c) && value < 1 << 20; c = fgetc(file)) value = 10 * value + c - '0';
  return value; /* and one blank behind it is read */
}

static void read_frame(const char *path, int height, int width, void *pixels) {
  FILE *file = fopen(path, "rb");
  char why[128];
  if (!file) fail(path, "it cannot be opened");
  if (fgetc(file) != 'P' || fgetc(file) != '6') fail(path, "it is no binary PPM");
  int w = number(file, path), h = number(file, path), most = number(file, path);
  if (most != 255) fail(path, "it has not one byte a colour");
  snprintf(why, sizeof why, "it has %d x %d pixels, the model takes %d x %d", w, h,
           width, height);
  if (w != width || h != height) fail(path, why);
  size_t size = (size_t)height * width * 3;
  if (fread(pixels, 1, size, file) != size) fail(path, "it is cut off");
  fclose(file);
}

static void print_code(int32_t code) { /* as UTF-8 */
  if (code < 0x80) {
    putchar(code);
  } else if (code < 0x800) {
    putchar(0xC0 | code >> 6);
  } else if (code < 0x10000) {
    putchar(0xE0 | code >> 12);
    putchar(0x80 | (code >> 6 & 63));
  } else {
    putchar(0xF0 | code >> 18);
    putchar(0x80 | (code >> 12 & 63));
    putchar(0x80 | (code >> 6 & 63));
  }
  if (code >= 0x80) putchar(0x80 | (code & 63));
}

enum { MOST_OUTPUTS = 32 };

static LiteRtSignature signature;
static size_t output_count;
static void *data[MOST_OUTPUTS];     /* of the outputs, while they are locked */
static size_t numbers[MOST_OUTPUTS]; /* of 4 bytes, in each */

/* What the output of this name and type has, and how many numbers. */
static const void *output(const char *name, int type, size_t *count) {
  for (size_t i = 0; i < output_count; i++) {
    const char *found;
    LiteRtTensor tensor;
    LiteRtRankedTensorType is;
    require(LiteRtGetSignatureOutputName(signature, i, &found), name);
    if (strcmp(found, name)) continue;
    require(LiteRtGetSignatureOutputTensorByIndex(signature, i, &tensor), name);
    require(LiteRtGetRankedTensorType(tensor, &is), name);
    if (is.element_type != type) fail(name, "the model gives it in another type");
    *count = numbers[i];
    return data[i];
  }
  fail(name, "the model has no such output: is it of fused-ocr?");
  return NULL;
}

static void print_readings(void) {
  size_t one, rows, places, edges;
  const int32_t *count = output("count", INT32, &one);
  const float *score = output("score", FLOAT32, &rows);
  const int32_t *codes = output("codes", INT32, &places);
  const float *box = output("box", FLOAT32, &edges);
  if (one != 1 || !rows || (size_t)*count > rows || edges != 4 * rows)
    fail("the model", "its outputs do not fit together");
  size_t slots = places / rows;
  for (size_t i = 0; i < (size_t)*count; i++) {
    for (size_t k = 0; k < slots; k++) /* -1 is behind the last */
      if (codes[i * slots + k] >= 0) print_code(codes[i * slots + k]);
    printf("\t%.3f", score[i]);
    for (int k = 0; k < 4; k++) printf("%c%.1f", k ? ' ' : '\t', box[4 * i + k]);
    putchar('\n');
  }
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "Usage: %s MODEL.tflite FRAME.ppm ...\n", argv[0]);
    return 2;
  }
  const char *path = argv[1], *name;
  LiteRtEnvironment environment;
  LiteRtOptions options;
  LiteRtModel model;
  LiteRtCompiledModel compiled;
  LiteRtTensor tensor;
  LiteRtRankedTensorType type;
  LiteRtTensorBufferRequirements needs;
  LiteRtTensorBuffer input, outputs[MOST_OUTPUTS];
  size_t inputs, signatures;

  require_whole(path);
  require(LiteRtCreateEnvironment(0, NULL, &environment), "LiteRT");
  require(LiteRtCreateModelFromFile(environment, path, &model), path);
  require(LiteRtGetNumModelSignatures(model, &signatures), path);
  if (!signatures) fail(path, "it has no signature: is it of fused-ocr?");
  require(LiteRtGetModelSignature(model, 0, &signature), path);
  require(LiteRtCreateOptions(&options), "LiteRT");
  require(LiteRtSetOptionsHardwareAccelerators(options, CPU), "LiteRT");
  require(LiteRtCreateCompiledModel(environment, model, options, &compiled), path);

  require(LiteRtGetNumSignatureInputs(signature, &inputs), path);
  require(LiteRtGetSignatureInputName(signature, 0, &name), path);
  require(LiteRtGetSignatureInputTensorByIndex(signature, 0, &tensor), path);
  require(LiteRtGetRankedTensorType(tensor, &type), path);
  if (inputs != 1 || strcmp(name, "images") || type.element_type != UINT8 ||
      type.rank != 4 || type.dimensions[0] != 1 || type.dimensions[3] != 3)
    fail(path, "it does not take one uint8 frame: is it of fused-ocr?");
  require(LiteRtGetCompiledModelInputBufferRequirements(compiled, 0, 0, &needs), path);
  require(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, needs,
                                                          &input),
          path);
  require(LiteRtGetNumSignatureOutputs(signature, &output_count), path);
  if (output_count > MOST_OUTPUTS) fail(path, "it has too many outputs");
  for (size_t i = 0; i < output_count; i++) {
    LiteRtRankedTensorType is;
    require(LiteRtGetSignatureOutputTensorByIndex(signature, i, &tensor), path);
    require(LiteRtGetRankedTensorType(tensor, &is), path);
    require(LiteRtGetCompiledModelOutputBufferRequirements(compiled, 0, i, &needs),
            path);
    require(LiteRtCreateManagedTensorBufferFromRequirements(environment, &is, needs,
                                                            &outputs[i]),
            path);
  }

  for (int k = 2; k < argc; k++) {
    void *pixels;
    require(LiteRtLockTensorBuffer(input, &pixels, WRITE), argv[k]);
    read_frame(argv[k], type.dimensions[1], type.dimensions[2], pixels);
    require(LiteRtUnlockTensorBuffer(input), argv[k]);
    require(LiteRtRunCompiledModel(compiled, 0, 1, &input, output_count, outputs),
            argv[k]);
    for (size_t i = 0; i < output_count; i++) {
      size_t bytes;
      require(LiteRtGetTensorBufferPackedSize(outputs[i], &bytes), argv[k]);
      require(LiteRtLockTensorBuffer(outputs[i], &data[i], READ), argv[k]);
      numbers[i] = bytes / 4;
    }
    print_readings();
    for (size_t i = 0; i < output_count; i++)
      require(LiteRtUnlockTensorBuffer(outputs[i]), argv[k]);
  }

  for (size_t i = 0; i < output_count; i++) LiteRtDestroyTensorBuffer(outputs[i]);
  LiteRtDestroyTensorBuffer(input);
  LiteRtDestroyCompiledModel(compiled);
  LiteRtDestroyOptions(options);
  LiteRtDestroyModel(model);
  LiteRtDestroyEnvironment(environment);
  return 0;
}
