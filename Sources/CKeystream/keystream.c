#include "ckeystream.h"

#include <openssl/opensslv.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L

int martlet_keystream_install(void) { return 0; }

#else

#include <limits.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

enum { KEYSTREAM_AHEAD = 4096, BLOCK = 16 };

static const unsigned char zeros[KEYSTREAM_AHEAD];

/// OpenSSL's own ciphers, by the key's length in units of 64 bits less two.
static EVP_CIPHER *own_ciphers[3];

struct keystream {
  EVP_CIPHER_CTX *own;
  size_t key_length;
  /// How many bytes of `ahead` have been used; all of them at the start.
  size_t used;
  unsigned char ahead[KEYSTREAM_AHEAD];
};

static EVP_CIPHER *own_cipher(size_t key_length) { return own_ciphers[key_length / 8 - 2]; }

static void free_context(void *context) {
  struct keystream *stream = context;
  if (!stream) return;
  EVP_CIPHER_CTX_free(stream->own);
  OPENSSL_clear_free(stream, sizeof *stream);
}

static struct keystream *new_context(size_t key_length) {
  struct keystream *stream = OPENSSL_zalloc(sizeof *stream);
  if (!stream) return NULL;
  stream->key_length = key_length;
  stream->used = KEYSTREAM_AHEAD;
  stream->own = EVP_CIPHER_CTX_new();
  if (!stream->own || !EVP_EncryptInit_ex2(stream->own, own_cipher(key_length), NULL, NULL, NULL)) {
    free_context(stream);
    return NULL;
  }
  return stream;
}

static void *new_context_128(void *provider) { return new_context(16); }
static void *new_context_192(void *provider) { return new_context(24); }
static void *new_context_256(void *provider) { return new_context(32); }

static void *duplicate_context(void *context) {
  const struct keystream *stream = context;
  struct keystream *copy = new_context(stream->key_length);
  if (!copy) return NULL;
  if (!EVP_CIPHER_CTX_copy(copy->own, stream->own)) {
    free_context(copy);
    return NULL;
  }
  copy->used = stream->used;
  memcpy(copy->ahead, stream->ahead, sizeof copy->ahead);
  return copy;
}

/// To encrypt and to decrypt are the same.
static int start(void *context, const unsigned char *key, size_t key_length, const unsigned char *iv,
                 size_t iv_length, const OSSL_PARAM params[]) {
  struct keystream *stream = context;
  if (!key && !iv) return 1;
  if ((key && key_length != stream->key_length) || (iv && iv_length != BLOCK)) return 0;
  OPENSSL_cleanse(stream->ahead, sizeof stream->ahead);
  stream->used = KEYSTREAM_AHEAD;
  return EVP_EncryptInit_ex2(stream->own, NULL, key, iv, NULL);
}

static int own_update(struct keystream *stream, unsigned char *out, const unsigned char *in, size_t count) {
  int written = 0;
  return EVP_EncryptUpdate(stream->own, out, &written, in, (int)count) && (size_t)written == count;
}

static void combine_block(unsigned char *out, const unsigned char *in, const unsigned char *key) {
  uint64_t a[2], b[2];
  memcpy(a, in, BLOCK);
  memcpy(b, key, BLOCK);
  a[0] ^= b[0];
  a[1] ^= b[1];
  memcpy(out, a, BLOCK);
}

static int refill(struct keystream *stream) {
  stream->used = 0;
  return own_update(stream, stream->ahead, zeros, KEYSTREAM_AHEAD);
}

static int update_any(struct keystream *stream, unsigned char *out, const unsigned char *in, size_t count) {
  while (count > 0) {
    size_t step;
    if (stream->used == KEYSTREAM_AHEAD && count >= KEYSTREAM_AHEAD) {
      // Enough for OpenSSL to do it in one go.
      step = count < INT_MAX ? count : INT_MAX;
      step -= step % KEYSTREAM_AHEAD;
      if (!own_update(stream, out, in, step)) return 0;
    } else {
      if (stream->used == KEYSTREAM_AHEAD && !refill(stream)) return 0;
      step = KEYSTREAM_AHEAD - stream->used;
      if (step > count) step = count;
      const unsigned char *key = stream->ahead + stream->used;
      for (size_t index = 0; index < step; index++) out[index] = in[index] ^ key[index];
      stream->used += step;
    }
    in += step;
    out += step;
    count -= step;
  }
  return 1;
}

static int update(void *context, unsigned char *out, size_t *written, size_t room, const unsigned char *in,
                  size_t count) {
  struct keystream *stream = context;
  if (room < count) return 0;
  *written = count;
  if (count == BLOCK && stream->used <= KEYSTREAM_AHEAD - BLOCK) {
    // The usual call.
    combine_block(out, in, stream->ahead + stream->used);
    stream->used += BLOCK;
    return 1;
  }
  return update_any(stream, out, in, count);
}

static int finish(void *context, unsigned char *out, size_t *written, size_t room) {
  *written = 0;
  return 1;
}

static int set_size(OSSL_PARAM params[], const char *name, size_t value) {
  OSSL_PARAM *param = OSSL_PARAM_locate(params, name);
  return !param || OSSL_PARAM_set_size_t(param, value);
}

