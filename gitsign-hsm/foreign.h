/*
 * hsm.agent = ssh: signing by the ssh-agent that SSH_AUTH_SOCK names, which has the key
 * of a certificate in a file (hsm.certificate). Such an agent signs any bytes for anybody
 * who reaches it: it is used only where it is named.
 */
#ifndef GH_FOREIGN_H
#define GH_FOREIGN_H

#include "base/buf.h"
#include "base/err.h"
#include "settings.h"

/*
 * As signer_sign(), with the one certificate that `key` names ("" or NULL: hsm.key, or the
 * only usable one) by fingerprint or e-mail; appends the status lines too.
 */
int foreign_sign(const struct settings *s, const char *key, struct bytes payload, int64_t now,
		 struct buf *pem, struct buf *status, struct err *err);

#endif
