/*
 * The forges' rules for X.509, as GitHub and GitLab document them and as GitLab's
 * source (lib/gitlab/x509/signature.rb) has them.
 */
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "base/text.h"
#include "doctor.h"
#include "trust/chain.h"

#define PUBLIC_ROOTS "/etc/ssl/certs/ca-certificates.crt" /* Debian's, which GitHub has */
#define ABOVE_MAX 16

static const char change_email[] = "set user.email to an address of the certificate";

struct rule {
	int holds; /* negative: cannot be told here */
	const char *no, *cure;
};

static bool has_extension(const struct cert *c, int nid)
{
	return X509_get_ext_by_NID(c->x509, nid, -1) >= 0;
}

static bool is_http(const GENERAL_NAME *n)
{
	int type = 0;
	const ASN1_STRING *s = GENERAL_NAME_get0_value(n, &type);

	return type == GEN_URI && ASN1_STRING_length(s) > 7 &&
	       memcmp(ASN1_STRING_get0_data(s), "http://", 7) == 0;
}

/* GitLab keeps it in a column of 40 hexadecimal digits. */
static bool short_key_id(const struct cert *c)
{
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(c->x509);

	return id == NULL || ASN1_STRING_length(id) == 20;
}

static bool has_http_crl(const struct cert *c)
{
	CRL_DIST_POINTS *all = X509_get_ext_d2i(c->x509, NID_crl_distribution_points, NULL, NULL);
	bool found = false;

	for (int i = 0; i < sk_DIST_POINT_num(all) && !found; i++) {
		const DIST_POINT *p = sk_DIST_POINT_value(all, i);

		if (p->distpoint == NULL || p->distpoint->type != 0)
			continue;
		for (int k = 0; k < sk_GENERAL_NAME_num(p->distpoint->name.fullname) && !found; k++)
			found = is_http(sk_GENERAL_NAME_value(p->distpoint->name.fullname, k));
	}
	CRL_DIST_POINTS_free(all);
	return found;
}

/* Does the chain end in a root of the public store? Negative: there is no store here. */
static int is_public(const struct cert *leaf, const struct cert_list *above)
{
	const struct cert *line[ABOVE_MAX];
	struct chain_result r = { .level = VERDICT_BAD };
	X509_STORE *store;
	size_t n = above->n < ABOVE_MAX ? above->n : ABOVE_MAX;
	const char *roots = getenv("SSL_CERT_FILE"); /* OpenSSL's own name for it */

	if (roots == NULL)
		roots = PUBLIC_ROOTS;
	if (access(roots, R_OK) != 0)
		return -1;
	store = chain_store_new();
	for (size_t i = 0; i < n; i++)
		line[i] = above->v[i];
	if (store != NULL && X509_STORE_load_file(store, roots) == 1)
		chain_judge(store, leaf, line, n, NULL, NULL, &r);
	X509_STORE_free(store);
	return r.level == VERDICT_GOOD;
}

static bool old_algorithm(const struct cert *c)
{
	return c->alg.kind == KEY_RSA || c->alg.kind == KEY_P256 || c->alg.kind == KEY_P384 ||
	       c->alg.kind == KEY_P521;
}

static void judge(struct doctor *d, const char *forge, const struct rule *rules, size_t n,
		  const char *else_)
{
	struct buf no = BUF_INIT, cures = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		if (rules[i].holds > 0)
			continue;
		buf_addf(&no, "%s%s%s", no.n > 0 ? "; " : "",
			 rules[i].holds < 0 ? "cannot be told here: " : "", rules[i].no);
		if (rules[i].cure != NULL && strstr(buf_str(&cures), rules[i].cure) == NULL)
			buf_addf(&cures, "%s%s", cures.n > 0 ? "\n" : "", rules[i].cure);
	}
	if (no.n == 0)
		doctor_ok(d, forge, else_);
	else
		doctor_note(d, forge, buf_str(&no), cures.n > 0 ? buf_str(&cures) : NULL);
	buf_free(&no);
	buf_free(&cures);
}

void doctor_forges(struct doctor *d, const struct cert *leaf, const struct cert_list *above)
{
	const char *email = doctor_committer(d);
	bool mine = email != NULL && cert_has_email(leaf, bytes_str(email));
	int public = is_public(leaf, above);
	const struct rule github[] = {
		{ old_algorithm(leaf), "an Ed25519 signature in CMS is not verified",
		  "use an RSA or ECDSA key" },
		{ mine, "the committer's address is not in the certificate", change_email },
		{ public, "the chain does not end in a root of Mozilla's program",
		  "a private CA is never Verified on github.com; your server's policy still "
		  "counts" },
	};
	const struct rule gitlab[] = {
		{ old_algorithm(leaf), "OpenSSL's PKCS7 reader verifies no Ed25519",
		  "use an RSA or ECDSA key" },
		{ X509_NAME_entry_count(X509_get_subject_name(leaf->x509)) > 0,
		  "the subject is empty", "ask the CA for a subject" },
		{ has_extension(leaf, NID_subject_key_identifier), "no subjectKeyIdentifier",
		  "ask the CA for it" },
		{ short_key_id(leaf), "the subjectKeyIdentifier has not 20 bytes",
		  "ask the CA for one by SHA-1" },
		{ has_extension(leaf, NID_authority_key_identifier), "no authorityKeyIdentifier",
		  "ask the CA for it" },
		{ has_http_crl(leaf), "no cRLDistributionPoints with an http address",
		  "ask the CA for it" },
		{ d->dated <= os_now(),
		  "GIT_COMMITTER_DATE is ahead of this clock, with which it signs",
		  "unset GIT_COMMITTER_DATE" },
		{ leaf->emails_n > 0, "no e-mail address in subjectAltName", "ask the CA for it" },
		{ mine, "the committer's address is not in the certificate", change_email },
	};
	const struct rule bitbucket[] = {
		{ old_algorithm(leaf), "an Ed25519 signature in CMS is not verified",
		  "use an RSA or ECDSA key" },
		{ mine, "the committer's address is not in the certificate", change_email },
	};

	judge(d, "GitHub", github, sizeof(github) / sizeof(github[0]),
	      "would be Verified, once the address is verified on the account");
	judge(d, "GitLab", gitlab, sizeof(gitlab) / sizeof(gitlab[0]),
	      public > 0 ? "would be Verified, once the address is verified on the account"
			 : "would be Verified, where the server trusts your CA");
	judge(d, "Bitbucket", bitbucket, sizeof(bitbucket) / sizeof(bitbucket[0]),
	      "would be verified, where an administrator has added your CA");
}
