/* Photos in, strings out, without Python: the path that TF Serving takes.
 *
 *     fused-ocr export serving plates served
 *     TF=$(python -c 'import tensorflow as tf; print(tf.sysconfig.get_lib())')
 *     gcc -O2 -Wall -o predict examples/serving/predict.c -I$TF/include \
 *         $TF/libtensorflow_cc.so.2 $TF/libtensorflow_framework.so.2 -Wl,-rpath,$TF
 *     ./predict served/plates/1 a.jpg b.jpg
 *
 * It prints a line for each reading: the photo, the string and its score, with tabs
 * between them. All photos go in one request, whatever their sizes; one that cannot be
 * decoded has its error on stderr, and the exit status is 1. The library is the one that
 * the tensorflow package brings; libtensorflow of the C downloads does, too.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tensorflow/c/c_api.h>

static void fail(const char *what, const char *why) {
  fprintf(stderr, "Error: %s: %s\n", what, why);
  exit(1);
}

static void require(const TF_Status *status, const char *what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

/* Protocol buffers, as far as a signature needs them: messages of fields that are
 * numbers or bytes. The numbers of the fields are those of meta_graph.proto. */

typedef struct {
  const uint8_t *at, *end;
} Bytes;

enum { SIGNATURE_DEF = 5, KEY = 1, VALUE = 2, INPUTS = 1, OUTPUTS = 2, NAME = 1 };

static uint64_t varint(Bytes *from) {
  uint64_t value = 0;
  for (int shift = 0; from->at < from->end && shift < 64; shift += 7) {
    uint8_t byte = *from->at++;
    value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return value;
  }
  fail("SavedModel", "its signatures cannot be understood");
  return 0;
}

/* The next field of bytes with this number; the message moves on behind it. */
static int next(Bytes *message, uint64_t number, Bytes *found) {
  while (message->at < message->end) {
    uint64_t tag = varint(message), size = 0;
    switch (tag & 7) {
      case 0: varint(message); break;
      case 1: size = 8; break;
      case 2: size = varint(message); break;
      case 5: size = 4; break;
      default: fail("SavedModel", "its signatures cannot be understood");
    }
    if (size > (uint64_t)(message->end - message->at))
      fail("SavedModel", "its signatures are cut off");
    *found = (Bytes){message->at, message->at + size};
    message->at += size;
    if (tag == (number << 3 | 2)) return 1;
  }
  return 0;
}

/* What a map, the field of this number, has under a key. */
static Bytes lookup(Bytes message, uint64_t map, const char *key) {
  Bytes entry, name, value;
  while (next(&message, map, &entry)) {
    Bytes again = entry;
    if (next(&entry, KEY, &name) && next(&again, VALUE, &value) &&
        (size_t)(name.end - name.at) == strlen(key) &&
        memcmp(name.at, key, strlen(key)) == 0)
      return value;
  }
  fail(key, "the SavedModel has no such signature, input or output");
  return message;
}

/* The tensor behind an input or output: its name is "operation:index". */
static TF_Output tensor(TF_Graph *graph, Bytes signature, uint64_t map,
                        const char *key) {
  Bytes info = lookup(signature, map, key), name;
  if (!next(&info, NAME, &name)) fail(key, "it is no dense tensor");
  char operation[512];
  int length = (int)(name.end - name.at);
  snprintf(operation, sizeof operation, "%.*s", length, (const char *)name.at);
  char *colon = strrchr(operation, ':');
  if (!colon) fail(key, "its tensor has no index");
  *colon = 0;
  TF_Output found = {TF_GraphOperationByName(graph, operation), atoi(colon + 1)};
  if (!found.oper) fail(operation, "the graph has no such operation");
  return found;
}

static TF_Tensor *read_photos(char **paths, int count) {
  int64_t shape = count;
  TF_Tensor *photos =
      TF_AllocateTensor(TF_STRING, &shape, 1, count * sizeof(TF_TString));
  TF_TString *strings = TF_TensorData(photos);
  for (int i = 0; i < count; ++i) {
    FILE *file = fopen(paths[i], "rb");
    if (!file) fail(paths[i], "it cannot be opened");
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *bytes = size > 0 ? malloc(size) : NULL;
    if (!bytes || fread(bytes, 1, size, file) != (size_t)size)
      fail(paths[i], "it is empty or cannot be read");
    TF_StringInit(&strings[i]);
    TF_StringCopy(&strings[i], bytes, size);
    free(bytes);
    fclose(file);
  }
  return photos;
}

static void delete_strings(TF_Tensor *tensor) {
  TF_TString *strings = TF_TensorData(tensor);
  for (int64_t i = 0; i < TF_TensorElementCount(tensor); ++i)
    TF_StringDealloc(&strings[i]);
  TF_DeleteTensor(tensor);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "Usage: %s SAVED_MODEL PHOTO ...\n", argv[0]);
    return 2;
  }
  char **paths = argv + 2;
  int count = argc - 2;
  TF_Tensor *photos = read_photos(paths, count);

  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_Buffer *meta = TF_NewBuffer();
  TF_SessionOptions *options = TF_NewSessionOptions();
  const char *tags[] = {"serve"};
  TF_Session *session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1,
                                                     graph, meta, status);
  require(status, argv[1]);

  Bytes all = {meta->data, (const uint8_t *)meta->data + meta->length};
  Bytes signature = lookup(all, SIGNATURE_DEF, "serving_bytes");
  TF_Output input = tensor(graph, signature, INPUTS, "image_bytes");
  TF_Output outputs[] = {tensor(graph, signature, OUTPUTS, "text"),
                         tensor(graph, signature, OUTPUTS, "score"),
                         tensor(graph, signature, OUTPUTS, "count"),
                         tensor(graph, signature, OUTPUTS, "error")};

  TF_Tensor *found[4];
  TF_SessionRun(session, NULL, &input, &photos, 1, outputs, found, 4, NULL, 0, NULL,
                status);
  require(status, "serving_bytes");

  const TF_TString *text = TF_TensorData(found[0]);  /* (B, R) */
  const float *score = TF_TensorData(found[1]);      /* (B, R) */
  const int32_t *readings = TF_TensorData(found[2]); /* (B,) */
  const TF_TString *error = TF_TensorData(found[3]);  /* (B,) */
  int64_t most = TF_Dim(found[0], 1);
  int failed = 0;
  for (int i = 0; i < count; ++i) {
    if (TF_StringGetSize(&error[i])) {
      fprintf(stderr, "Error: %s: %.*s\n", paths[i], (int)TF_StringGetSize(&error[i]),
              TF_StringGetDataPointer(&error[i]));
      failed = 1;
    }
    for (int64_t j = i * most; j < i * most + readings[i]; ++j)
      printf("%s\t%.*s\t%.3f\n", paths[i], (int)TF_StringGetSize(&text[j]),
             TF_StringGetDataPointer(&text[j]), score[j]);
  }

  delete_strings(photos);
  delete_strings(found[0]);
  TF_DeleteTensor(found[1]);
  TF_DeleteTensor(found[2]);
  delete_strings(found[3]);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteBuffer(meta);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return failed;
}
