/* The bench's references, called from C: references (x25519 | ristretto255) LIBRARY

   x25519        EVP_PKEY_derive of OpenSSL 3: one private key with one public key, again and again
   ristretto255  crypto_scalarmult_ristretto255 of libsodium: one scalar, each product the next element

   The library is opened by name or path at run time and its functions are declared here, so that neither headers nor
   link libraries are needed. The first line that comes out is the library's version. Then each line that comes in is a
   number of operations; they are done, and the processor seconds of this process that they took come out. Anything
   that fails ends the program with a sentence on standard error. */

#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_BYTES 32

static void *library;

static void fail(const char *what)
{
    fprintf(stderr, "references: %s\n", what);
    exit(1);
}

/* ISO C has no cast from an object's address to a function's; POSIX promises that the bits are the same. */
static void find(const char *name, void *function)
{
    void *address = dlsym(library, name);
    if (address == NULL)
        fail(name);
    memcpy(function, &address, sizeof address);
}

/* OpenSSL: NID_X25519 and OPENSSL_VERSION are numbers of its interface. */
#define NID_X25519 1034
#define OPENSSL_VERSION 0

static void *derivation;
static int (*pkey_derive)(void *, unsigned char *, size_t *);

static void *new_key(unsigned char first)
{
    void *(*new_raw)(int, void *, const unsigned char *, size_t);
    unsigned char bytes[KEY_BYTES];
    find("EVP_PKEY_new_raw_private_key", &new_raw);
    for (int i = 0; i < KEY_BYTES; i++)
        bytes[i] = (unsigned char)(first + 37 * i);
    return new_raw(NID_X25519, NULL, bytes, sizeof bytes);
}

static void x25519_start(void)
{
    const char *(*version)(int);
    void *(*new_context)(void *, void *);
    int (*init)(void *), (*set_peer)(void *, void *);
    find("OpenSSL_version", &version);
    find("EVP_PKEY_CTX_new", &new_context);
    find("EVP_PKEY_derive_init", &init);
    find("EVP_PKEY_derive_set_peer", &set_peer);
    find("EVP_PKEY_derive", &pkey_derive);
    void *mine = new_key(1), *theirs = new_key(2);
    derivation = mine ? new_context(mine, NULL) : NULL;
    if (!derivation || !theirs || init(derivation) != 1 || set_peer(derivation, theirs) != 1)
        fail("OpenSSL makes no X25519 keys");
    printf("%s\n", version(OPENSSL_VERSION));
}

static void x25519_run(long count)
{
    unsigned char shared[KEY_BYTES];
    while (count-- > 0) {
        size_t length = sizeof shared;
        if (pkey_derive(derivation, shared, &length) != 1)
            fail("EVP_PKEY_derive");
    }
}

static unsigned char scalar[KEY_BYTES], element[KEY_BYTES];
static int (*scalarmult)(unsigned char *, const unsigned char *, const unsigned char *);

static void ristretto255_start(void)
{
    int (*init)(void);
    const char *(*version)(void);
    void (*random_scalar)(unsigned char *), (*random_element)(unsigned char *);
    find("sodium_init", &init);
    find("sodium_version_string", &version);
    find("crypto_core_ristretto255_scalar_random", &random_scalar);
    find("crypto_core_ristretto255_random", &random_element);
    find("crypto_scalarmult_ristretto255", &scalarmult);
    if (init() < 0)
        fail("sodium_init");
    random_scalar(scalar);
    random_element(element);
    printf("%s\n", version());
}

static void ristretto255_run(long count)
{
    unsigned char next[KEY_BYTES];
    while (count-- > 0) {
        if (scalarmult(next, scalar, element) != 0)
            fail("crypto_scalarmult_ristretto255");
        memcpy(element, next, sizeof element);
    }
}

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
    int sodium = argc == 3 && strcmp(argv[1], "ristretto255") == 0;
    if (!sodium && (argc != 3 || strcmp(argv[1], "x25519") != 0))
        fail("usage: references (x25519 | ristretto255) LIBRARY");
    library = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        fail(dlerror());
    (sodium ? ristretto255_start : x25519_start)();
    fflush(stdout);
    char line[32];
    while (fgets(line, sizeof line, stdin) != NULL) {
        long count = strtol(line, NULL, 10);
        double begin = processor_seconds();
        (sodium ? ristretto255_run : x25519_run)(count);
        printf("%.9f\n", processor_seconds() - begin);
        fflush(stdout);
    }
    return 0;
}
