/* Certificates: views lie inside, texts are printable, lists are bounded. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sig/cert.h"

#define LIST_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void inside(const struct cert *c, struct bytes v)
{
	must(v.n > 0 && v.p >= c->der && v.p + v.n <= c->der + c->der_n);
}

static void check_text(const char *s)
{
	must(*s != '\0');
	for (; *s; s++)
		must((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void check_cert(const struct cert *c, struct bytes in)
{
	must(bytes_eq(bytes_of(c->der, c->der_n), in) && in.n <= CERT_MAX_DER);
	inside(c, c->issuer);
	inside(c, c->serial);
	check_text(c->subject);
	must(!cert_has_email(c, BYTES_LIT("no address")));
	must(c->emails_n <= CERT_MAX_EMAILS && (c->usage_ok || c->usage_why != NULL));
	for (size_t i = 0; i < c->emails_n; i++) {
		check_text(c->emails[i]);
		must(text_email_ok(bytes_str(c->emails[i])));
		must(cert_has_email(c, bytes_str(c->emails[i])));
	}
}

/* Each once, and never the first: a circle has an end. */
static void check_chain(const struct cert_list *l)
{
	const struct cert *chain[LIST_MAX];
	size_t n = cert_chain_for(l->v[0], l, chain, LIST_MAX);

	must(n <= LIST_MAX);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			must(chain[i] != chain[k]);
}

/* Another form has another digest; without a key that signed it there is none to be had. */
static void check_forms(const struct cert_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		uint8_t other[32];

		for (size_t k = 0; k < l->n; k++)
			if (l->v[k]->key && cert_other_sha256(l->v[i], l->v[k]->key, other))
				must(memcmp(other, l->v[i]->sha256, sizeof(other)) != 0);
	}
}

/* The first byte: 'P' for a PEM text with any number of them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct cert_list l = { NULL, 0 };
	struct err err = ERR_INIT;
	struct cert *c = NULL;
	int r;

	if (size > 0 && data[0] == 'P') {
		if (cert_list_from_pem(bytes_skip(in, 1), LIST_MAX, &l, &err) == 0) {
			must(l.n >= 1 && l.n <= LIST_MAX);
			check_chain(&l);
			check_forms(&l);
			cert_list_free(&l);
		}
		return 0;
	}
	r = cert_parse(in, &c, &err);
	must(r == 0 || (r == (int)err.code && c == NULL && err.text[0]));
	if (r == 0)
		check_cert(c, in);
	cert_free(c);
	return 0;
}
