/*
 * What ssh's own programs say to an agent (draft-ietf-sshm-ssh-agent), and which bytes
 * it signs for them: SSH logins (RFC 4252 7; OpenSSH PROTOCOL, 3.1) and SSHSIG blobs
 * (OpenSSH PROTOCOL.sshsig), recognised to the last byte.
 */
#ifndef GH_TOKEN_AGENT_SSH_H
#define GH_TOKEN_AGENT_SSH_H

#include <stdbool.h>

#include "base/alg.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

enum ssh_request_kind { SSH_OTHER = 0, SSH_LOGIN, SSH_SIGNATURE };

/* Views into what was parsed. */
struct ssh_request {
	enum ssh_request_kind kind;
	struct bytes session, user; /* of a login */
	struct bytes alg;           /* of a login: the algorithm it announces */
	struct bytes space, hash;   /* of an SSHSIG: its namespace and hash algorithm */
};

/*
 * Are the bytes, to the last one, a login with the key `blob`, or an SSHSIG over a
 * digest? SSH_OTHER: neither, and not to be signed.
 */
struct ssh_request ssh_request_parse(struct bytes data, struct bytes blob);

#define SSH_FLAG_SHA256 2u /* of a sign request: how an RSA key signs */
#define SSH_FLAG_SHA512 4u

/* The public key as ssh has it (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4). False: of a
 * kind that ssh does not know. */
bool ssh_key_blob(EVP_PKEY *key, struct buf *out);

/*
 * How this key signs with these flags: the algorithm's name and digest. False: not at
 * all (RSA with SHA-1).
 */
bool ssh_key_alg(EVP_PKEY *key, uint32_t flags, const char **name, enum alg_hash *h);

/* From the form of X.509 (token_sign()) to ssh's, and back; false for no signature. */
bool ssh_signature_put(struct buf *out, EVP_PKEY *key, const char *alg, struct bytes sig);
bool ssh_signature_get(struct bytes in, EVP_PKEY *key, const char *alg, struct buf *sig);

#endif
