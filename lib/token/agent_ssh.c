/* Which bytes an agent signs for ssh. */
#include "base/wire.h"
#include "token/agent_ssh.h"

#define USERAUTH_REQUEST 50
#define MAGIC "SSHSIG"

static bool text_is(struct bytes *in, const char *want)
{
	struct bytes v;

	return wire_string(in, &v) && bytes_eq_str(v, want);
}

/* The exchange hash of the key exchange: SHA-1, SHA-256, SHA-384 or SHA-512. */
static bool session_ok(struct bytes v)
{
	return v.n == 20 || v.n == 32 || v.n == 48 || v.n == 64;
}

/* RFC 4252 7; with publickey-hostbound the host's key stands behind ours. */
static bool is_login(struct bytes in, struct bytes blob, struct ssh_request *ret)
{
	struct bytes method, key, host;
	uint8_t message, has_signature;

	if (!wire_string(&in, &ret->session) || !session_ok(ret->session) ||
	    !wire_byte(&in, &message) || message != USERAUTH_REQUEST ||
	    !wire_string(&in, &ret->user) || !text_is(&in, "ssh-connection") ||
	    !wire_string(&in, &method) || !wire_byte(&in, &has_signature) || has_signature != 1 ||
	    !wire_string(&in, &ret->alg) || !wire_string(&in, &key) || !bytes_eq(key, blob))
		return false;
	if (bytes_eq_str(method, "publickey"))
		return in.n == 0;
	return bytes_eq_str(method, "publickey-hostbound-v00@openssh.com") &&
	       wire_string(&in, &host) && host.n > 0 && in.n == 0;
}

static bool is_sshsig(struct bytes in, struct ssh_request *ret)
{
	struct bytes reserved, digest;
	size_t want;

	if (!bytes_starts(in, BYTES_LIT(MAGIC)))
		return false;
	in = bytes_skip(in, sizeof(MAGIC) - 1);
	if (!wire_string(&in, &ret->space) || ret->space.n == 0 || !wire_string(&in, &reserved) ||
	    reserved.n != 0 || !wire_string(&in, &ret->hash) || !wire_string(&in, &digest) ||
	    in.n != 0)
		return false;
	want = bytes_eq_str(ret->hash, "sha512") ? 64 : bytes_eq_str(ret->hash, "sha256") ? 32 : 0;
	return want != 0 && digest.n == want;
}

struct ssh_request ssh_request_parse(struct bytes data, struct bytes blob)
{
	struct ssh_request r = { .kind = SSH_OTHER }, sig = { .kind = SSH_OTHER };

	if (is_login(data, blob, &r)) {
		r.kind = SSH_LOGIN;
		return r;
	}
	if (is_sshsig(data, &sig)) {
		sig.kind = SSH_SIGNATURE;
		return sig;
	}
	return (struct ssh_request){ .kind = SSH_OTHER };
}
