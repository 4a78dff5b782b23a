#ifndef MARTLET_CLIBCRYPTO_H
#define MARTLET_CLIBCRYPTO_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#endif
