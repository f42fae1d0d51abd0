/* CRLs: views lie inside, every entry is found, files of them are bounded. */
#include <stdlib.h>

#include "sig/crl.h"
#include "sig/crl_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void inside(const struct crl *c, struct bytes v)
{
	must(v.n == 0 || (v.p >= c->der && v.p + v.n <= c->der + c->der_n));
}

static void check(const struct crl *c)
{
	struct crl_entry e;

	inside(c, c->tbs);
	inside(c, c->signature);
	inside(c, c->key_id);
	must(c->issuer && c->issuer_text && c->this_update <= c->next_update);
	must(c->entries_n <= CRL_MAX_ENTRIES && c->index_n >= c->entries_n);
	for (size_t i = 0; i < c->entries_n; i++) {
		struct bytes serial =
			bytes_of(c->der + c->entries[i].serial, c->entries[i].serial_n);

		inside(c, serial);
		must(serial.n > 0 && crl_find(c, serial, &e) && e.since <= c->entries[i].since);
		must(*crl_reason_name(e.reason) != '\0');
	}
}

/* A file that begins like DER is one list, anything else a PEM text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crl_list l = { NULL, 0 };
	struct err err = ERR_INIT;
	int rc = crl_list_read(bytes_of(data, size), &l, &err);

	must(rc == 0 || (rc == (int)err.code && l.n == 0 && err.text[0]));
	must(rc != 0 || (l.n >= 1 && l.n <= CRL_MAX_LISTS));
	for (size_t i = 0; i < l.n; i++)
		check(l.v[i]);
	crl_list_free(&l);
	return 0;
}
