/* Certificates: views lie inside, texts are printable, lists are bounded. */
#include <stdlib.h>

#include "base/text.h"
#include "sig/cert.h"

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
	must(c->emails_n <= CERT_MAX_EMAILS && (c->usage_ok || c->usage_why != NULL));
	for (size_t i = 0; i < c->emails_n; i++) {
		check_text(c->emails[i]);
		must(text_email_ok(bytes_str(c->emails[i])));
		must(cert_has_email(c, bytes_str(c->emails[i])));
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
		if (cert_list_from_pem(bytes_skip(in, 1), 4, &l, &err) == 0) {
			must(l.n >= 1 && l.n <= 4);
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
