/* What the files of the CRL reader share; nobody else includes this. */
#ifndef GH_SIG_CRL_INTERNAL_H
#define GH_SIG_CRL_INTERNAL_H

#include "sig/crl.h"

struct crl_slot {
	int64_t since;
	uint32_t serial; /* offset in der */
	uint8_t serial_n, reason;
};

/* Fills what stands in c->der: all but the index. */
int crl_read(struct crl *c, struct err *err);

#endif
