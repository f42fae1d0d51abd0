#ifndef GH_HELPER_KEY_INTERNAL_H
#define GH_HELPER_KEY_INTERNAL_H

#include <fcntl.h>
#include <openssl/rsa.h>

#include "gitsign-hsm/settings.h"
#include "helper/key.h"
#include "sig/cert.h"
#include "token/token.h"

struct key {
	struct settings settings;
	struct token *token;
	bool interactive;
	int deadline_fd; /* standard error, whatever stands in its place meanwhile */
	size_t slot;
	struct key_facts facts;
	/* what the facts point into */
	uint8_t *id;
	uint8_t spki[32];
	char *label;
	struct cert *cert;
};

/* Finds what the profile (`ctx`) names on the open token. */
int key_find(struct key *k, void *ctx, struct err *err);
void key_found_free(struct key *k);

#endif
