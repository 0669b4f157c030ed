/*
 * evp: scope-bound ownership for OpenSSL's objects.
 */
#ifndef POSTERN_AUTH_EVP_H
#define POSTERN_AUTH_EVP_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "common/cleanup.h"

DEFINE_FREEP(BIO, BIO_free_all)
DEFINE_FREEP(BIGNUM, BN_free)
DEFINE_FREEP(ECDSA_SIG, ECDSA_SIG_free)
DEFINE_FREEP(EVP_MD_CTX, EVP_MD_CTX_free)
DEFINE_FREEP(EVP_PKEY, EVP_PKEY_free)
DEFINE_FREEP(EVP_PKEY_CTX, EVP_PKEY_CTX_free)
DEFINE_FREEP(OSSL_PARAM, OSSL_PARAM_free)
DEFINE_FREEP(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)

#endif