static int get_params(OSSL_PARAM params[], size_t key_length) {
  OSSL_PARAM *mode = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_MODE);
  return (!mode || OSSL_PARAM_set_uint(mode, EVP_CIPH_CTR_MODE)) &&
         set_size(params, OSSL_CIPHER_PARAM_KEYLEN, key_length) &&
         set_size(params, OSSL_CIPHER_PARAM_IVLEN, BLOCK) &&
         set_size(params, OSSL_CIPHER_PARAM_BLOCK_SIZE, 1);
}

static int get_params_128(OSSL_PARAM params[]) { return get_params(params, 16); }
static int get_params_192(OSSL_PARAM params[]) { return get_params(params, 24); }
static int get_params_256(OSSL_PARAM params[]) { return get_params(params, 32); }

static int get_context_params(void *context, OSSL_PARAM params[]) {
  const struct keystream *stream = context;
  return set_size(params, OSSL_CIPHER_PARAM_KEYLEN, stream->key_length) &&
         set_size(params, OSSL_CIPHER_PARAM_IVLEN, BLOCK);
}

static const OSSL_PARAM *gettable_params(void *provider) {
  static const OSSL_PARAM known[] = {
      OSSL_PARAM_uint(OSSL_CIPHER_PARAM_MODE, NULL), OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_KEYLEN, NULL),
      OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_IVLEN, NULL), OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_BLOCK_SIZE, NULL),
      OSSL_PARAM_END};
  return known;
}

static const OSSL_PARAM *gettable_context_params(void *context, void *provider) {
  static const OSSL_PARAM known[] = {OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_KEYLEN, NULL),
                                     OSSL_PARAM_size_t(OSSL_CIPHER_PARAM_IVLEN, NULL), OSSL_PARAM_END};
  return known;
}

typedef void (*function)(void);

#define CIPHER(bits)                                                                       \
  static const OSSL_DISPATCH cipher_##bits[] = {                                           \
      {OSSL_FUNC_CIPHER_NEWCTX, (function)new_context_##bits},                             \
      {OSSL_FUNC_CIPHER_FREECTX, (function)free_context},                                  \
      {OSSL_FUNC_CIPHER_DUPCTX, (function)duplicate_context},                              \
      {OSSL_FUNC_CIPHER_ENCRYPT_INIT, (function)start},                                    \
      {OSSL_FUNC_CIPHER_DECRYPT_INIT, (function)start},                                    \
      {OSSL_FUNC_CIPHER_UPDATE, (function)update},                                         \
      {OSSL_FUNC_CIPHER_FINAL, (function)finish},                                          \
      {OSSL_FUNC_CIPHER_CIPHER, (function)update},                                         \
      {OSSL_FUNC_CIPHER_GET_PARAMS, (function)get_params_##bits},                          \
      {OSSL_FUNC_CIPHER_GET_CTX_PARAMS, (function)get_context_params},                     \
      {OSSL_FUNC_CIPHER_GETTABLE_PARAMS, (function)gettable_params},                       \
      {OSSL_FUNC_CIPHER_GETTABLE_CTX_PARAMS, (function)gettable_context_params},           \
      {0, NULL}}

CIPHER(128);
CIPHER(192);
CIPHER(256);

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache) {
#define PROPERTIES "provider=" MARTLET_KEYSTREAM_PROVIDER
  static const OSSL_ALGORITHM ciphers[] = {{"AES-128-CTR", PROPERTIES, cipher_128, "AES-128-CTR"},
                                           {"AES-192-CTR", PROPERTIES, cipher_192, "AES-192-CTR"},
                                           {"AES-256-CTR", PROPERTIES, cipher_256, "AES-256-CTR"},
                                           {NULL, NULL, NULL, NULL}};
  *no_cache = 0;
  return operation == OSSL_OP_CIPHER ? ciphers : NULL;
}

static int init_provider(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **own,
                         void **context) {
  static const OSSL_DISPATCH functions[] = {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (function)query}, {0, NULL}};
  *own = functions;
  // Not null is all that is asked of it.
  *context = (void *)handle;
  return 1;
}

static int is_installed;

static void install(void) {
  static const char *const names[] = {"AES-128-CTR", "AES-192-CTR", "AES-256-CTR"};
  // A system that wants nothing but validated code gets it.
  if (EVP_default_properties_is_fips_enabled(NULL)) return;
  for (int index = 0; index < 3; index++) {
    own_ciphers[index] = EVP_CIPHER_fetch(NULL, names[index], "provider=default");
    if (!own_ciphers[index]) return;
  }
  if (!OSSL_PROVIDER_add_builtin(NULL, MARTLET_KEYSTREAM_PROVIDER, init_provider)) return;
  // OpenSSL's own provider stays the one for all else.
  if (!OSSL_PROVIDER_try_load(NULL, MARTLET_KEYSTREAM_PROVIDER, 1)) return;
  is_installed = EVP_set_default_properties(NULL, "?provider=" MARTLET_KEYSTREAM_PROVIDER);
}

int martlet_keystream_install(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
  return is_installed;
}

#endif
